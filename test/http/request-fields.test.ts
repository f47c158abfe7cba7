import t from 'tap'
import { requestFields } from '../../src/http/request-fields.ts'

t.test('what goes to the back end', async t => {
  const rows: Array<[string, string[], string[]]> = [
    ['order, case and duplicates', ['B', '1', 'a', '2', 'B', '3'], ['B', '1', 'a', '2', 'B', '3']],
    ['Host and Content-Length are kept', ['Host', 'h', 'Content-Length', '5'], ['Host', 'h', 'Content-Length', '5']],
    ['hop-by-hop', ['KEEP-ALIVE', 'x', 'te', 'x', 'Trailer', 'x', 'Expect', 'x', 'Proxy-Connection', 'x', 'proxy-authorization', 'x'], []],
    ['named by Connection', ['X-A', '1', 'Connection', 'close, x-a ,, X-B', 'x-b', '2', 'X-C', '3'], ['X-C', '3']],
    ['named by a second Connection', ['Connection', 'x-a', 'connection', 'x-b', 'X-A', '1', 'X-B', '2'], []],
    ['a named Host stays', ['Connection', 'Host, Content-Length', 'Host', 'h', 'Content-Length', '0'], ['Host', 'h', 'Content-Length', '0']],
    ['nothing named', ['Connection', '', 'A', 'b'], ['A', 'b']]
  ]
  for (const [name, raw, list] of rows) t.strictSame(requestFields(raw).list, list, name)
})

t.test('what it says about body and connection', async t => {
  const none = { contentLength: null, chunked: false, upgrade: null }
  const rows: Array<[string[], object]> = [
    [[], none],
    [['Content-Length', '12'], { ...none, contentLength: 12 }],
    [['Transfer-Encoding', ' CHUNKED '], { ...none, chunked: true }],
    [['Upgrade', 'websocket'], none],
    [['Upgrade', 'websocket', 'Connection', 'keep-alive, UPGRADE'], { ...none, upgrade: 'websocket' }],
    [['Upgrade', 'a', 'upgrade', 'b', 'Connection', 'Upgrade'], { ...none, upgrade: 'a, b' }],
    [['Connection', 'Upgrade'], none]
  ]
  for (const [raw, expected] of rows) {
    const { list, ...facts } = requestFields(raw)
    t.strictSame(facts, expected, raw.join(' '))
  }
})

t.test('what is refused', async t => {
  t.throws(() => requestFields(['Host', 'a', 'host', 'a']), { code: 'POSTERN_ERR_FORWARD_HOST' })
  for (const value of ['gzip, chunked', 'identity', 'chunked, chunked', '']) t.throws(() => requestFields(['Transfer-Encoding', value]), { code: 'POSTERN_ERR_FORWARD_CODING' })
  t.throws(() => requestFields(['Transfer-Encoding', 'chunked', 'transfer-encoding', 'chunked']), { code: 'POSTERN_ERR_FORWARD_CODING' })
})
