import t from 'tap'
import { brief, planOfLines, planOfText } from '../../helpers/profile-plan.ts'

/** Options of a plugin of `icm/server_port_0` by its name. */
function optionsOf (plugin: string, ...lines: string[]) {
  const { plan, findings } = planOfLines(lines)
  return { entries: plan?.listeners[0]?.plugins.filter(entry => entry.plugin === plugin), findings: brief(findings) }
}

t.test('plugins come in the documented order, and TLS ones on HTTPS ports only', async t => {
  const { plan } = planOfText(`icm/server_port_0 = PROT=HTTPS, PORT=443
icm/server_port_1 = PROT=HTTP, PORT=80
icm/server_port_2 = PROT=ROUTER, PORT=444
wdisp/system_0 = SID=ABC, EXTSRV=https://a.example
postern/plugin_0 = NAME=./a.js, PREFIX=/a
icm/HTTP/redirect_0 = PREFIX=/, TO=/start
icm/HTTP/strict_transport_security = max-age=1
icm/HTTP/logging_1 = LOGFILE=b.log
icm/HTTP/logging_0 = LOGFILE=a.log`)
  t.strictSame(plan?.listeners.map(({ plugins }) => plugins.map(({ plugin }) => plugin)), [
    ['client-cert-headers', 'tls-termination', 'error-pages', 'access-log', 'access-log', 'strict-transport-security', 'redirect', 'external', 'dispatch', 'forward'],
    ['client-cert-headers', 'error-pages', 'access-log', 'access-log', 'redirect', 'external', 'dispatch', 'forward'],
    []
  ])
})

t.test('error pages', async t => {
  t.match(optionsOf('error-pages'), { entries: [{ options: { errorStatus: 'http' } }] })
  t.match(optionsOf('error-pages', 'postern/error_status = SAP'), { entries: [{ options: { errorStatus: 'sap' } }], findings: [] })
})

t.test('access logs', async t => {
  t.strictSame(optionsOf('access-log', 'icm/HTTP/logging_0 = PREFIX=/sap, LOGFILE=/var/log/a.log, FILTER=sapsmd, MAXSIZEKB=10, MAXFILES=3, SWITCHTF=month, FILEWRAP=on, LOGFORMAT=SAP', 'icm/HTTP/logging_1 = LOGFILE=b.log').entries, [
    { plugin: 'access-log', parameter: 'icm/HTTP/logging_0', options: { prefix: '/sap', file: '/var/log/a.log', format: 'SAP', maxSizeKb: 10, maxFiles: 3, switchTime: 'month', wrap: true, filter: 'SAPSMD' } },
    { plugin: 'access-log', parameter: 'icm/HTTP/logging_1', options: { prefix: '/', file: '/etc/postern/b.log', format: 'CLF', maxSizeKb: null, maxFiles: null, switchTime: null, wrap: false, filter: null } }
  ])
})

t.test('access logs never show the value of a certificate field that the profile renames', async t => {
  const lines = ['icm/HTTP/logging_0 = LOGFILE=-', 'icm/HTTPS/client_certificate_header_name = X_USER_CERT', 'icm/HTTPS/client_certificate_chain_header_prefix = X_USER_CHAIN_']
  t.match(optionsOf('access-log', ...lines).entries, [{ options: { secretFields: ['X_USER_CERT', 'X_USER_CHAIN_'] } }])
})

t.test('access logs that cannot be written are faults of the profile', async t => {
  t.strictSame(optionsOf('access-log', 'icm/HTTP/logging_0 = LOGFILE=a-%x.log').findings, ['ERR_PLAN_LOG icm/HTTP/logging_0 LOGFILE'])
  t.strictSame(optionsOf('access-log', 'icm/HTTP/logging_0 = LOGFILE=a.log, LOGFORMAT=%Q').findings, ['ERR_PLAN_LOG icm/HTTP/logging_0 LOGFORMAT'])
  t.match(optionsOf('access-log', 'icm/HTTP/logging_0 = LOGFILE=-').entries, [{ options: { file: '-' } }], 'standard output is no file')
})

t.test('redirects', async t => {
  t.strictSame(optionsOf('redirect', 'icm/HTTP/redirect_1 = PREFIX=/, FROM=*, FROMPROT=HTTP, FOR=a.example:*, TO=/b, PROT=https, HOST=b.example, PORT=https', 'icm/HTTP/redirect_0 = PREFIX=/a, TO=/b', 'postern/redirect_status = 307').entries, [{
    plugin: 'redirect',
    parameter: null,
    options: {
      rules: [
        { prefix: '/a', from: null, fromProtocol: null, for: null, to: '/b', protocol: null, host: null, port: null, parameter: 'icm/HTTP/redirect_0' },
        { prefix: '/', from: '*', fromProtocol: 'http', for: 'a.example:*', to: '/b', protocol: 'https', host: 'b.example', port: 443, parameter: 'icm/HTTP/redirect_1' }
      ],
      status: 307
    }
  }])
  t.match(optionsOf('redirect', 'icm/HTTP/redirect_0 = PREFIX=/a, TO=/b'), { entries: [{ options: { status: 301 } }] })
  const rows: Array<[string, string[]]> = [
    ['PREFIX=/, PROT=https, PORT=443', ['ERR_PLAN_REDIRECT icm/HTTP/redirect_0 PORT']],
    ['PREFIX=/', ['ERR_PLAN_REDIRECT icm/HTTP/redirect_0']],
    ['PREFIX=/, HOST=a, PORT=nowhere', ['ERR_PLAN_SERVICE icm/HTTP/redirect_0 PORT']],
    ['PREFIX=/, HOST=a, PORT=0', ['ERR_PROFILE_VALUE icm/HTTP/redirect_0 PORT']]
  ]
  for (const [value, findings] of rows) t.strictSame(optionsOf('redirect', `icm/HTTP/redirect_0 = ${value}`).findings, findings, value)
})

t.test('plugins of the profile, with the TLS of their connections', async t => {
  const line = 'postern/plugin_0 = NAME=@fastify/http-proxy, PREFIX=/aux, OPTIONS=aux.json'
  const external = { name: '@fastify/http-proxy', prefix: '/aux', optionsFile: 'aux.json', base: '/etc/postern', origin: { file: 'test.pfl', line: 3 } }
  const tls = { identity: '/etc/postern/sec/SAPSSLC.pse', presentCertificate: true, serverName: null, ignoreHostMismatch: false }
  const forward = 'icm/HTTPS/forward_ccert_as_header = TRUE'
  t.strictSame(optionsOf('external', line).entries, [{ plugin: 'external', parameter: 'postern/plugin_0', options: { ...external, tls: null } }])
  t.match(optionsOf('external', line, forward, 'wdisp/ssl_auth = 1'), { entries: [{ options: { ...external, tls } }], findings: [] })
  t.match(optionsOf('external', line, 'ssl/client_pse = own.pem'), { entries: [{ options: { tls: { identity: '/etc/postern/sec/own.pem', presentCertificate: false } } }] })
  t.match(optionsOf('external', `${line}, SSL_CLIENT_PSE=aux.pem`), { entries: [{ options: { tls: { ...tls, identity: '/etc/postern/sec/aux.pem' } } }], findings: [] })
  t.strictSame(optionsOf('external', line, 'wdisp/ssl_auth = 2').findings, ['ERR_PLAN_SSL_AUTH wdisp/system_0', 'ERR_PLAN_SSL_AUTH postern/plugin_0'])
})

t.test('forwarding', async t => {
  const rows: Array<{ lines: string[], options: object, findings: string[] }> = [
    { lines: [], options: { addXForwardedFor: false, addClientProtocol: false, accessPoints: null, requestTimeoutMs: 60_000, maxBodyBytes: 104_857_600 }, findings: [] },
    { lines: ['wdisp/add_xforwardedfor_header = TRUE'], options: { addXForwardedFor: true }, findings: [] },
    { lines: ['wdisp/add_client_protocol_header = 1'], options: { addClientProtocol: true }, findings: [] },
    { lines: ['wdisp/add_clientprotocol_header = TRUE'], options: { addClientProtocol: true }, findings: [] },
    { lines: ['wdisp/add_clientprotocol_header = TRUE', 'wdisp/add_client_protocol_header = FALSE'], options: { addClientProtocol: false }, findings: ['WARN_PLAN_OLD_SPELLING wdisp/add_clientprotocol_header'] },
    { lines: ['wdisp/handle_webdisp_ap_header = 1', 'icm/server_port_1 = PROT=HTTP, PORT=80', 'icm/server_port_2 = PROT=ROUTER, PORT=444', 'icm/server_port_3 = PROT=HTTP, PORT=0'], options: { accessPoints: 'HTTPS=8443,HTTP=80,HTTPS=444' }, findings: [] }
  ]
  for (const { lines, options, findings } of rows) {
    const made = optionsOf('forward', ...lines)
    t.match(made.entries, [{ options }], lines.join('; '))
    t.strictSame(made.findings, findings, lines.join('; '))
  }
})
