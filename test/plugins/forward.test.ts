import t from 'tap'
import { buildForward } from '../helpers/forward.ts'
import { buildRawBackend, fieldLines } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

t.test('passes method, target, field order, case and duplicates on, and the answer back', async t => {
  const answer = 'HTTP/1.1 203 Fine\r\nX-One: 1\r\nx-ONE: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nDate: now\r\nContent-Length: 5\r\n\r\nh\xe9\xffl\0'
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(Buffer.from(answer, 'latin1')) })
  const gateway = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, gateway.port)
  client.send('GET /a/%2e%2e/b\\c?x=%41&y= HTTP/1.1\r\nHost: Shop.example:8443\r\nB: 2\r\na: 1\r\nB: 3\r\nX-Bytes: \xe9\xff\r\nEmpty:\r\n\r\n')
  const got = await client.until('h\xe9\xffl\0')
  const { head } = await backend.request(0)
  t.equal(head.split('\r\n')[0], 'GET /a/%2e%2e/b\\c?x=%41&y= HTTP/1.1')
  t.strictSame(fieldLines(head), ['host: Shop.example:8443', 'connection: keep-alive', 'B: 2', 'a: 1', 'B: 3', 'X-Bytes: \xe9\xff', 'Empty: '])
  t.equal(got, 'HTTP/1.1 203 Fine\r\nX-One: 1\r\nx-ONE: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nDate: now\r\nContent-Length: 5\r\n' +
    'Connection: keep-alive\r\nKeep-Alive: timeout=72\r\n\r\nh\xe9\xffl\0')
  t.strictSame(gateway.reports, ['succeeded'])
})
