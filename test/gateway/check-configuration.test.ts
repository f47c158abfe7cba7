import { join } from 'node:path'
import t from 'tap'
import { checkConfiguration } from '../../src/gateway/check-configuration.ts'
import { buildDirectory } from '../helpers/gateway.ts'
import { identityLines } from '../helpers/gateway-profile.ts'
import { mintCrl } from '../helpers/mint-crl.ts'
import { mintPki } from '../helpers/pki.ts'

const pki = await mintPki(t)

const sound = `icm/server_port_0 = PROT=HTTPS, PORT=8443, VCLIENT=2
icm/server_port_1 = PROT=HTTP, HOST=127.0.0.1, PORT=8080
icm/HTTPS/forward_ccert_as_header = TRUE
icm/HTTP/redirect_0 = PREFIX=/, FROM=*, FROMPROT=http, PROT=https, HOST=a.example
wdisp/ssl_auth = 1
wdisp/system_0 = SID=ABC, EXTSRV=https://app.example:44300, SRCURL=/a
wdisp/system_1 = SID=DEF, EXTSRV=http://app.example:8000, SRCURL=/b
postern/admin_port = PORT=9400
`

async function check (profile: string, json = false, overrides: readonly string[] = []) {
  const directory = buildDirectory(t, { 'test.pfl': profile })
  return await checkConfiguration({ profile: join(directory, 'test.pfl'), overrides, json })
}

t.test('the plan as a table for people', async t => {
  const { report, errors } = await check(sound + identityLines(pki))
  t.equal(errors, false)
  const rows = report.split('\n').map(line => line.split(/ {2,}/))
  t.match(rows.find(([, name]) => name === 'icm/server_port_0'), ['listener', 'icm/server_port_0', /^HTTPS \*:8443 verify_client=2 identities=\/.*server\.pem plugins=client-cert-headers,tls-termination,error-pages,redirect,dispatch,forward$/])
  t.match(rows.find(([, name]) => name === 'icm/server_port_1'), ['listener', 'icm/server_port_1', /^HTTP 127\.0\.0\.1:8080 plugins=client-cert-headers,error-pages,/])
  t.match(rows.find(([, name]) => name === 'wdisp/system_0'), ['system', 'wdisp/system_0', /^ABC https:\/\/app\.example:44300 \(with \/.*client\.pem\)$/])
  t.match(rows.find(([, name]) => name === 'wdisp/system_1'), ['system', 'wdisp/system_1', 'DEF http://app.example:8000'])
  t.match(rows.find(([, name]) => name === 'postern/admin_port'), ['admin', 'postern/admin_port', '127.0.0.1:9400'])
  t.match(rows.filter(([kind]) => kind === 'identity'), [['identity', 'ssl/server_pse', /server\.pem$/], ['identity', 'ssl/client_pse', /client\.pem$/]])
  t.match(report, /\nresult: no errors\n$/)
  const quiet = await check(sound + identityLines(pki), false, ['wdisp/ssl_auth=0'])
  t.match(quiet.report, 'https://app.example:44300 (no client certificate)')
})

t.test('faults of the profile and of files, and no plan where the profile itself is wrong', async t => {
  const missing = await check(`${sound}ssl/server_pse = missing.pse\nssl/client_pse = missing.pse\n`)
  t.equal(missing.errors, true)
  t.match(missing.report, /test\.pfl:9 .*ssl\/server_pse.*missing\.pse cannot be read/)
  t.match(missing.report, 'listener')
  t.match(missing.report, /\nresult: errors\n$/)
  const wrong = await check('icm/server_port_0 = PROT=FTP, PORT=21\n')
  t.equal(wrong.errors, true)
  t.notMatch(wrong.report, 'listener ')
})

t.test('JSON for machines', async t => {
  const { report, errors } = await check(`${sound}${identityLines(pki)}postern/untrusted_fields = none\n`, true)
  t.equal(errors, false)
  const { plan, findings } = JSON.parse(report)
  t.equal(plan.planVersion, 1)
  t.equal(plan.listeners.length, 2)
  t.match(findings, [{ severity: 'warning', code: 'POSTERN_WARN_PLAN_UNTRUSTED_FIELDS', line: 13, parameter: 'postern/untrusted_fields' }])
  t.notMatch(report, /PRIVATE KEY|BEGIN CERTIFICATE/)
  t.match(JSON.parse((await check('', true)).report), { plan: null, findings: [{ severity: 'error' }] })
})

t.test('certificates and revocation lists with the days that they have left', async t => {
  const lists = `postern/crl_0 = ${pki.file('users.crl', mintCrl({ issuer: pki.intermediate, revoked: [{ certificate: pki.client }] }))}
postern/crl_1 = ${pki.file('endless.crl', mintCrl({ issuer: pki.root, nextUpdate: null }))}
`
  const { report, errors } = await check(sound + identityLines(pki) + lists)
  t.equal(errors, false)
  t.match(report, /^certificate {2}ssl\/server_pse +own {6}\d{4}-\d\d-\d\d, 0 days: CN=localhost, O=Example, C=DE$/m)
  t.match(report, /^certificate {2}ssl\/client_pse +trusted {2}.*: CN=Root CA/m)
  t.match(report, /^revocation {3}postern\/crl_<xx> +\/.*users\.crl: 1 revoked, next \d{4}-\d\d-\d\d: CN=Issuing CA/m)
  t.match(report, /endless\.crl: 0 revoked, next not said: CN=Root CA/)
  t.match(report, /POSTERN_WARN_CRL_UNUSABLE/)
  const json = JSON.parse((await check(sound + identityLines(pki) + lists, true)).report) as object
  t.match(json, { certificates: [{ kind: /./, days: 0 }], revocationLists: [{ issuer: /./, revoked: 1 }, {}] })
})
