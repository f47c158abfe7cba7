import t from 'tap'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { buildForward } from '../helpers/forward.ts'
import { buildRawBackend, fieldLines, ok } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

const upgrade = 'GET /ws?x=%20 HTTP/1.1\r\nHost: h\r\nX-First: 1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n' +
  'Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\nSSL_CLIENT_CERT: x\r\nOrigin: o\r\n\r\n'
const switching = 'HTTP/1.1 101 Switching Protocols\r\nServer: raw\r\nUPGRADE: websocket\r\nconnection: Upgrade\r\nSec-WebSocket-Accept: s\r\nX-Bytes: \xe9\r\n\r\n'

t.test('splices the connections after the back end\'s 101, with its raw header, and all hooks run', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(Buffer.from(`${switching}hello`, 'latin1')) })
  const statuses: number[] = []
  const gateway = await buildForward(t, {
    to: backend.port,
    forward: { addXForwardedFor: true },
    before: app => {
      app.addHook('onRequest', (_request, reply, done) => { reply.header('set-cookie', 'sticky=1'); done() })
      app.addHook('onResponse', (_request, reply, done) => { statuses.push(reply.raw.statusCode); done() })
    }
  })
  const client = await buildRawClient(t, gateway.port)
  client.send(`${upgrade}early`)
  t.equal(await client.until('hello'), switching.replace('\r\n\r\n', '\r\nset-cookie: sticky=1\r\n\r\n') + 'hello')
  const { head, socket } = await backend.request(0)
  t.equal(head.split('\r\n')[0], 'GET /ws?x=%20 HTTP/1.1')
  t.strictSame(fieldLines(head), [
    'host: h', 'connection: upgrade', 'upgrade: websocket', 'X-First: 1', 'Sec-WebSocket-Key: k', 'Sec-WebSocket-Protocol: a',
    'Sec-WebSocket-Protocol: b', 'SSL_CLIENT_CERT: x', 'Origin: o', 'x-forwarded-for: 127.0.0.1'
  ])
  let received = ''
  socket.on('data', chunk => { received += chunk.toString('latin1') })
  client.send('\x81\x00\xff')
  while (!received.endsWith('\x81\x00\xff')) await setImmediate()
  socket.write(Buffer.from([0x82, 0, 0xfe]))
  t.match(await client.until('\x82\0\xfe'), /hello\x82\0\xfe$/)
  t.strictSame(statuses, [101])
  t.strictSame(gateway.reports, ['succeeded'])
  socket.destroy()
  await client.closed()
})

t.test('bytes that the client sends behind its request arrive', async t => {
  const received: string[] = []
  const backend = await buildRawBackend(t, {
    onRequest: ({ socket }) => { socket.on('data', chunk => { received.push(chunk.toString()) }); socket.write(switching) }
  })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send(`${upgrade}early`)
  while (received.join('') !== 'early') await setImmediate()
  t.strictSame(received.join(''), 'early')
})

t.test('passes a refusal of the back end on as it is, and closes', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nDate: now\r\nContent-Length: 2\r\n\r\nno') })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send(upgrade)
  t.equal(await client.closed(), 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nDate: now\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno')
})

t.test('answers its own errors to an upgrade', async t => {
  const { port } = await buildForward(t, { to: 1 })
  const client = await buildRawClient(t, port)
  client.send(upgrade)
  t.match(await client.closed(), /^HTTP\/1\.1 502 [^]*POSTERN_ERR_UPSTREAM_UNREACHABLE/)
})

t.test('refuses an upgrade with a body, and to HTTP/2', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  for (const [fields, status] of [
    ['Upgrade: websocket\r\nContent-Length: 5\r\n\r\nhello', 400], ['Upgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', 400],
    ['Upgrade: websocket\r\nContent-Length: 500000\r\n\r\nhello', 400], ['Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n', 501],
    ['Upgrade: websocket, H2C\r\n\r\n', 501], ['Upgrade: HTTP/2.0\r\n\r\n', 501], ['Upgrade: h2\r\n\r\n', 501]
  ] as const) {
    const client = await buildRawClient(t, port)
    client.send(`POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n${fields}`)
    t.match(await client.closed(), new RegExp(`^HTTP/1.1 ${status} `), fields)
  }
  t.strictSame(backend.requests, [])
})

t.test('takes an Upgrade without Connection for a common request', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n')
  await client.until('ok')
  t.notMatch((await backend.request(0)).head, /upgrade/i)
})

t.test('refuses CONNECT', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('CONNECT inner:443 HTTP/1.1\r\nHost: inner:443\r\n\r\n')
  t.match(await client.closed(), /^HTTP\/1\.1 405 [^]*POSTERN_ERR_FORWARD_METHOD/)
  t.strictSame(backend.requests, [])
})

t.test('passes the end of one direction on, and the rest of the other', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(switching) })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port, { allowHalfOpen: true })
  client.send(upgrade)
  await client.until('\r\n\r\n')
  const { socket } = await backend.request(0)
  socket.resume()
  socket.write('last words')
  client.socket.end('bye')
  await once(socket, 'end')
  t.match(await client.closed(), /last words$/)
})

t.test('an error of one side ends the other', async t => {
  for (const side of ['client', 'back end']) {
    const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(switching) })
    const { port } = await buildForward(t, { to: backend.port })
    const client = await buildRawClient(t, port)
    client.send(upgrade)
    await client.until('\r\n\r\n')
    const { socket } = await backend.request(0)
    if (side === 'client') {
      client.socket.resetAndDestroy()
      if (!socket.closed) await once(socket, 'close')
    } else {
      socket.resetAndDestroy()
      await client.closed()
    }
    t.pass(side)
  }
})

t.test('gives up on the back end when the client leaves before the 101', async t => {
  const backend = await buildRawBackend(t, { onRequest: () => {} })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send(upgrade)
  const { socket } = await backend.request(0)
  client.socket.destroy()
  await once(socket, 'close')
})

t.test('answers 504 when the back end says nothing to an upgrade, and lets a tunnel be silent', async t => {
  const silent = await buildRawBackend(t, { onRequest: () => {} })
  const first = await buildForward(t, { to: silent.port, forward: { requestTimeoutMs: 30 } })
  const refused = await buildRawClient(t, first.port)
  refused.send(upgrade)
  t.match(await refused.closed(), /^HTTP\/1\.1 504 /)
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(switching) })
  const second = await buildForward(t, { to: backend.port, forward: { requestTimeoutMs: 30 } })
  const client = await buildRawClient(t, second.port)
  client.send(upgrade)
  const { socket } = await backend.request(0)
  await client.until('\r\n\r\n')
  // another request that runs into the same time limit shows that the tunnel outlived it
  const other = await buildRawClient(t, first.port)
  other.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  await other.until(' 504 ')
  socket.write('still here')
  await client.until('still here')
})

t.test('back-pressure holds in a tunnel', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => { socket.pause(); socket.write(switching) } })
  const { port, app } = await buildForward(t, { to: backend.port })
  let inner: Socket | undefined
  app.server.on('connection', socket => { inner = socket })
  const client = await buildRawClient(t, port)
  client.send(upgrade)
  await client.until('\r\n\r\n')
  client.socket.write(Buffer.alloc(64 * 1024 * 1024))
  let before = -1
  for (let quiet = 0; quiet < 500; quiet++) {
    const { bytesRead = 0 } = inner as Socket
    if (bytesRead !== before) quiet = 0
    before = bytesRead
    await setImmediate()
  }
  t.ok(before < 48 * 1024 * 1024, `${before} bytes were read`)
})

t.test('an upgraded connection counts, and is never used again', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket, head }) => socket.write(/upgrade: /.test(head) ? switching : ok) })
  const gateway = await buildForward(t, { to: backend.port, pools: { maxConnections: 1, connectTimeoutMs: 50 } })
  const client = await buildRawClient(t, gateway.port)
  client.send(upgrade)
  await client.until('\r\n\r\n')
  const other = await buildRawClient(t, gateway.port)
  other.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  await other.until(' 503 ')
  backend.sockets[0]?.destroy()
  await client.closed()
  other.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  await other.until('ok')
  t.equal(backend.sockets.length, 2)
})

t.test('an upgrade or CONNECT right behind another request waits for its answer', async t => {
  for (const [second, expected] of [[upgrade, /ok[^]*HTTP\/1\.1 101 /], ['CONNECT inner:443 HTTP/1.1\r\nHost: inner:443\r\n\r\n', /ok[^]*HTTP\/1\.1 405 /]] as const) {
    const backend = await buildRawBackend(t, { onRequest: ({ socket, head }) => { if (/upgrade: /.test(head)) socket.write(switching) } })
    const { port, app } = await buildForward(t, { to: backend.port })
    const client = await buildRawClient(t, port)
    const seen = once(app.server, second === upgrade ? 'upgrade' : 'connect')
    client.send(`GET /first HTTP/1.1\r\nHost: h\r\n\r\n${second}`)
    await seen
    const { socket } = await backend.request(0)
    socket.write(ok)
    t.match(await client.until(expected), expected)
  }
})
