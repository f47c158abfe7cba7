import t from 'tap'
import { once } from 'node:events'
import net from 'node:net'
import { buildForward } from '../helpers/forward.ts'
import { buildRawBackend, fieldLines, ok } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

const get = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'

t.test('forwards informational answers with their fields, and the trailers of the final one', async t => {
  const backend = await buildRawBackend(t, {
    onRequest: ({ socket }) => socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Hint: \xe9\r\nConnection: x-c\r\nX-C: 1\r\n\r\n' +
      'HTTP/1.1 102 Processing\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nTrailer: X-Sum, X-More\r\nTransfer-Encoding: chunked\r\nDate: now\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: \xe9\r\nX-More: 2\r\n\r\n', 'latin1')
  })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send(get)
  t.equal(await client.until('X-More: 2\r\n\r\n'),
    'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Hint: \xe9\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n' +
    'HTTP/1.1 200 OK\r\nDate: now\r\nTrailer: X-Sum, X-More\r\nConnection: keep-alive\r\nKeep-Alive: timeout=72\r\nTransfer-Encoding: chunked\r\n\r\n' +
    '3\r\nabc\r\n0\r\nX-Sum: \xe9\r\nX-More: 2\r\n\r\n')
})

t.test('an informational answer and a 204 never say a length: whoever counts would take the next answer for a body', async t => {
  const informational = 'HTTP/1.1 103 Early Hints\r\nContent-Length: 40\r\nLink: x\r\n\r\n'
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(`${informational}HTTP/1.1 204 No Content\r\nContent-Length: 40\r\nDate: now\r\n\r\n`) })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send(get)
  t.equal(await client.until(/204[^]*\r\n\r\n/),
    'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\nDate: now\r\nConnection: keep-alive\r\nKeep-Alive: timeout=72\r\n\r\n')
})

t.test('a body in a coding that nobody undoes is no answer', async t => {
  for (const coding of ['gzip, chunked', 'chunked, x']) {
    const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\n2\r\nab\r\n0\r\n\r\n`) })
    const { port } = await buildForward(t, { to: backend.port })
    const client = await buildRawClient(t, port)
    client.send(get)
    t.match(await client.until('}'), /^HTTP\/1\.1 502 [^]*POSTERN_ERR_UPSTREAM_ANSWER/, coding)
  }
})

t.test('sends HTTP/1.0 clients neither informational answers nor chunks nor trailers', async t => {
  const backend = await buildRawBackend(t, {
    onRequest: ({ socket }) => socket.write('HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\nDate: now\r\n\r\n3\r\nabc\r\n0\r\nX: 1\r\n\r\n')
  })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.0\r\n\r\n')
  t.equal(await client.closed(), 'HTTP/1.1 200 OK\r\nDate: now\r\nConnection: close\r\n\r\nabc')
  t.strictSame(fieldLines((await backend.request(0)).head), [`host: 127.0.0.1:${backend.port}`, 'connection: keep-alive'])
})

t.test('keeps an HTTP/1.0 connection that asks for it', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  for (const answers of [1, 2]) {
    client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    t.match(await client.until(text => text.split('ok').length > answers), /Connection: keep-alive/)
  }
})

t.test('passes answers without a body on as they are', async t => {
  const heads = [
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 77\r\nDate: now\r\n\r\n'],
    ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\nDate: now\r\n\r\n'],
    ['GET', 'HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: "x"\r\nDate: now\r\n\r\n'],
    ['GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: now\r\n\r\n']
  ] as const
  for (const [method, head] of heads) {
    const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(head) })
    const { port } = await buildForward(t, { to: backend.port })
    const client = await buildRawClient(t, port)
    client.send(`${method} / HTTP/1.1\r\nHost: h\r\n\r\n`)
    const expected = head.replace('Transfer-Encoding: chunked\r\nTrailer: X\r\n', '').replace('\r\n\r\n', '\r\nConnection: keep-alive\r\nKeep-Alive: timeout=72\r\n\r\n')
    t.equal(await client.until('\r\n\r\n'), expected)
    client.send(get.replace('GET', method))
    await client.until(text => text.split('\r\n\r\n').length === 3)
  }
})

t.test('passes unusual status codes and reason phrases on', async t => {
  for (const [sent, expected] of [
    ['HTTP/1.1 999 Odd', 'HTTP/1.1 999 Odd'], ['HTTP/1.1 600 ', 'HTTP/1.1 600 '], ['HTTP/1.1 404', 'HTTP/1.1 404 '],
    ['HTTP/1.1 200 Sch\xc3\xb6n', 'HTTP/1.1 200 Sch\xc3\xb6n'], ['HTTP/1.1 200 Sch\xf6n', 'HTTP/1.1 200 OK'], ['HTTP/1.0 200 Old', 'HTTP/1.1 200 Old']
  ] as const) {
    const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(Buffer.from(`${sent}\r\nContent-Length: 2\r\n\r\nok`, 'latin1')) })
    const { port } = await buildForward(t, { to: backend.port })
    const client = await buildRawClient(t, port)
    client.send(get)
    t.equal((await client.until('ok')).split('\r\n')[0], expected)
  }
})

t.test('takes the end of the back end\'s connection as the end of an answer without a length', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => { socket.write('HTTP/1.1 200 OK\r\n\r\npart'); socket.end(' and end') } })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send(get)
  t.match(await client.until('0\r\n\r\n'), /Transfer-Encoding: chunked\r\n\r\n[^]* and end\r\n0\r\n\r\n$/)
})

t.test('writes the header of an answer before its body is there', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\n') })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send(get)
  await client.until('event-stream')
  const { socket } = await backend.request(0)
  socket.write('data:')
  await client.until('data:')
  socket.write(' end')
  await client.until('data: end')
})

t.test('writes a small answer at once', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket, index }) => socket.write(index === 0 ? ok : 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n') })
  const gateway = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, gateway.port)
  const parts: string[] = []
  client.socket.on('data', chunk => { parts.push(chunk.toString()) })
  client.send(get)
  await client.until('ok')
  t.equal(parts.length, 1)
  client.send(get)
  await client.until('0\r\n\r\n')
  t.equal(parts.length, 2)
})

t.test('passes large header fields on in both directions, and refuses larger ones', async t => {
  const large = 'x'.repeat(60_000)
  const backend = await buildRawBackend(t, {
    onRequest: ({ socket, head }) => socket.write(`HTTP/1.1 200 OK\r\nX-Large: ${large}${head.includes('more') ? large : ''}\r\nContent-Length: 2\r\n\r\nok`)
  })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send(`GET / HTTP/1.1\r\nHost: h\r\nX-Large: ${large}\r\n\r\n`)
  t.match(await client.until(/ok$/), `X-Large: ${large}`)
  t.match((await backend.request(0)).head, `X-Large: ${large}`)
  const answered = await buildRawClient(t, port)
  answered.send('GET /more HTTP/1.1\r\nHost: h\r\n\r\n')
  t.match(await answered.until('}'), /^HTTP\/1\.1 502 [^]*POSTERN_ERR_UPSTREAM_ANSWER_HEADER/)
  const refused = await buildRawClient(t, port)
  refused.send(`GET / HTTP/1.1\r\nHost: h\r\nX-Large: ${large}${large}\r\n\r\n`)
  t.match(await refused.closed(), /^HTTP\/1\.1 431 [^]*POSTERN_ERR_HTTP_HEADER_TOO_LARGE/)
})

t.test('answers requests of one connection in their order', async t => {
  let first: net.Socket | undefined
  const backend = await buildRawBackend(t, {
    onRequest: ({ socket, head }) => {
      if (head.startsWith('GET /1')) first = socket
      else {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond')
        first?.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst')
      }
    }
  })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n')
  t.match(await client.until('second'), /first[^]*second/)
})

t.test('closes the client connection when the client asks for it', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
  t.match(await client.closed(), /Connection: close\r\n\r\nok$/)
  t.equal(backend.sockets[0]?.destroyed, false, 'the connection to the back end stays')
})

t.test('passes a large answer on byte-exact to a slow reader', async t => {
  const body = Buffer.alloc(5_000_000, 'abcdefg')
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => { socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4c4b40\r\n'); socket.write(body); socket.write('\r\n0\r\n\r\n') } })
  const { port } = await buildForward(t, { to: backend.port })
  const socket = net.connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write('GET / HTTP/1.0\r\n\r\n')
  const parts: Buffer[] = []
  for await (const chunk of socket) parts.push(chunk as Buffer)
  const all = Buffer.concat(parts)
  t.ok(all.subarray(all.indexOf('\r\n\r\n') + 4).equals(body))
  if (!socket.closed) await once(socket, 'close')
})

t.test('lives with a 100 of the back end, and does not forward it', async t => {
  const parts = [
    ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 2\r\n\r\nok'],
    ['H', 'TTP/1.1 100 Continue\r\nX: 1\r\n', '\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 2\r\n\r\nok']
  ]
  for (const answer of parts) {
    const backend = await buildRawBackend(t, {
      onRequest: ({ socket }) => {
        const send = (index: number): void => {
          const part = answer[index]
          if (part !== undefined) socket.write(part, () => setImmediate(send, index + 1))
        }
        send(0)
      }
    })
    const { port } = await buildForward(t, { to: backend.port })
    const client = await buildRawClient(t, port)
    for (const answers of [1, 2]) {
      client.send(get)
      const text = await client.until(all => all.split('\r\n\r\nok').length > answers)
      t.notMatch(text, / 100 /)
      t.equal(text.split(' 103 ').length - 1, answer.length === 1 ? 0 : answers)
    }
    t.equal(backend.sockets.length, 1)
  }
})

t.test('an answer that must not be written is a 502', async t => {
  for (const value of ['a\x01b', 'a\x7fb', 'a\0b']) {
    const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\nX: ${value}\r\nContent-Length: 2\r\n\r\nok`) })
    const { port } = await buildForward(t, { to: backend.port })
    const client = await buildRawClient(t, port)
    client.send(get)
    t.match(await client.until('}'), /^HTTP\/1\.1 502 Bad Gateway[^]*POSTERN_ERR_UPSTREAM_ANSWER"/, JSON.stringify(value))
  }
})

t.test('answers what comes on open connections while the application stops, and closes them', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket, head }) => { if (head.startsWith('GET /later')) socket.write(ok) } })
  const { port, app } = await buildForward(t, { to: backend.port, fastify: { return503OnClosing: false, forceCloseConnections: 'idle' } })
  const client = await buildRawClient(t, port)
  client.send('GET /first HTTP/1.1\r\nHost: h\r\n\r\n')
  const { socket } = await backend.request(0)
  let stopping: () => void = () => {}
  const stops = new Promise<void>(resolve => { stopping = resolve })
  app.server.once('close', stopping)
  const closed = app.close()
  await new Promise<void>(resolve => { const look = (): void => { if (app.server.listening) setImmediate(look); else resolve() }; look() })
  client.send('GET /later HTTP/1.1\r\nHost: h\r\n\r\n')
  await backend.request(1)
  socket.write(ok)
  const text = await client.closed()
  t.match(text, /ok[^]*Connection: close[^]*ok$/i)
  await Promise.all([closed, stops])
})
