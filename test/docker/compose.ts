/**
 * `npm run test:docker`: compose.yaml from a clean checkout of HEAD. Needs a Docker engine with Compose, git, tar, curl.
 */
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { buildImage, Container, docker } from './docker.ts'

// the image is built
t.setTimeout(900_000)

const run = promisify(execFile)
const IMAGE = `postern-compose:${process.pid}`
const PROJECT = `postern-test-${process.pid}`
// any free port of this machine
const env = { ...process.env, POSTERN_IMAGE: IMAGE, POSTERN_PUBLISH: '127.0.0.1:' }

/** Compose as a plugin of docker, or the program that it was before; `null` where there is neither. */
async function findCompose (): Promise<readonly string[] | null> {
  for (const command of [['docker', 'compose'], ['docker-compose']]) {
    const [file = '', ...args] = command
    if (await run(file, [...args, 'version']).then(() => true, () => false)) return command
  }
  return null
}

const composeCommand = await findCompose()
const skip = composeCommand === null && 'neither `docker compose` nor `docker-compose` is installed'

t.test('reverse invoke in containers: the back end is reached through the DMZ, and from the DMZ it is not', { skip }, async t => {
  const workspace = mkdtempSync(join(tmpdir(), 'postern-compose-'))
  const checkout = join(workspace, 'checkout')
  const compose = async (...args: readonly string[]): Promise<string> => {
    const [file = '', ...first] = composeCommand ?? []
    const { stdout } = await run(file, [...first, '--project-name', PROJECT, '--file', join(checkout, 'compose.yaml'), ...args], { env })
    return stdout.trim()
  }
  t.teardown(async () => {
    await compose('down', '--volumes', '--timeout', '20')
    await docker('image', 'rm', '--force', IMAGE)
    rmSync(workspace, { recursive: true, force: true })
  })
  await buildImage(IMAGE, workspace)
  await compose('up', '--detach', '--no-build')
  const containerOf = async (service: string): Promise<Container> => new Container(await compose('ps', '--all', '--quiet', service))
  const [dmz, local, backEnd, certificates] = [await containerOf('dmz'), await containerOf('local'), await containerOf('back-end'), await containerOf('certificates')]
  await dmz.log(/"initiator registered"/)

  const user = join(workspace, 'user')
  await docker('cp', `${certificates.id}:/pki/user`, user)
  const port = await dmz.publishedPort(8443)
  const curl = async (...args: readonly string[]): Promise<string> =>
    (await run('curl', ['--silent', '--show-error', '--max-time', '20', '--cacert', join(user, 'root.pem'), ...args, `https://localhost:${port}/`])).stdout
  const asUser = ['--cert', join(user, 'user.pem'), '--key', join(user, 'user.key')]

  await t.test('a user with a certificate is known to the back end', async t => {
    const certificate = new X509Certificate(readFileSync(join(user, 'user.pem'))).raw.toString('base64')
    t.match(JSON.parse(await curl(...asUser)), {
      user: { subject: 'CN=ALICE, OU=Users, O=Example, C=DE', source: 'header' }, predecessor: 'CN=wd-local, O=Example, C=DE', fields: { SSL_CLIENT_CERT: certificate }
    })
    t.match(JSON.parse(await curl('--header', `SSL_CLIENT_CERT: ${certificate}`)), { user: null }, 'a forged field does not arrive')
  })

  await t.test('nothing leads from outside or from the DMZ to the inside', async t => {
    const memberIds = async (network: string): Promise<string[]> => Object.keys(JSON.parse(await docker('network', 'inspect', '--format', '{{json .Containers}}', `${PROJECT}_${network}`)) as object)
    t.equal(await docker('network', 'inspect', '--format', '{{.Internal}}', `${PROJECT}_inner`), 'true')
    t.strictSame((await memberIds('inner')).toSorted(), [local.id, backEnd.id].toSorted())
    t.strictSame((await memberIds('dmz')).toSorted(), [local.id, dmz.id].toSorted())
    for (const container of [local, backEnd]) t.equal(await docker('port', container.id), '', 'no port is published')
    // whoever takes the DMZ gateway over can try this
    const tryConnect = async (host: string, port: number): Promise<string> => await dmz.exec('node', '-e', `
      const socket = require('node:net').connect({ host: '${host}', port: ${port}, timeout: 2000 })
      const end = text => { console.log(text); process.exit() }
      socket.on('connect', () => end('connected')).on('error', ({ code }) => end(code)).on('timeout', () => end('no answer'))`)
    t.equal(await tryConnect('dmz.example.com', 8443), 'connected', 'the attempt is one')
    t.match(await tryConnect(await backEnd.inspect('{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'), 9443), /^(?:no answer|EHOSTUNREACH|ENETUNREACH|ECONNREFUSED)$/)
    t.match(await tryConnect('back-end', 9443), /^(?:ENOTFOUND|EAI_AGAIN)$/, 'its name is not known there')
    for (const port of [44300, 8443, 9400]) t.equal(await tryConnect('local', port), 'ECONNREFUSED', `port ${port} of the local gateway`)
  })

  await t.test('no key is where it does not belong', async t => {
    t.equal(await dmz.exec('ls', '/sec'), 'SAPSSLS.pse')
    t.equal(await local.exec('ls', '/sec'), 'SAPSSLC.pse\nSAPSSLS.pse')
    t.equal(await backEnd.exec('ls', '/sec'), 'back-end.pem\nroot.pem')
  })

  await t.test('without the local gateway there is an error, and with it again an answer', async t => {
    t.equal(await local.stop(), 0)
    t.match(JSON.parse(await curl(...asUser)), { statusCode: 503, code: 'POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED' })
    const before = new Date().toISOString()
    await docker('start', local.id)
    await dmz.log(/"initiator registered"/, before)
    t.match(JSON.parse(await curl(...asUser)), { user: { source: 'header' } })
    t.equal(await dmz.stop(), 0)
  })
})
