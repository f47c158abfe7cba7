import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import t from 'tap'
import { loadIdentities, prepareGateway } from '../../src/gateway/prepare.ts'
import type { Finding } from '../../src/profile/finding.ts'
import { buildDirectory, prepareText } from '../helpers/gateway.ts'
import { httpPort, httpsPort, systemAt } from '../helpers/gateway-profile.ts'
import { mintPki } from '../helpers/pki.ts'

const pki = await mintPki(t)
const system = systemAt('http://localhost:1')
const own = pki.server.keyPem + pki.server.chainPem

function errorsOf (findings: readonly Finding[]): Finding[] {
  return findings.filter(({ severity }) => severity === 'error')
}

t.test('a sound profile gives plan and identities', async t => {
  const { plan, identities, stickyKey, findings, directory } = await prepareText(t, `${httpsPort}${system}ssl/server_pse = own.pem\n`, { files: { 'sec/own.pem': own } })
  t.strictSame(errorsOf(findings), [])
  const file = join(directory, 'sec/own.pem')
  t.strictSame(Object.keys(plan?.identities ?? {}), [file])
  t.strictSame(identities.get(file)?.certificate, pki.server.der)
  t.equal(stickyKey, null)
})

t.test('a profile with errors gives no plan, and no other file is read', async t => {
  const { plan, identities, findings } = await prepareText(t, `${httpsPort}${system}ssl/server_pse = missing.pse\nicm/HTTPS/verify_client = 9\n`)
  t.equal(plan, null)
  t.equal(identities.size, 0)
  t.match(errorsOf(findings), [{ code: 'POSTERN_ERR_PROFILE_VALUE', line: 5 }])
  const { findings: unreadable } = await prepareGateway('/nowhere/at/all.pfl')
  t.match(errorsOf(unreadable)[0], { code: 'POSTERN_ERR_PROFILE_FILE', file: '/nowhere/at/all.pfl' })
})

t.test('who registers elsewhere needs a certificate of its own', async t => {
  const lines = 'icm/server_port_1 = PROT=HTTP, PORT=8080\npostern/ri/client_0 = HOST=localhost, PORT=1, ENDPOINTS=app.inner:8080, PSE=trust.pem\n'
  const { findings } = await prepareText(t, `${httpPort}${lines}${system}`, { files: { 'sec/trust.pem': pki.root.certPem } })
  t.match(errorsOf(findings), [{ code: 'POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY', line: 3, parameter: 'postern/ri/client_0', message: /trust\.pem has no private key/ }])
})

t.test('overrides win over the profile', async t => {
  const { plan } = await prepareText(t, `${httpPort}${system}`, { overrides: ['postern/shutdown_timeout=7'] })
  t.equal(plan?.shutdownTimeoutMs, 7000)
})

t.test('each fault of a file is a finding at the line that names the file, all at once', async t => {
  const profile = `${httpsPort}${system}ssl/server_pse = missing.pse
ssl/client_pse = mismatch.pem
wdisp/ssl_auth = 1
postern/sticky_key_file = short
icm/server_port_1 = PROT=HTTP, HOST=127.0.0.1, PORT=0, ACLFILE=acl.txt
icm/server_port_2 = PROT=HTTP, HOST=127.0.0.1, PORT=0, ACLFILE=missing.txt
postern/plugin_0 = NAME=./none.mjs, PREFIX=/none
wdisp/system_1 = SID=XYZ, EXTSRV=https://localhost:1, SRCVHOST=other:*
wdisp/system_conflict_resolution = FIRST_MATCH
`
  const { findings, directory } = await prepareText(t, profile, { files: { 'sec/mismatch.pem': pki.gateway.keyPem + pki.server.chainPem, 'sec/short': 'too short', 'acl.txt': 'permit 127.0.0.1\nallow all\n' } })
  t.match(errorsOf(findings), [
    { code: 'POSTERN_ERR_IDENTITY_UNREADABLE', file: join(directory, 'test.pfl'), line: 4, parameter: 'ssl/server_pse', message: /missing\.pse/ },
    { code: 'POSTERN_ERR_IDENTITY_KEY_MISMATCH', line: 5, parameter: 'ssl/client_pse', message: /mismatch\.pem/ },
    { code: 'POSTERN_ERR_DISPATCH_STICKY_KEY', line: 7, parameter: 'postern/sticky_key_file', message: /short: 9 bytes; expected a key of 32/ },
    { code: 'POSTERN_ERR_ACL_INVALID', line: 8, parameter: 'icm/server_port_1 ACLFILE', message: /acl\.txt:2/ },
    { code: 'POSTERN_ERR_ACL_FILE', line: 9, parameter: 'icm/server_port_2 ACLFILE', message: /missing\.txt/ },
    { code: 'POSTERN_ERR_GATEWAY_PLUGIN_NOT_FOUND', line: 10, parameter: 'postern/plugin_0' }
  ])
  t.equal(errorsOf(findings).length, 6)
})

t.test('warnings about files', async t => {
  const files = { 'sec/own.pem': own, 'sec/key': 'k'.repeat(32), 'sec/public.pem': rootCertificates[0] as string }
  const directory = buildDirectory(t, { ...files, 'test.pfl': `${httpsPort}${system}ssl/server_pse = own.pem\npostern/trust_0 = PSE=own.pem, CERTS=public.pem\npostern/sticky_key_file = key\n` })
  for (const name of ['own.pem', 'key']) chmodSync(join(directory, 'sec', name), 0o644)
  const { findings, stickyKey } = await prepareGateway(join(directory, 'test.pfl'))
  t.match(findings.filter(({ severity }) => severity === 'warning'), [
    { code: 'POSTERN_WARN_IDENTITY_KEY_EXPOSED', line: 4, parameter: 'ssl/server_pse' },
    { code: 'POSTERN_WARN_IDENTITY_PUBLIC_ROOT', line: 4, parameter: 'ssl/server_pse', message: /own\.pem trusts the public CA .*=/ },
    { code: 'POSTERN_WARN_DISPATCH_STICKY_KEY_EXPOSED', line: 6, parameter: 'postern/sticky_key_file', message: /key: whoever can .*expected mode 600/ }
  ])
  t.equal(stickyKey?.length, 32)
})

t.test('an identity fault of another kind keeps its text', async t => {
  const plans = { a: { file: '/nowhere.pse', pin: [], additionalTrust: [], parameter: 'ssl/server_pse', origin: { file: null, line: null } } }
  const { identities, findings } = await loadIdentities(plans)
  t.equal(identities.size, 0)
  t.match(findings, [{ severity: 'error', file: null, line: null, parameter: 'ssl/server_pse', message: /nowhere\.pse/ }])
})
