import t from 'tap'
import { buildForward } from '../helpers/forward.ts'
import { buildRawBackend, ok } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

const receiveTimeoutMs = 150

function head (length: number, more = ''): string {
  return `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n${more}\r\n`
}

t.test('a client that falls silent within a body gets 408, and its connection is closed', async t => {
  const backend = await buildRawBackend(t, { onHead: () => {} })
  const { port, log, reports } = await buildForward(t, { to: backend.port, forward: { receiveTimeoutMs } })
  const client = await buildRawClient(t, port)
  client.send(`${head(10)}12345`)
  const answer = await client.closed()
  t.match(answer, /^HTTP\/1\.1 408 .*POSTERN_ERR_HTTP_REQUEST_TIMEOUT/s)
  t.match(answer, /connection: close/i)
  t.match(log.find(({ msg }) => msg === 'forwarding failed'), { code: 'POSTERN_ERR_HTTP_REQUEST_TIMEOUT' })
  t.strictSame(reports, [], 'which says nothing about the server')
})

t.test('so does one whose chunks stop, and one that was told to continue', async t => {
  const backend = await buildRawBackend(t, { onHead: () => {} })
  const { port } = await buildForward(t, { to: backend.port, forward: { receiveTimeoutMs } })
  const chunked = await buildRawClient(t, port)
  chunked.send('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n')
  t.match(await chunked.closed(), /^HTTP\/1\.1 408 /)
  const expecting = await buildRawClient(t, port)
  expecting.send(head(10, 'Expect: 100-continue\r\n'))
  t.match(await expecting.closed(), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 408 /)
})

t.test('waiting for the answer does not count', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => { setTimeout(() => { socket.write(ok) }, receiveTimeoutMs * 2) } })
  const { port } = await buildForward(t, { to: backend.port, forward: { receiveTimeoutMs } })
  const client = await buildRawClient(t, port)
  client.send(`${head(5)}12345`)
  t.match(await client.until('ok'), /^HTTP\/1\.1 200 /)
})

t.test('neither does a back end that takes nothing', async t => {
  const size = 32 * 1024 * 1024
  let taken = 0
  const backend = await buildRawBackend(t, {
    parse: false,
    onConnection: socket => {
      socket.pause()
      setTimeout(() => { socket.resume() }, receiveTimeoutMs * 3)
      socket.on('data', chunk => {
        taken += chunk.length
        if (taken >= size) socket.end(ok)
      })
    }
  })
  const { port } = await buildForward(t, { to: backend.port, forward: { receiveTimeoutMs } })
  const client = await buildRawClient(t, port)
  client.send(head(size))
  client.send(Buffer.alloc(size))
  t.match(await client.until('ok'), /^HTTP\/1\.1 200 /)
})

t.test('when the answer has begun the connection is cut', async t => {
  const backend = await buildRawBackend(t, { onHead: ({ socket }) => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345') } })
  const { port } = await buildForward(t, { to: backend.port, forward: { receiveTimeoutMs } })
  const client = await buildRawClient(t, port)
  client.send(`${head(10)}12345`)
  const answer = await client.closed()
  t.match(answer, /^HTTP\/1\.1 200 .*12345$/s)
})
