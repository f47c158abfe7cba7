import t from 'tap'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import net, { type Socket } from 'node:net'
import type { Test } from 'tap'
import type { ForwardSetup } from '../helpers/forward.ts'
import { buildForward } from '../helpers/forward.ts'
import { buildRawBackend, ok } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

const get = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'
const post = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi'

/** A port that nobody listens on. */
async function closedPort (): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function answerOf (t: Test, setup: ForwardSetup, request = get): Promise<{ status: number, body: any, gateway: Awaited<ReturnType<typeof buildForward>> }> {
  const gateway = await buildForward(t, setup)
  const client = await buildRawClient(t, gateway.port)
  client.send(request)
  const text = await client.until('}')
  return { status: Number(text.split(' ')[1]), body: JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)), gateway }
}

t.test('answers 502, 503 or 504 by cause; with SAP\'s numbers where asked for', async t => {
  const broken = (answer: string) => async (t: Test) => (await buildRawBackend(t, { onRequest: ({ socket }) => socket.end(Buffer.from(answer, 'latin1')) })).port
  const rows: Array<{ name: string, port: (t: Test) => Promise<number>, http: number, sap: number, code: string, failed: boolean, pools?: ForwardSetup['pools'] }> = [
    { name: 'refused', port: closedPort, http: 502, sap: 404, code: 'UPSTREAM_UNREACHABLE', failed: true },
    { name: 'closed without an answer', port: broken(''), http: 502, sap: 500, code: 'UPSTREAM_CLOSED', failed: false },
    { name: 'closed within the header', port: broken('HTTP/1.1 200 OK\r\nX: '), http: 502, sap: 500, code: 'UPSTREAM_CLOSED', failed: false },
    { name: 'no HTTP', port: broken('220 mail.example ESMTP\r\n'), http: 502, sap: 500, code: 'UPSTREAM_ANSWER', failed: false },
    { name: 'two lengths', port: broken('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'), http: 502, sap: 500, code: 'UPSTREAM_ANSWER', failed: false },
    { name: 'length and chunks', port: broken('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'), http: 502, sap: 500, code: 'UPSTREAM_ANSWER', failed: false },
    { name: 'an upgrade nobody asked for', port: broken('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'), http: 502, sap: 500, code: 'UPSTREAM_ANSWER', failed: false },
    {
      name: 'silent', port: async t => (await buildRawBackend(t, { onRequest: () => {} })).port, http: 504, sap: 500, code: 'UPSTREAM_TIMEOUT', failed: false
    }
  ]
  for (const { name, port, http, sap, code, failed, pools } of rows) {
    const to = await port(t)
    for (const errorStatus of ['http', 'sap'] as const) {
      const { status, body, gateway } = await answerOf(t, { to, errorPages: { errorStatus }, forward: { requestTimeoutMs: 50 }, ...(pools === undefined ? {} : { pools }) })
      t.equal(status, errorStatus === 'http' ? http : sap, `${name} ${errorStatus}`)
      t.equal(body.code, `POSTERN_ERR_${code}`, name)
      t.equal(body.statusCode, status)
      t.equal(body.requestId, 'req-1')
      t.notMatch(JSON.stringify(body), /127\.0\.0\.1|ECONN|socket|UND_ERR/i, 'no address, no library text')
      t.strictSame(gateway.reports.filter(report => report !== 'succeeded'), failed ? [`POSTERN_ERR_${code}`] : [], name)
      t.match(gateway.log.filter(({ msg }) => msg === 'forwarding failed'), [{ code: `POSTERN_ERR_${code}`, upstream: /127/, system: 'wdisp/system_0' }])
    }
  }
})

t.test('says what SAP says', async t => {
  const { body } = await answerOf(t, { to: await closedPort(), errorPages: { errorStatus: 'sap' } })
  t.equal(body.message, 'Partner not reached')
  const silent = await buildRawBackend(t, { onRequest: () => {} })
  const { body: timeout } = await answerOf(t, { to: silent.port, errorPages: { errorStatus: 'sap' }, forward: { requestTimeoutMs: 50 } })
  t.equal(timeout.message, 'Connection timed out')
})

t.test('answers 504 when no connection can be made in time', async t => {
  const { status, body, gateway } = await answerOf(t, {
    to: 9,
    pools: {
      connectTimeoutMs: 50,
      connector: (server, { connectTimeoutMs }) => callback => {
        t.equal(server.port, 9)
        setTimeout(() => callback(Object.assign(new Error('late'), { code: 'ETIMEDOUT' }), null), connectTimeoutMs)
      }
    }
  })
  t.equal(status, 504)
  t.equal(body.code, 'POSTERN_ERR_UPSTREAM_CONNECT_TIMEOUT')
  t.strictSame(gateway.reports, ['POSTERN_ERR_UPSTREAM_CONNECT_TIMEOUT'])
})

t.test('answers 503 when all connections are in use', async t => {
  const backend = await buildRawBackend(t, { onRequest: () => {} })
  const gateway = await buildForward(t, { to: backend.port, pools: { maxConnections: 1, maxWaiting: 1, connectTimeoutMs: 100 } })
  const clients = await Promise.all([1, 2, 3].map(async () => await buildRawClient(t, gateway.port)))
  clients[0]?.send(get)
  await backend.request(0)
  clients[1]?.send(get)
  clients[2]?.send(get)
  for (const client of clients.slice(1)) t.match(await client.until('}'), /^HTTP\/1\.1 503 [^]*POSTERN_ERR_UPSTREAM_BUSY/)
})

t.test('serves who waits as soon as a connection is free, and forgets who has gone', async t => {
  const backend = await buildRawBackend(t, { onRequest: () => {} })
  const gateway = await buildForward(t, { to: backend.port, pools: { maxConnections: 1 } })
  const [first, gone, last] = await Promise.all([1, 2, 3].map(async () => await buildRawClient(t, gateway.port)))
  first?.send('GET /first HTTP/1.1\r\nHost: h\r\n\r\n')
  const { socket } = await backend.request(0)
  const arrived = new Map<string | undefined, Socket>()
  const bothArrived = new Promise<void>(resolve => {
    gateway.app.server.on('request', ({ originalUrl, socket }: IncomingMessage & { originalUrl?: string }) => {
      if (arrived.set(originalUrl, socket).size === 2) resolve()
    })
  })
  gone?.send('GET /gone HTTP/1.1\r\nHost: h\r\n\r\n')
  last?.send('GET /last HTTP/1.1\r\nHost: h\r\n\r\n')
  await bothArrived
  gone?.socket.destroy()
  await once(arrived.get('/gone') as Socket, 'close')
  socket.write(ok)
  t.match((await backend.request(1)).head, /^GET \/last /)
  socket.write(ok)
  await last?.until('ok')
  t.equal(backend.sockets.length, 1)
})

t.test('sends a GET again on a new connection, once, when a used one turns out closed; a POST never', async t => {
  for (const [request, status, requests] of [[get, 200, 3], [post, 502, 2]] as const) {
    const backend = await buildRawBackend(t, {
      onRequest: ({ socket, connection, index }) => {
        if (connection === 0 && index === 1) socket.destroy()
        else socket.write(ok)
      }
    })
    const { port } = await buildForward(t, { to: backend.port })
    const client = await buildRawClient(t, port)
    client.send(get)
    await client.until('ok')
    const second = await buildRawClient(t, port)
    second.send(request)
    t.match(await second.until(/ok$|}$/), new RegExp(`^HTTP/1.1 ${status} `))
    t.equal(backend.requests.length, requests)
  }
})

t.test('sends nothing again on a new connection, after a byte of an answer, or twice', async t => {
  const firstAlways = await buildRawBackend(t, { onRequest: ({ socket }) => socket.destroy() })
  t.equal((await answerOf(t, { to: firstAlways.port })).status, 502)
  t.equal(firstAlways.requests.length, 1, 'a new connection')

  const partly = await buildRawBackend(t, { onRequest: ({ socket, index }) => { if (index === 0) socket.write(ok); else socket.end('H') } })
  const gateway = await buildForward(t, { to: partly.port })
  const client = await buildRawClient(t, gateway.port)
  client.send(get)
  await client.until('ok')
  client.send(get)
  await client.until('POSTERN_ERR_UPSTREAM_CLOSED')
  t.equal(partly.requests.length, 2, 'a byte was answered')

  const twice = await buildRawBackend(t, { onRequest: ({ socket, connection, index }) => { if (connection === 0 && index === 0) socket.write(ok); else socket.destroy() } })
  const other = await buildForward(t, { to: twice.port })
  const again = await buildRawClient(t, other.port)
  again.send(get)
  await again.until('ok')
  again.send(get)
  await again.until('POSTERN_ERR_UPSTREAM_CLOSED')
  t.equal(twice.requests.length, 3, 'once')
})

t.test('never sends a 503 of the back end again', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 4\r\n\r\nbusy') })
  const gateway = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, gateway.port)
  client.send(get)
  t.match(await client.until('busy'), /^HTTP\/1\.1 503 Service Unavailable\r\nRetry-After: 0\r\n/)
  t.equal(backend.requests.length, 1)
})

t.test('cuts the client connection when an answer breaks off', async t => {
  for (const [request, start] of [
    [get, 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart'],
    [get, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n'],
    ['GET / HTTP/1.0\r\n\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n']
  ] as const) {
    const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(start) })
    const gateway = await buildForward(t, { to: backend.port })
    const client = await buildRawClient(t, gateway.port)
    let failed = false
    client.socket.on('error', () => { failed = true })
    client.send(request)
    await client.until('part')
    backend.sockets[0]?.destroy()
    t.match(await client.closed(), /part(\r\n)?$/, 'no end of the body')
    t.equal(failed, request !== get, 'where only the end of the connection ends the body, it is reset')
    t.match(gateway.log.filter(({ msg }) => msg === 'forwarding failed'), [{ code: 'POSTERN_ERR_UPSTREAM_CLOSED' }])
  }
})

t.test('cuts an answer that falls silent', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart') })
  const gateway = await buildForward(t, { to: backend.port, forward: { requestTimeoutMs: 50 } })
  const client = await buildRawClient(t, gateway.port)
  client.send(get)
  t.match(await client.closed(), /part$/)
  t.match(gateway.log.filter(({ msg }) => msg === 'forwarding failed'), [{ code: 'POSTERN_ERR_UPSTREAM_TIMEOUT' }])
})

t.test('tells the back end within a second when the client has gone', async t => {
  const moments: Array<[string, string, (socket: Socket) => void]> = [
    ['before the answer', get, () => {}],
    ['within the answer', get, socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart')],
    ['within the body', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\npart', () => {}],
    ['within a chunked body', 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n', () => {}]
  ]
  for (const [name, request, onHead] of moments) {
    let gotHead: () => void = () => {}
    const head = new Promise<void>(resolve => { gotHead = resolve })
    const backend = await buildRawBackend(t, { onHead: ({ socket }) => { onHead(socket); gotHead() } })
    const gateway = await buildForward(t, { to: backend.port })
    const client = await buildRawClient(t, gateway.port)
    client.send(request)
    await head
    if (name === 'within the answer') await client.until('part')
    const start = Date.now()
    client.socket.destroy()
    await once(backend.sockets[0] as Socket, 'close')
    t.ok(Date.now() - start < 1000, name)
    t.equal(backend.requests.length, request === get ? 1 : 0, 'an incomplete request stays incomplete')
    t.strictSame(gateway.reports.filter(report => report !== 'succeeded'), [], 'nothing is said against the server')
  }
})

t.test('does not send a request whose client has gone while the connection was made', async t => {
  const backend = await buildRawBackend(t)
  let connectNow: () => void = () => {}
  let asked: () => void = () => {}
  const dialled = new Promise<void>(resolve => { asked = resolve })
  const gateway = await buildForward(t, {
    to: backend.port,
    pools: {
      connector: ({ port }) => callback => {
        connectNow = () => {
          const socket = net.connect(port, '127.0.0.1')
          socket.once('connect', () => callback(null, socket))
        }
        asked()
      }
    }
  })
  const client = await buildRawClient(t, gateway.port)
  const aborted = new Promise<void>(resolve => gateway.app.server.once('request', (_request, response) => response.once('close', () => resolve())))
  client.send(get)
  await dialled
  client.socket.destroy()
  await aborted
  connectNow()
  while (backend.sockets.length === 0) await new Promise(resolve => setImmediate(resolve))
  await once(backend.sockets[0] as Socket, 'close')
  t.strictSame(backend.requests, [])
})
