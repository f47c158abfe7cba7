import t from 'tap'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { buildForward } from '../helpers/forward.ts'
import { buildRawBackend } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

t.test('refuses requests that two parsers could read in two ways', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const start = 'POST / HTTP/1.1\r\nHost: h\r\n'
  const rows: Array<[string, string]> = [
    ['length and chunks', `${start}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['chunks and length', `${start}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${start}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`],
    ['the same length twice', `${start}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`],
    ['a list of lengths', `${start}Content-Length: 5, 5\r\n\r\nhello`],
    ['a signed length', `${start}Content-Length: +5\r\n\r\nhello`],
    ['chunked is not the last coding', `${start}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    ['chunked twice', `${start}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['an unknown coding', `${start}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['a blank before the colon', `${start}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
    ['a folded line', `${start}X: a\r\n b\r\n\r\n`],
    ['line feeds only', 'GET / HTTP/1.1\nHost: h\n\n'],
    ['a carriage return in a value', `${start}X: a\rb\r\n\r\n`],
    ['a zero byte in a value', `${start}X: a\0b\r\n\r\n`],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['a blank in the target', 'GET /a b HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['an unknown method', 'FOO / HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['another version', 'GET / HTTP/1.2\r\nHost: h\r\n\r\n'],
    ['HTTP/2 at once', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['chunks in HTTP/1.0', 'POST / HTTP/1.0\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n']
  ]
  for (const [name, request] of rows) {
    const client = await buildRawClient(t, port)
    client.send(request)
    t.notMatch(await client.closed(), /^HTTP\/1\.1 2/, name)
  }
  t.strictSame(backend.requests, [])
})

t.test('a body with broken chunks never ends at the back end', async t => {
  for (const chunk of ['zz\r\nx\r\n0\r\n\r\n', '5\r\nhello0\r\n\r\n', '5\r\nhello\n0\r\n\r\n', '-1\r\n\r\n']) {
    let received = ''
    const backend = await buildRawBackend(t, { onConnection: socket => { socket.on('data', data => { received += data.toString('latin1') }) } })
    const { port } = await buildForward(t, { to: backend.port })
    const client = await buildRawClient(t, port)
    client.send(`POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n${chunk}`)
    t.match(await client.closed(), /^(HTTP\/1\.1 400 |$)/)
    const [socket] = backend.sockets
    if (socket?.closed === false) await once(socket as Socket, 'close')
    t.notMatch(received, '\r\n0\r\n\r\n', chunk)
    t.strictSame(backend.requests, [])
  }
})

t.test('answers what the parser refuses in a neutral way', async t => {
  const { port } = await buildForward(t, { to: null })
  const client = await buildRawClient(t, port)
  client.send('nonsense\r\n\r\n')
  const answer = await client.closed()
  t.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n[^]*Connection: close\r\n/)
  t.strictSame(JSON.parse(answer.slice(answer.indexOf('{'))), { statusCode: 400, code: 'POSTERN_ERR_HTTP_BAD_REQUEST', message: 'The request is not valid HTTP.', requestId: null })
})

t.test('writes no error into another answer', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart') })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  await client.until('part')
  client.send('nonsense\r\n\r\n')
  t.match(await client.closed(), /part$/)
})
