import t from 'tap'
import { brief, planOfLines, planOfText } from '../../helpers/profile-plan.ts'

const system = 'wdisp/system_0 = SID=ABC, EXTSRV=https://app.example:44300'

t.test('ports become listeners, by ascending index', async t => {
  const { plan, findings } = planOfText(`${system}
icm/server_port_10 = PROT=HTTP, PORT=8080, HOST=127.0.0.1
icm/server_port_2 = PROT=ROUTER, PORT=https
icm/server_port_1 = PROT=HTTPS, PORT=0, ACLFILE=acl/clients.txt`)
  t.strictSame(findings, [])
  t.match(plan?.listeners, [
    { name: 'icm/server_port_1', protocol: 'HTTPS', host: null, port: 0, aclFile: '/etc/postern/acl/clients.txt' },
    { name: 'icm/server_port_2', protocol: 'ROUTER', port: 443, tls: null, plugins: [] },
    { name: 'icm/server_port_10', protocol: 'HTTP', host: '127.0.0.1', port: 8080, tls: null }
  ])
})

t.test('times and sizes', async t => {
  const rows: Array<{ lines: string[], listener: object }> = [
    { lines: [], listener: { keepAliveTimeoutMs: 60_000, processingTimeoutMs: 60_000, receiveTimeoutMs: 500_000, maxConnections: 2000, maxHeaderBytes: 65_536, maxBodyBytes: 104_857_600 } },
    { lines: ['icm/keep_alive_timeout = 30'], listener: { keepAliveTimeoutMs: 30_000 } },
    { lines: ['icm/keep_alive_timeout = -1'], listener: { keepAliveTimeoutMs: null } },
    { lines: ['icm/keep_alive_timeout = 0'], listener: { keepAliveTimeoutMs: 1 } },
    { lines: ['icm/keep_alive_timeout = 9999999'], listener: { keepAliveTimeoutMs: 2_147_483_647 } },
    { lines: ['icm/traffic_control = -1', 'icm/max_conn = 10', 'icm/HTTP/max_request_header_size = 8192'], listener: { receiveTimeoutMs: null, maxConnections: 10, maxHeaderBytes: 8192 } },
    { lines: ['icm/HTTP/max_request_size_KB = -1'], listener: { maxBodyBytes: null } },
    { lines: ['icm/HTTP/max_request_size_KB = 1', 'icm/HTTPS/max_request_size_KB = 2'], listener: { maxBodyBytes: 2048 } }
  ]
  for (const { lines, listener } of rows) t.match(planOfLines(lines).plan?.listeners[0], listener, lines.join('; '))
  const http = planOfText(`${system}\nicm/server_port_0 = PROT=HTTP, PORT=80, TIMEOUT=45, PROCTIMEOUT=-1\nicm/HTTPS/max_request_size_KB = 2\nicm/HTTP/max_request_size_KB = 1`)
  t.match(http.plan?.listeners[0], { keepAliveTimeoutMs: 45_000, processingTimeoutMs: null, maxBodyBytes: 1024 })
})

t.test('services are looked up by name', async t => {
  const text = `${system}\nicm/server_port_0 = PROT=HTTPS, PORT=sapgw\npostern/admin_port = PORT=sapadm, HOST=::1`
  t.strictSame(brief(planOfText(text).findings), ['ERR_PLAN_SERVICE icm/server_port_0 PORT', 'ERR_PLAN_SERVICE postern/admin_port PORT'])
  const { plan } = planOfText(text, { services: new Map([['sapgw', 44300], ['sapadm', 9400]]) })
  t.equal(plan?.listeners[0]?.port, 44300)
  t.strictSame(plan?.admin, { host: '::1', port: 9400 })
})

t.test('a port is opened once', async t => {
  const rows: Array<{ ports: string[], twin: boolean }> = [
    { ports: ['PORT=443', 'PORT=443'], twin: true },
    { ports: ['PORT=443', 'PORT=443, HOST=10.0.0.1'], twin: true },
    { ports: ['PORT=443, HOST=10.0.0.1', 'PORT=443'], twin: true },
    { ports: ['PORT=443, HOST=A.example', 'PORT=443, HOST=a.example'], twin: true },
    { ports: ['PORT=443, HOST=10.0.0.1', 'PORT=443, HOST=10.0.0.2'], twin: false },
    { ports: ['PORT=0', 'PORT=0'], twin: false },
    { ports: ['PORT=443', 'PORT=444'], twin: false }
  ]
  for (const { ports, twin } of rows) {
    const { findings } = planOfText([system, ...ports.map((port, index) => `icm/server_port_${index} = PROT=HTTPS, ${port}`)].join('\n'))
    t.strictSame(brief(findings), twin ? ['ERR_PLAN_DUPLICATE_PORT icm/server_port_1 PORT'] : [], ports.join(' and '))
  }
  t.strictSame(brief(planOfLines(['postern/admin_port = PORT=8443']).findings), ['ERR_PLAN_DUPLICATE_PORT postern/admin_port PORT'])
})

t.test('without a port there is nothing to serve', async t => {
  const { plan, findings } = planOfText(system)
  t.equal(plan, null)
  t.match(findings, [{ code: 'POSTERN_ERR_PLAN_NO_LISTENER', file: 'test.pfl', line: null, parameter: null }])
  t.match(planOfText('').findings, [{ code: 'POSTERN_ERR_PLAN_NO_LISTENER', file: null }])
  t.strictSame(brief(planOfText('icm/server_port_0 = PROT=HTTPS').findings), ['ERR_PROFILE_MISSING_SUB_PARAMETER icm/server_port_0 PORT', 'ERR_PLAN_NO_SYSTEM -'], 'a faulty port is reported once')
})
