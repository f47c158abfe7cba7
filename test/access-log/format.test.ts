import t from 'tap'
import { compileFormat, predefinedFormats } from '../../src/access-log/format.ts'
import type { AccessRecord } from '../../src/access-log/record.ts'

const record = (over: Partial<AccessRecord> = {}): AccessRecord => ({
  startedAt: new Date(2007, 9, 15, 16, 18, 35).getTime(),
  durationMs: 1234.6,
  clientAddress: '192.0.2.1',
  user: () => 'CN=user, O=Example',
  method: 'GET',
  target: '/sap/bc/a%20b?x=%41&y=2',
  httpVersion: '1.1',
  requestFields: ['Host', 'www.example.com', 'X-CorrelationID', 'abc-1', 'Accept', 'a', 'accept', 'b', 'Authorization', 'Basic c2VjcmV0'],
  status: 200,
  bytes: 42,
  responseFields: () => ['Content-Type', 'text/html', 'Set-Cookie', 'SAP_SESSIONID=secret; path=/'],
  serverHost: 'gw',
  serverPort: 443,
  ...over
})

const offset = -new Date(2007, 9, 15).getTimezoneOffset()
const zone = `${offset < 0 ? '-' : '+'}${String(Math.floor(Math.abs(offset) / 60)).padStart(2, '0')}${String(Math.abs(offset) % 60).padStart(2, '0')}`
const time = `[15/Oct/2007:16:18:35 ${zone}]`

// spec 6.8
const rows: Array<[format: string, line: string]> = [
  ['CLF', `192.0.2.1 - CN=user,\\x20O=Example ${time} "GET /sap/bc/a%20b?x=%41&y=2 HTTP/1.1" 200 42`],
  ['CLFMOD', `192.0.2.1 - CN=user,\\x20O=Example ${time} "GET /sap/bc/a b HTTP/1.1" 200 42`],
  ['SAP', `${time} 192.0.2.1 CN=user,\\x20O=Example - "GET /sap/bc/a b HTTP/1.1" 200 42 1235`],
  ['SAPSMD', `${time} - "GET /sap/bc/a%20b?x=%41&y=2 HTTP/1.1" 200 42 [1235] h[abc-1]`],
  ['SAPSMD2', `${time} - "GET /sap/bc/a%20b?x=%41&y=2 HTTP/1.1" 200 42 [1235] h[abc-1] i[Host: www.example.com][X-CorrelationID: abc-1][Accept: a][accept: b][Authorization: ...] o[Content-Type: text/html][Set-Cookie: SAP_SESSIONID=...; path=/]`],
  // SAP's recommendation for its cloud operations
  ['%t %a %u1 \\"%r\\" %s %b %Lms %{Host}i %w1 %w2', `${time} 192.0.2.1 CN=user,\\x20O=Example "GET /sap/bc/a%20b?x=%41&y=2 HTTP/1.1" 200 42 1235ms www.example.com - -`],
  ['%a %h %l', '192.0.2.1 192.0.2.1 -'],
  ['%r|%r0|%r1|%r2', 'GET /sap/bc/a%20b?x=%41&y=2 HTTP/1.1|GET /sap/bc/a%20b?x=%41&y=2 HTTP/1.1|GET /sap/bc/a%20b HTTP/1.1|GET /sap/bc/a b HTTP/1.1'],
  ['%f|%U|%p0', '/sap/bc/a%20b|/sap/bc/a%20b?x=%41&y=2|/sap/bc/a%20b?x=%41&y=2'],
  ['%p1|%p2|%p3', '/sap/bc/a%20b|/sap/bc/a b|/sap/bc/a b?x=A&y=2'],
  ['%s %b %L %T', '200 42 1235 1'],
  ['%H:%S', 'gw:443'],
  ['%{accept}i %{Content-Type}o %{X-None}i %{None}o', 'a,\\x20b text/html - -'],
  ['%{Authorization}i', '...'],
  ['%{?;}o', 'Content-Type: text/html;Set-Cookie: SAP_SESSIONID=...\\x3b path=/;'],
  ['100%% %s', '100% 200'],
]

for (const [format, line] of rows) {
  t.test(`format ${format}`, async t => {
    t.equal(compileFormat(format)(record()), line)
  })
}

t.test('what is not known is a dash', async t => {
  const unknown = record({ user: () => null, status: null, bytes: 0, clientAddress: '', serverPort: null, requestFields: [], responseFields: () => [] })
  t.equal(compileFormat('%h %u %s %b %S %{?;}i %{[?]}o')(unknown), '- - - - - - -')
})

t.test('nobody outside can begin a line or a column of his own', async t => {
  const evil = '"x\r\n1.2.3.4 - - [now] \\ \x00\x1b[31m\u20ac\xe4 ] ;'
  const formats = [...Object.keys(predefinedFormats), '%{X}i %u', 'h[%{X}i] %{[?]}i %{?;}i', '"%{X}i" "%p2" "%p3" "%r2" "%f"', '%{X}o|%{?|}o']
  for (const format of formats) {
    const line = compileFormat(format)(record({
      user: () => evil,
      method: evil,
      target: `/${evil}?${encodeURIComponent(evil)}`,
      requestFields: ['X', evil, 'X-CorrelationID', evil],
      responseFields: () => ['X', evil]
    }))
    t.match(line, /^[\x20-\x7e]*$/, format)
  }
  t.equal(compileFormat('h[%{X}i]|%{X}i ')(record({ requestFields: ['X', 'a] b'] })), 'h[a\\x5d b]|a]\\x20b ', 'the character that ends the value is escaped')
  t.equal(compileFormat('%{?;}i')(record({ requestFields: ['X', 'a;Y: b'] })), 'X: a\\x3bY: b;', 'a value is not two fields')
  t.equal(compileFormat('"%p2"')(record({ target: '/%0d%0a%22' })), '"/\\x0d\\x0a\\""', 'escapes in the path are decoded and then escaped')
  t.equal(compileFormat('%u')(record({ user: () => 'CN=Zoë €' })), 'CN=Zo\\xc3\\xab \\xe2\\x82\\xac', 'UTF-8')
  t.equal(compileFormat('%{X}i')(record({ requestFields: ['X', '\u20ac'] })), '\\xe2\\x82\\xac')
})

t.test('fields with a name of the profile\'s own can be kept out', async t => {
  t.equal(compileFormat('%{My_Cert}i', ['my-cert'])(record({ requestFields: ['My_Cert', 'MIIB'] })), '...')
})

t.test('an unknown directive is refused with its place', async t => {
  for (const [format, position] of [['%h %x', 4], ['%', 1], ['%{a', 1], ['%{a}x', 1], ['a %q', 3], ['%w3', 1]] as const) {
    t.throws(() => compileFormat(format), { code: 'POSTERN_ERR_ACCESS_LOG_FORMAT', message: new RegExp(`position ${position};`) }, format)
  }
})

t.test('a name that is no format is a fault, not a text to be written', async t => {
  for (const format of ['NCSA', 'clf', '-']) t.throws(() => compileFormat(format), { code: 'POSTERN_ERR_ACCESS_LOG_FORMAT_NAME', message: /expected CLF, CLFMOD, SAP,/ }, format)
})
