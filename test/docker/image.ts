/**
 * `npm run test:docker`: builds the image from a clean checkout of HEAD and runs it as its users do. Needs a Docker engine, git, tar, openssl, curl.
 */
import { execFile, execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chownSync, chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { once } from 'node:events'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { buildImage, docker, root, startContainer, type Container } from './docker.ts'

const run = promisify(execFile)
const IMAGE = `postern-test:${process.pid}`
/** The user of the image. */
const UID = 1000

const workspace = mkdtempSync(join(tmpdir(), 'postern-docker-'))
t.teardown(async () => {
  await docker('image', 'rm', '--force', IMAGE).catch(() => {})
  rmSync(workspace, { recursive: true, force: true })
})

const pki = join(workspace, 'pki')
t.before(async () => {
  mintPki()
  await buildImage(IMAGE, workspace)
})

function mintPki (): void {
  mkdirSync(pki)
  const openssl = (...args: string[]): void => { execFileSync('openssl', args, { cwd: pki, stdio: ['ignore', 'ignore', 'pipe'] }) }
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  openssl('req', '-x509', ...ec, '-subj', '/C=DE/O=Example/CN=Root CA', '-keyout', 'ca.key', '-out', 'ca.crt')
  for (const name of ['server', 'server-renewed', 'gateway', 'back-end', 'user']) {
    openssl('req', '-x509', ...ec, '-subj', `/C=DE/O=Example/CN=${name}`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-addext', 'basicConstraints=critical,CA:FALSE',
      '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', `${name}.key`, '-out', `${name}.crt`)
    writeFileSync(join(pki, `${name}.pem`), readFileSync(join(pki, `${name}.key`), 'utf8') + readFileSync(join(pki, `${name}.crt`), 'utf8'))
  }
}

const PROFILE = `SAPSYSTEMNAME = WDP
SAPSYSTEM = 10
icm/server_port_0 = PROT=HTTPS, PORT=8443
icm/HTTPS/verify_client = 1
icm/HTTPS/forward_ccert_as_header = TRUE
ssl/server_pse = SAPSSLS.pem
postern/trust_0 = PSE=SAPSSLS.pem, CERTS=ca.crt
ssl/client_pse = SAPSSLC.pem
postern/trust_1 = PSE=SAPSSLC.pem, CERTS=ca.crt
wdisp/ssl_encrypt = 1
wdisp/ssl_auth = 1
wdisp/system_0 = SID=ABC, EXTSRV=https://localhost:9443, SRCSRV=*:*
`

/** A profile directory as Kubernetes mounts a secret: files are links through `..data`, which is itself a link that is replaced as a whole. */
function profileDirectory (t: Test): { path: string, swap (server: string): void } {
  const path = mkdtempSync(join(workspace, 'profile-'))
  const sec = join(path, 'sec')
  mkdirSync(sec)
  writeFileSync(join(path, 'postern.pfl'), PROFILE)
  let generation = 0
  const swap = (server: string): void => {
    const name = `..generation-${++generation}`
    mkdirSync(join(sec, name))
    for (const [from, to] of [[`${server}.pem`, 'SAPSSLS.pem'], ['gateway.pem', 'SAPSSLC.pem'], ['ca.crt', 'ca.crt']] as const) {
      cpSync(join(pki, from), join(sec, name, to))
      chmodSync(join(sec, name, to), 0o400)
      chownSync(join(sec, name, to), UID, UID)
    }
    symlinkSync(name, join(sec, '..new'))
    renameSync(join(sec, '..new'), join(sec, '..data'))
  }
  swap('server')
  for (const name of ['SAPSSLS.pem', 'SAPSSLC.pem', 'ca.crt']) symlinkSync(`..data/${name}`, join(sec, name))
  for (const directory of [path, sec]) chmodSync(directory, 0o755)
  t.teardown(() => { rmSync(path, { recursive: true, force: true }) })
  return { path, swap }
}

/** Runs the image with nothing but the mounted profile writable or not: the root file system is read-only, no capability is left. */
async function startGateway (t: Test, profile: string): Promise<Container> {
  return await startContainer(t, '--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--volume', `${profile}:/etc/postern:ro`,
    '--publish', '127.0.0.1::8443', '--health-interval=1s', IMAGE)
}

/** The back end shares the network of the gateway's container, so that `localhost` of the profile is it. */
async function startBackEnd (t: Test, gateway: Container): Promise<void> {
  const container = await startContainer(t, '--network', `container:${gateway.id}`, '--user', '0', '--no-healthcheck', '--volume', `${pki}:/pki:ro`,
    '--volume', `${join(import.meta.dirname, 'back-end.js')}:/back-end/main.mjs:ro`, IMAGE, 'node', '/back-end/main.mjs')
  await container.log(/back end listens/)
}

async function curl (port: number, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run('curl', ['--silent', '--show-error', '--fail', '--max-time', '20', ...args, `https://localhost:${port}/`])
  return stdout
}

async function servedCertificate (port: number): Promise<string> {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: readFileSync(join(pki, 'ca.crt')) })
  await once(socket, 'secureConnect')
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

/** What back-end.js saw. */
interface Seen { readonly gateway: { readonly CN: string }, readonly headers: Readonly<Record<string, string>> }

t.test('serves a mounted profile: read-only, not as root, healthy, and ends in order on SIGTERM', async t => {
  const gateway = await startGateway(t, profileDirectory(t).path)
  await gateway.healthy()
  await startBackEnd(t, gateway)
  const port = await gateway.publishedPort(8443)
  const user = ['--cacert', join(pki, 'ca.crt'), '--cert', join(pki, 'user.crt'), '--key', join(pki, 'user.key')]
  const ask = async (...args: readonly string[]): Promise<Seen> => JSON.parse(await curl(port, ...user, ...args)) as Seen
  const { gateway: predecessor, headers } = await ask()
  t.equal(headers['ssl_client_cert'], new X509Certificate(readFileSync(join(pki, 'user.crt'))).raw.toString('base64'), 'the certificate of the user arrives')
  t.equal(predecessor.CN, 'gateway', 'over a connection with the client PSE')
  t.notOk((await ask('--header', 'SSL_CLIENT_CERT: forged')).headers['ssl_client_cert'], 'a forged field does not')
  t.equal(await gateway.exec('id', '-u'), String(UID))
  await t.rejects(gateway.exec('touch', '/opt/postern/x'), /Read-only file system/)
  t.match(await gateway.exec('postern', '-version'), /postern/)
  t.equal(await gateway.stop(), 0)
})

t.test('takes secrets that are swapped by symlink when it is restarted', async t => {
  const profile = profileDirectory(t)
  const gateway = await startGateway(t, profile.path)
  await gateway.healthy()
  const fingerprint = (name: string): string => new X509Certificate(readFileSync(join(pki, `${name}.crt`))).fingerprint256
  t.equal(await servedCertificate(await gateway.publishedPort(8443)), fingerprint('server'))
  profile.swap('server-renewed')
  t.equal(await servedCertificate(await gateway.publishedPort(8443)), fingerprint('server'), 'a swap does not disturb the running gateway')
  t.equal(await gateway.stop(), 0)
  const before = new Date().toISOString()
  await docker('start', gateway.id)
  await gateway.healthy(before)
  t.equal(await servedCertificate(await gateway.publishedPort(8443)), fingerprint('server-renewed'))
})

t.test('runs as any user that can read the files, and says which file it cannot read', async t => {
  const { path } = profileDirectory(t)
  const args = ['--user', '20000:20000', '--health-interval=1s', '--volume', `${path}:/etc/postern:ro`, IMAGE]
  const refused = await startContainer(t, ...args)
  t.equal(await docker('wait', refused.id), '1')
  t.match(await docker('logs', refused.id), /SAPSSLS\.pem/)
  execFileSync('chown', ['-R', '20000:20000', path])
  const accepted = await startContainer(t, ...args)
  await accepted.healthy()
  t.equal(await accepted.stop(), 0)
})

t.test('refuses a mounted directory without a profile instead of turning into a demo', async t => {
  const directory = mkdtempSync(join(workspace, 'empty-'))
  chmodSync(directory, 0o755)
  writeFileSync(join(directory, 'profile.txt'), PROFILE)
  const gateway = await startContainer(t, '--volume', `${directory}:/etc/postern:ro`, IMAGE)
  t.equal(await docker('wait', gateway.id), '1')
  t.match(await docker('logs', gateway.id), /no \*\.pfl among profile\.txt/)
})

t.test('starts the demo landscape without a mounted profile', async t => {
  const demo = await startContainer(t, '--read-only', '--tmpfs', '/tmp', '--publish', '127.0.0.1::8443', '--health-interval=1s', IMAGE)
  t.equal(await demo.log(/as expected/i), 'All of it as expected.')
  await demo.healthy()
  const file = join(workspace, 'demo-root.pem')
  writeFileSync(file, await demo.exec('sh', '-c', 'cat /tmp/postern-demo-*/user/root.pem'))
  t.match(await curl(await demo.publishedPort(8443), '--cacert', file), /SSL_CIPHER_SUITE/i)
  t.equal(await demo.stop(), 0)
})

t.test('the commands of the guide do what it says', async t => {
  const { path } = profileDirectory(t)
  const guide = readFileSync(join(root, 'docs/guides/container.md'), 'utf8')
  const commands = [...guide.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) => block.trim().split('\n'))
  t.ok(commands.includes('docker build -t postern .'), 'the image was built with it')
  for (const command of commands.filter(text => text.startsWith('ch'))) execFileSync('sh', ['-c', command.replace(/\bprofile$/, path)])
  const runs = commands.filter(command => command.startsWith('docker run --rm '))
  t.equal(runs.length, 4)
  for (const command of runs) {
    const args = command.replace('docker run --rm ', '').replace(/-p \d+:8443/, '--publish 127.0.0.1::8443').replace('./profile:', `${path}:`)
      .replace(' postern', ` ${IMAGE}`).replace(/^postern/, IMAGE).split(' ')
    const container = await startContainer(t, '--health-interval=1s', ...args)
    if (args.includes('-checkconfig')) {
      t.equal(await docker('wait', container.id), '0', command)
    } else {
      await container.healthy()
      t.equal(await container.stop(), 0, command)
    }
  }
})
