import t from 'tap'
import { brief, planOfText } from '../../helpers/profile-plan.ts'

const port = 'icm/server_port_0 = PROT=HTTPS, PORT=8443\nicm/HTTPS/forward_ccert_as_header = TRUE'

function systems (...lines: string[]) {
  const { plan, findings } = planOfText([port, ...lines].join('\n'))
  return { plan, systems: plan?.systems, findings: brief(findings) }
}

t.test('a system says which requests are for it', async t => {
  const made = systems('wdisp/system_3 = SID=ABC, EXTSRV=http://a.example:8000, SRCSRV=*:443;10.0.0.1:*, SRCURL=/sap/;/ui, SRCVHOST=www.example:443, STICKY=FALSE, RUNLEVEL=stopped')
  t.strictSame(made.findings, [])
  t.strictSame(made.systems, [{
    name: 'wdisp/system_3',
    origin: { file: 'test.pfl', line: 3 },
    sid: 'ABC',
    servers: [{ origin: 'http://a.example:8000', host: 'a.example', port: 8000, tls: null }],
    messageServer: null,
    sourceServers: ['*:443', '10.0.0.1:*'],
    sourceUrls: ['/sap/', '/ui'],
    sourceVirtualHosts: ['www.example:443'],
    sticky: false,
    runLevel: 'stopped'
  }])
})

t.test('message servers are accepted and reported as not yet served', async t => {
  const notServed = 'WARN_PLAN_SYSTEM_NOT_SERVED'
  const rows: Array<{ lines: string[], messageServer: unknown, findings: string[] }> = [
    { lines: ['wdisp/system_0 = SID=ABC, MSHOST=ms.example, MSPORT=8101'], messageServer: { host: 'ms.example', port: 8101, tls: false }, findings: [`${notServed} wdisp/system_0 MSHOST`] },
    { lines: ['wdisp/system_0 = SID=ABC, MSHOST=ms.example, MSPORT=8101, MSSPORT=https'], messageServer: { host: 'ms.example', port: 443, tls: true }, findings: [`${notServed} wdisp/system_0 MSHOST`] },
    { lines: ['wdisp/system_0 = SID=ABC, XSSRV=h:8000'], messageServer: null, findings: [`${notServed} wdisp/system_0 XSSRV`] },
    { lines: ['wdisp/system_0 = SID=ABC, SILOC=file:///a'], messageServer: null, findings: [`${notServed} wdisp/system_0 SILOC`] },
    { lines: ['rdisp/mshost = ms.example', 'ms/http_port = 8081'], messageServer: { host: 'ms.example', port: 8081, tls: false }, findings: [`${notServed} rdisp/mshost`] },
    { lines: ['rdisp/mshost = ms.example', 'ms/http_port = 8081', 'ms/https_port = 44401'], messageServer: { host: 'ms.example', port: 44401, tls: true }, findings: [`${notServed} rdisp/mshost`] },
    { lines: ['rdisp/mshost = ms.example'], messageServer: null, findings: [`${notServed} rdisp/mshost`] }
  ]
  for (const { lines, messageServer, findings } of rows) {
    const made = systems(...lines)
    t.strictSame(made.findings, findings, lines.join('; '))
    t.match(made.systems, [{ servers: [], messageServer }], lines.join('; '))
  }
})

t.test('the servers of a system are named in one way', async t => {
  const rows: Array<[string, string[]]> = [
    ['wdisp/system_0 = SID=ABC, SRCURL=/', ['ERR_PLAN_SYSTEM_SERVERS wdisp/system_0']],
    ['wdisp/system_0 = SID=ABC, EXTSRV=https://a, MSHOST=ms, MSPORT=1', ['ERR_PLAN_SYSTEM_SERVERS wdisp/system_0']],
    ['wdisp/system_0 = SID=ABC, MSHOST=ms', ['WARN_PLAN_SYSTEM_NOT_SERVED wdisp/system_0 MSHOST', 'ERR_PLAN_SYSTEM_SERVERS wdisp/system_0 MSHOST']],
    ['wdisp/system_0 = SID=ABC, MSHOST=ms, MSPORT=sapmsABC', ['WARN_PLAN_SYSTEM_NOT_SERVED wdisp/system_0 MSHOST', 'ERR_PLAN_SERVICE wdisp/system_0 MSPORT']],
    ['wdisp/system_0 = SID=ABC, EXTSRV=ftp://a', ['ERR_PROFILE_VALUE wdisp/system_0 EXTSRV']]
  ]
  for (const [line, findings] of rows) t.strictSame(systems(line).findings, findings, line)
})

t.test('requests need a system', async t => {
  t.strictSame(systems().findings, ['ERR_PLAN_NO_SYSTEM -'])
  t.strictSame(systems('postern/plugin_0 = NAME=./a.js, PREFIX=/a').findings, [], 'unless plugins answer them')
  t.strictSame(systems('postern/plugin_0 = NAME=./a.js, PREFIX=/a', 'icm/server_port_1 = PROT=ROUTER, PORT=444').findings, ['ERR_PLAN_NO_SYSTEM -'], 'which end-to-end TLS never reaches')
})

t.test('systems for the same requests stop the start while nothing says which one counts', async t => {
  const rows: Array<{ a: string, b: string, conflict: boolean }> = [
    { a: '', b: '', conflict: true },
    { a: ', SRCURL=/', b: ', SRCURL=/sap', conflict: true },
    { a: ', SRCURL=/a', b: ', SRCURL=/b;/c', conflict: false },
    { a: ', SRCSRV=*:443', b: ', SRCSRV=*:444', conflict: false },
    { a: ', SRCSRV=*:*', b: ', SRCSRV=10.0.0.1:443', conflict: true },
    { a: ', SRCVHOST=a.example', b: ', SRCVHOST=b.example', conflict: false },
    { a: ', SRCVHOST=a.example', b: ', SRCVHOST=A.example:443', conflict: true },
    { a: ', SRCVHOST=a.example', b: ', SRCURL=/x', conflict: true },
    { a: ', SRCSRV=one.example:443', b: '', conflict: false } // the address is known at start only, and judged then
  ]
  for (const { a, b, conflict } of rows) {
    const lines = [`wdisp/system_0 = SID=ABC, EXTSRV=https://a.example${a}`, `wdisp/system_1 = SID=XYZ, EXTSRV=https://b.example${b}`]
    t.strictSame(systems(...lines).findings, conflict ? ['ERR_PLAN_SYSTEM_CONFLICT wdisp/system_1'] : [], `${a} and ${b}`)
    for (const resolution of ['FIRST_MATCH', 'BEST_MATCH']) {
      const made = systems(...lines, `wdisp/system_conflict_resolution = ${resolution}`)
      t.strictSame(made.findings, [], `${resolution} decides`)
      t.equal(made.plan?.conflictResolution, resolution)
    }
  }
})
