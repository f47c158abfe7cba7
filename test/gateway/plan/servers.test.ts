import t from 'tap'
import { brief, planOfText } from '../../helpers/profile-plan.ts'

const port = 'icm/server_port_0 = PROT=HTTPS, PORT=8443\nicm/HTTPS/forward_ccert_as_header = TRUE'
const sec = '/etc/postern/sec'

function serversOf (system: string, ...lines: string[]) {
  const { plan, findings } = planOfText([port, `wdisp/system_0 = SID=ABC, ${system}`, ...lines].join('\n'))
  return { servers: plan?.systems[0]?.servers, identities: Object.keys(plan?.identities ?? {}), findings: brief(findings) }
}

t.test('EXTSRV is a list of servers, each once', async t => {
  const { servers } = serversOf('EXTSRV=https://a.example;http://b.example/;https://A.example:443;http://[2001:db8::1]:8000')
  t.strictSame(servers?.map(({ origin, host, port }) => [origin, host, port]), [
    ['https://a.example:443', 'a.example', 443], ['http://b.example:80', 'b.example', 80], ['http://[2001:db8::1]:8000', '2001:db8::1', 8000]
  ])
})

t.test('ssl_auth and ssl_cred say which certificate is presented', async t => {
  const rows: Array<{ lines: string[], system?: string, identity: string, present: boolean, findings?: string[] }> = [
    { lines: [], identity: 'SAPSSLC.pse', present: false },
    { lines: ['wdisp/ssl_auth = 0'], identity: 'SAPSSLC.pse', present: false },
    { lines: ['wdisp/ssl_auth = 1'], identity: 'SAPSSLC.pse', present: true },
    { lines: ['wdisp/ssl_auth = 1', 'ssl/client_pse = own.pse'], identity: 'own.pse', present: true },
    { lines: ['wdisp/ssl_auth = 2', 'wdisp/ssl_cred = cred.pse'], identity: 'cred.pse', present: true },
    { lines: ['wdisp/ssl_cred = cred.pse'], identity: 'cred.pse', present: true },
    { lines: ['wdisp/ssl_auth = 1', 'wdisp/ssl_cred = cred.pse'], identity: 'SAPSSLC.pse', present: true, findings: ['WARN_PLAN_SSL_AUTH wdisp/ssl_cred'] },
    { lines: ['wdisp/ssl_auth = 0', 'wdisp/ssl_cred = cred.pse'], identity: 'SAPSSLC.pse', present: false, findings: ['WARN_PLAN_SSL_AUTH wdisp/ssl_cred'] },
    { lines: ['wdisp/ssl_auth = 0'], system: ', SSL_CLIENT_PSE=mine.pse', identity: 'mine.pse', present: true },
    { lines: ['wdisp/ssl_auth = 2'], system: ', SSL_CLIENT_PSE=mine.pse', identity: 'mine.pse', present: true }
  ]
  for (const { lines, system = '', identity, present, findings = [] } of rows) {
    const made = serversOf(`EXTSRV=https://a.example${system}`, ...lines)
    t.strictSame(made.findings, findings, lines.join('; '))
    t.strictSame(made.servers?.[0]?.tls, { identity: `${sec}/${identity}`, presentCertificate: present, serverName: null, ignoreHostMismatch: false }, lines.join('; '))
    t.strictSame(made.identities, [`${sec}/SAPSSLS.pse`, `${sec}/${identity}`])
  }
  t.strictSame(serversOf('EXTSRV=https://a.example', 'wdisp/ssl_auth = 2').findings, ['ERR_PLAN_SSL_AUTH wdisp/system_0'])
  t.strictSame(serversOf('EXTSRV=http://a.example', 'wdisp/ssl_auth = 2').findings, [], 'which matters for https servers only')
})

t.test('names of back ends are compared unless a parameter says otherwise, which is warned about', async t => {
  const mismatch = 'WARN_PLAN_HOST_MISMATCH'
  const rows: Array<{ system?: string, lines?: string[], tls: object, findings: string[] }> = [
    { lines: ['wdisp/ssl_certhost = app.example'], tls: { serverName: 'app.example', ignoreHostMismatch: false }, findings: [] },
    { system: ', SSL_CERTHOST=own.example', lines: ['wdisp/ssl_certhost = app.example'], tls: { serverName: 'own.example' }, findings: [] },
    { lines: ['wdisp/ssl_ignore_host_mismatch = 1'], tls: { ignoreHostMismatch: true }, findings: [`${mismatch} wdisp/ssl_ignore_host_mismatch`] },
    { system: ', SSL_IGNORE_HOST_MISMATCH=true', tls: { ignoreHostMismatch: true }, findings: [`${mismatch} wdisp/system_0 SSL_IGNORE_HOST_MISMATCH`] },
    { system: ', SSL_IGNORE_HOST_MISMATCH=false', lines: ['wdisp/ssl_ignore_host_mismatch = TRUE'], tls: { ignoreHostMismatch: false }, findings: [`${mismatch} wdisp/ssl_ignore_host_mismatch`] }
  ]
  for (const { system = '', lines = [], tls, findings } of rows) {
    const made = serversOf(`EXTSRV=https://a.example${system}`, ...lines)
    t.strictSame(made.findings.toSorted(), findings.toSorted(), `${system} ${lines.join('; ')}`)
    t.match(made.servers?.[0]?.tls, tls, `${system} ${lines.join('; ')}`)
  }
})

t.test('the scheme of EXTSRV decides; what contradicts it is an error at the system and a warning for all', async t => {
  const rows: Array<{ scheme: string, level: number, contradicts: boolean }> = [
    { scheme: 'https', level: 0, contradicts: true }, { scheme: 'https', level: 1, contradicts: false }, { scheme: 'https', level: 2, contradicts: false },
    { scheme: 'http', level: 0, contradicts: false }, { scheme: 'http', level: 1, contradicts: true }, { scheme: 'http', level: 2, contradicts: true }
  ]
  for (const { scheme, level, contradicts } of rows) {
    const own = serversOf(`EXTSRV=${scheme}://a.example, SSL_ENCRYPT=${level}`)
    const general = serversOf(`EXTSRV=${scheme}://a.example`, `wdisp/ssl_encrypt = ${level}`)
    t.strictSame(own.findings, contradicts ? ['ERR_PLAN_ENCRYPTION wdisp/system_0 SSL_ENCRYPT'] : [], `${scheme}, SSL_ENCRYPT=${level}`)
    t.strictSame(general.findings, contradicts ? ['WARN_PLAN_ENCRYPTION wdisp/system_0 EXTSRV'] : [], `${scheme}, wdisp/ssl_encrypt = ${level}`)
    t.equal(general.servers?.[0]?.tls === null, scheme === 'http', 'the scheme counts')
    t.strictSame(serversOf(`EXTSRV=${scheme}://a.example, SSL_ENCRYPT=${scheme === 'https' ? 2 : 0}`, `wdisp/ssl_encrypt = ${level}`).findings, [], 'what the system says wins')
  }
  const http = planOfText('icm/server_port_0 = PROT=HTTP, PORT=80\nwdisp/system_0 = SID=ABC, EXTSRV=http://a.example, SSL_ENCRYPT=1')
  t.strictSame(http.findings, [], 'without HTTPS clients, 1 asks for no TLS')
})

t.test('TLS settings without an https server are warned about', async t => {
  t.strictSame(serversOf('EXTSRV=http://a.example, SSL_CLIENT_PSE=a.pse, SSL_CERTHOST=a').findings, ['WARN_PLAN_PLAIN_SERVER wdisp/system_0 SSL_CLIENT_PSE', 'WARN_PLAN_PLAIN_SERVER wdisp/system_0 SSL_CERTHOST'])
})

t.test('end-to-end TLS alone needs no identity', async t => {
  const { plan, findings } = planOfText('icm/server_port_0 = PROT=ROUTER, PORT=443\nwdisp/system_0 = SID=ABC, EXTSRV=https://a.example')
  t.strictSame(findings, [])
  t.strictSame(plan?.identities, {})
  t.strictSame(plan?.systems[0]?.servers, [{ origin: 'https://a.example:443', host: 'a.example', port: 443, tls: null }])
  const plain = planOfText('icm/server_port_0 = PROT=ROUTER, PORT=443\nwdisp/system_0 = SID=ABC, EXTSRV=http://a.example')
  t.strictSame(brief(plain.findings), ['WARN_PLAN_PLAIN_SERVER wdisp/system_0 EXTSRV'])
})
