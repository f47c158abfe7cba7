/** `postern pse` as a program, with openssl as the CA and a gateway that uses what was made. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { startGateway } from '../helpers/gateway-process.ts'
import { buildLandscape, curl, fieldsOf, opensslBase64 } from '../helpers/landscape.ts'
import { mintPki, type Issued } from '../helpers/pki.ts'
import { runProgram, runToEnd } from '../helpers/processes.ts'

// each command is a process
t.setTimeout(300_000)

const program = fileURLToPath(new URL('../../src/postern.ts', import.meta.url))

interface Workplace {
  readonly directory: string
  readonly secudir: string
  pse (...argv: string[]): Promise<{ code: number | null, stdout: string, stderr: string }>
  /** Runs one that has to go well. */
  done (...argv: string[]): Promise<string>
  openssl (...argv: string[]): Promise<void>
}

function workplace (t: Test): Workplace {
  const directory = mkdtempSync(join(tmpdir(), 'postern-pse-'))
  t.teardown(() => { rmSync(directory, { recursive: true }) })
  const secudir = join(directory, 'sec')
  mkdirSync(secudir)
  const options = { cwd: directory, env: { ...process.env, SECUDIR: secudir } }
  const pse: Workplace['pse'] = async (...argv) => await runToEnd(process.execPath, [program, 'pse', ...argv], options)
  return {
    directory,
    secudir,
    pse,
    done: async (...argv) => {
      const { code, stdout, stderr } = await pse(...argv)
      t.equal(code, 0, `${argv.slice(0, 3).join(' ')}: ${stderr}`)
      return stdout
    },
    openssl: async (...argv) => {
      const { code, stderr } = await runToEnd('openssl', argv, { cwd: directory })
      if (code !== 0) throw new Error(`openssl ${argv.join(' ')}: ${stderr}`)
    }
  }
}

/** What a CA does with a request. */
function signing (ca: { certificate: string, key: string }, request: string, answer: string): string[] {
  return ['x509', '-req', '-in', request, '-CA', ca.certificate, '-CAkey', ca.key, '-copy_extensions', 'copy', '-days', '5', '-out', answer]
}

t.test('the life of a server and a client PSE by commands only, and a request through a gateway with both', async t => {
  const landscape = await buildLandscape(t)
  const { pki } = landscape
  const { directory, secudir, done, pse, openssl } = workplace(t)
  const [pin, root] = [pki.file('pin', 'geheim\n'), landscape.rootFile]
  const ca = { certificate: pki.file('issuing.crt', pki.intermediate.certPem), key: pki.file('issuing.key', pki.intermediate.keyPem) }
  const names = { 'SAPSSLS.pse': ['-k', 'GN-dNSName:localhost', '-k', 'GN-iPAddress:127.0.0.1', 'CN=localhost, O=Example, C=DE'], 'SAPSSLC.pse': ['CN=wd, OU=Made here, O=Example, C=DE'] }
  for (const [name, subject] of Object.entries(names)) {
    await done('gen_pse', '-p', name, '-x', `@${pin}`, '-r', `${name}.req`, '-a', 'sha256WithRsaEncryption', '-s', '2048', ...subject)
    await openssl(...signing(ca, `${name}.req`, `${name}.crt`))
    t.match(await pse('import_own_cert', '-p', name, '-x', `@${pin}`, '-c', `${name}.crt`), { code: 4, stderr: /issuer "CN=Issuing CA, O=Example, C=DE" is missing/ })
    await done('import_own_cert', '-p', name, '-x', `@${pin}`, '-c', `${name}.crt`, '-r', root, '-r', ca.certificate)
    await done('maintain_pk', '-p', name, '-x', `@${pin}`, '-a', root)
    await done('seclogin', '-p', name, '-x', `@${pin}`)
    t.equal(statSync(join(secudir, name)).mode & 0o777, 0o600)
  }
  t.strictSame(readdirSync(secudir).sort(), ['SAPSSLC.pse', 'SAPSSLS.pse', 'cred_v2'], 'nothing else is left')
  const profile = landscape.profile('gateway.pfl', `
SAPSYSTEM = 00
icm/server_port_0 = PROT=HTTPS, HOST=127.0.0.1, PORT=0
icm/HTTPS/verify_client = 1
icm/HTTPS/forward_ccert_as_header = TRUE
ssl/server_pse = SAPSSLS.pse
ssl/client_pse = SAPSSLC.pse
wdisp/ssl_auth = 1
wdisp/system_0 = SID=ABC, EXTSRV=${landscape.backend}, SRCSRV=*:*
`)
  const gateway = await startGateway(t, profile, [], { env: { ...process.env, SECUDIR: secudir } })
  const url = `https://localhost:${await gateway.port('icm/server_port_0')}/`
  const head = await curl(['--cacert', root, '--cert', landscape.userCertificateFile, '--key', landscape.userKeyFile, url])
  t.equal(new Map(fieldsOf(head)).get('SSL_CLIENT_CERT'), await opensslBase64(pki.client.certPem))
  t.match(head, /X-Seen-Client: CN=wd,OU=Made here,O=Example,C=DE/, 'the back end has verified the client PSE')

  // renewal: the same key, the same names, another certificate
  await done('get_pse', '-p', 'SAPSSLS.pse', '-onlyreq', '-r', 'again.req')
  await openssl(...signing(ca, 'again.req', 'again.crt'))
  const before = await done('get_my_name', '-p', 'SAPSSLS.pse', '-n', 'SerialNo')
  await done('import_own_cert', '-p', 'SAPSSLS.pse', '-c', 'again.crt')
  t.not(await done('get_my_name', '-p', 'SAPSSLS.pse', '-n', 'SerialNo'), before)
  t.match(await done('get_my_name', '-p', 'SAPSSLS.pse', '-v'), /DNS:localhost, IP Address:127\.0\.0\.1/)
  t.match(JSON.parse(await done('maintain_pk', '-l', '-p', 'SAPSSLS.pse', '--json')), { file: join(secudir, 'SAPSSLS.pse'), trusted: [{ subject: 'CN=Root CA, O=Example, C=DE' }] })
  t.ok(readFileSync(join(directory, 'again.req'), 'utf8').startsWith('-----BEGIN CERTIFICATE REQUEST-----'))
})

t.test('EC keys in PKCS#12 and PEM, over openssl and back', async t => {
  const pki = await mintPki(t)
  const { done, openssl, secudir } = workplace(t)
  const ca = { certificate: pki.file('issuing.crt', pki.intermediate.certPem), key: pki.file('issuing.key', pki.intermediate.keyPem) }
  for (const [name, algorithm] of [['a.p12', 'EC:P-256'], ['b.pem', 'EC:P-384']] as const) {
    await done('gen_pse', '-p', name, '-x', 'geheim', '-a', algorithm, '-r', `${name}.req`, 'CN=localhost')
    await openssl('req', '-in', `${name}.req`, '-verify', '-noout')
    await openssl(...signing(ca, `${name}.req`, `${name}.crt`))
    await done('import_own_cert', '-p', name, '-x', 'geheim', '-c', `${name}.crt`, '-r', ca.certificate, '-r', pki.file('root.crt', pki.root.certPem))
    t.equal(await done('get_my_name', '-p', name, '-x', 'geheim', '-n', 'Key'), `${algorithm.replace(':', ' ')}\n`)
  }
  await openssl('pkcs12', '-in', join(secudir, 'a.p12'), '-passin', 'pass:geheim', '-noout')
  await openssl('pkey', '-in', join(secudir, 'b.pem'), '-passin', 'pass:geheim', '-noout')
})

t.test('killed at any step of a change, the old file is there in full', async t => {
  const { secudir, pse, done, directory } = workplace(t)
  await done('gen_pse', '-p', 'a.pse', '-x', '', '-noreq', 'CN=a')
  const root: Issued = (await mintPki(t)).root
  const before = readFileSync(join(secudir, 'a.pse'))
  const { fingerprint256 } = root.certificate
  const add = ['maintain_pk', '-p', 'a.pse', '-a', join(directory, 'root.der')]
  writeFileSync(join(directory, 'root.der'), root.der)
  for (const step of ['link', 'rename']) {
    // the process ends as by `kill -9`, in place of this call
    const source = `import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
fs.promises.${step} = () => { process.kill(process.pid, 'SIGKILL'); return new Promise(() => {}) }
syncBuiltinESMExports()`
    const killed = runProgram(t, process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(source)}`, program, 'pse', ...add], { env: { ...process.env, SECUDIR: secudir } })
    const ended = await new Promise(resolve => { killed.child.once('exit', (_code, signal) => { resolve(signal) }) })
    t.equal(ended, 'SIGKILL', step)
    t.strictSame(readFileSync(join(secudir, 'a.pse')), before)
    t.match(await pse('get_my_name', '-p', 'a.pse'), { code: 0 })
  }
  t.ok(readdirSync(secudir).filter(name => !name.endsWith('.lock')).every(name => (statSync(join(secudir, name)).mode & 0o777) === 0o600), 'what is left beside it is closed to others')
  await done(...add)
  t.match(JSON.parse(await done('maintain_pk', '-l', '-p', 'a.pse', '--json')).trusted, [{ fingerprint256 }])
})

t.test('a gateway loads nothing of it', async t => {
  const source = `import { register } from 'node:module'
register('data:text/javascript,' + encodeURIComponent('export async function load (url, context, next) { if (url.includes("/src/pse-tool/")) throw new Error("loaded " + url); return next(url, context) }'))`
  const { code, stdout, stderr } = await runToEnd(process.execPath, ['--no-warnings', '--import', `data:text/javascript,${encodeURIComponent(source)}`, program, '-version'])
  t.equal(code, 0, stderr)
  t.match(stdout, 'program = postern')
  const other = await runToEnd(process.execPath, ['--no-warnings', '--import', `data:text/javascript,${encodeURIComponent(source)}`, program, 'pse', '--help'])
  t.match(other.stderr, /loaded .*\/src\/pse-tool\//, 'the trap works')
})
