import t from 'tap'
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { maxPipelined } from '../../src/http/pipelining.ts'
import { buildForward } from '../helpers/forward.ts'
import { buildRawBackend, ok } from '../helpers/raw-backend.ts'
import { buildRawClient, type RawClient } from '../helpers/raw-client.ts'

const get = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'

/** Sends a request and waits for its answer, the next `ok`. */
async function exchange (client: RawClient, request = get): Promise<void> {
  const before = client.received().split('ok').length
  client.send(request)
  await client.until(text => text.split('ok').length > before)
}

t.test('uses one connection to the back end for many clients, whatever their Host', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  for (const host of ['a', 'b', 'c']) await exchange(await buildRawClient(t, port), `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  t.strictSame(backend.requests.map(({ connection, index }) => [connection, index]), [[0, 0], [0, 1], [0, 2]])
})

t.test('never lets two clients share a connection that carried NTLM or Negotiate', async t => {
  for (const credentials of ['NTLM TlRMTVNTUAAB', 'Negotiate YII=', 'negotiate', 'Nego2 x']) {
    const backend = await buildRawBackend(t)
    const { port } = await buildForward(t, { to: backend.port })
    const [user, stranger] = [await buildRawClient(t, port), await buildRawClient(t, port)]
    await exchange(user, `GET /1 HTTP/1.1\r\nHost: h\r\nAuthorization: ${credentials}\r\n\r\n`)
    await exchange(stranger, 'GET /2 HTTP/1.1\r\nHost: h\r\n\r\n')
    await exchange(user, 'GET /3 HTTP/1.1\r\nHost: h\r\n\r\n')
    await exchange(await buildRawClient(t, port), 'GET /4 HTTP/1.1\r\nHost: h\r\n\r\n')
    t.strictSame(backend.requests.map(({ connection, head }) => [connection, head.split(' ')[1]]), [[0, '/1'], [1, '/2'], [0, '/3'], [1, '/4']], credentials)
    user.socket.destroy()
    await once(backend.sockets[0] as Socket, 'close')
    t.equal(backend.sockets[1]?.destroyed, false, 'the connection ends with its client')
  }
})

t.test('keeps a connection for the client that was asked for NTLM on it', async t => {
  for (const challenge of ['NTLM', 'Basic realm="x", Negotiate', 'Negotiate, NTLM']) {
    const backend = await buildRawBackend(t, {
      onRequest: ({ socket, head }) => socket.write(head.includes('Authorization') ? ok : `HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: ${challenge}\r\nContent-Length: 2\r\n\r\nok`)
    })
    const { port } = await buildForward(t, { to: backend.port })
    const [user, stranger] = [await buildRawClient(t, port), await buildRawClient(t, port)]
    await exchange(user)
    await exchange(stranger)
    await exchange(user, 'GET / HTTP/1.1\r\nHost: h\r\nAuthorization: NTLM a\r\n\r\n')
    await exchange(stranger, 'GET / HTTP/1.1\r\nHost: h\r\nAuthorization: NTLM b\r\n\r\n')
    t.strictSame(backend.requests.map(({ connection }) => connection), [0, 1, 0, 1], challenge)
  }
})

t.test('shares connections after Basic', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\nWWW-Authenticate: Basic realm="negotiate"\r\n${ok.slice(17)}`) })
  const { port } = await buildForward(t, { to: backend.port })
  await exchange(await buildRawClient(t, port), 'GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic bnRsbQ==\r\n\r\n')
  await exchange(await buildRawClient(t, port))
  t.strictSame(backend.requests.map(({ connection }) => connection), [0, 0])
})

t.test('sends pipelined requests of a bound client one after the other on its connection', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const user = await buildRawClient(t, port)
  const one = 'GET / HTTP/1.1\r\nHost: h\r\nAuthorization: NTLM a\r\n\r\n'
  user.send(one + one + one)
  await user.until(text => text.split('ok').length === 4)
  t.strictSame(backend.requests.map(({ connection, index }) => [connection, index]), [[0, 0], [0, 1], [0, 2]])
})

t.test('requests may wait behind one that is not answered, but not hundreds of them', async t => {
  const held: Socket[] = []
  const backend = await buildRawBackend(t, { onRequest: ({ socket, head }) => { if (head.includes('/held')) held.push(socket); else socket.write(ok) } })
  const { port, app } = await buildForward(t, { to: backend.port })
  const patient = await buildRawClient(t, port)
  const one = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`
  patient.send(one('/held') + one('/').repeat(maxPipelined))
  await backend.request(maxPipelined)
  held[0]?.write(ok)
  await patient.until(text => text.split('ok').length === maxPipelined + 2)
  patient.send(one('/held') + one('/').repeat(maxPipelined))
  await backend.request(2 * maxPipelined + 1)
  held[1]?.write(ok)
  await patient.until(text => text.split('ok').length === 2 * (maxPipelined + 1) + 1)

  const flood = await buildRawClient(t, port)
  const before = backend.requests.length
  flood.send(one('/held').repeat(1000))
  t.equal(await flood.closed(), '')
  await exchange(await buildRawClient(t, port))
  t.ok(backend.requests.length - before <= maxPipelined + 2, `${backend.requests.length - before} of 1000 requests were sent`)
  t.equal((await app.inject('/')).statusCode, 200)
})

t.test('keeps serving a bound client whose connection the back end closed', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket, connection, index }) => { if (connection === 0 && index === 1) socket.destroy(); else socket.write(ok) } })
  const { port } = await buildForward(t, { to: backend.port })
  const user = await buildRawClient(t, port)
  await exchange(user, 'GET / HTTP/1.1\r\nHost: h\r\nAuthorization: NTLM a\r\n\r\n')
  await exchange(user)
  t.strictSame(backend.requests.map(({ connection }) => connection), [0, 0, 1])
})

t.test('gives a bound client another connection when the back end has closed its own', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket, head }) => { socket.write(head.includes('NTLM') ? ok : `HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\n${ok.slice(17)}`) } })
  const { port } = await buildForward(t, { to: backend.port })
  const user = await buildRawClient(t, port)
  for (let turn = 0; turn < 3; turn++) {
    const before = backend.sockets.length
    await exchange(user, 'GET / HTTP/1.1\r\nHost: h\r\nAuthorization: NTLM a\r\n\r\n')
    await exchange(user)
    t.equal(backend.sockets.length, before + 1, 'one for both')
    const closed = once(backend.sockets[before] as Socket, 'close')
    backend.sockets[before]?.end()
    await closed
  }
  t.strictSame(backend.requests.map(({ connection }) => connection), [0, 0, 1, 1, 2, 2])
})

t.test('a request that waited for a connection makes it its client\'s too', async t => {
  let answerFirst = (): void => {}
  const backend = await buildRawBackend(t, { onRequest: ({ socket, index }) => { if (index === 0 && backend.requests.length === 1) answerFirst = () => { socket.write(ok) }; else socket.write(ok) } })
  const { port, pools } = await buildForward(t, { to: backend.port, pools: { maxConnections: 1 } })
  const [first, user, stranger] = [await buildRawClient(t, port), await buildRawClient(t, port), await buildRawClient(t, port)]
  first.send('GET /first HTTP/1.1\r\nHost: h\r\n\r\n')
  await backend.request(0)
  user.send('GET /user HTTP/1.1\r\nHost: h\r\nAuthorization: NTLM a\r\n\r\n')
  await buildRawClient(t, port)
  answerFirst()
  await user.until('ok')
  stranger.send('GET /stranger HTTP/1.1\r\nHost: h\r\n\r\n')
  await buildRawClient(t, port)
  t.equal(backend.requests.length, 2, 'the only connection is the user\'s')
  user.socket.destroy()
  await stranger.until('ok')
  t.strictSame(backend.requests.map(({ connection }) => connection), [0, 0, 1])
  t.ok(pools)
})

t.test('makes a connection per request where asked for', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port, pools: { closeAfterResponse: true } })
  const client = await buildRawClient(t, port)
  await exchange(client)
  await exchange(client)
  t.strictSame(backend.requests.map(({ connection }) => connection), [0, 1])
  t.match(backend.requests[0]?.head, 'connection: close')
})

t.test('does not use a connection again that the back end says it closes, or whose idle time is over', async t => {
  for (const field of ['Connection: close', 'Keep-Alive: timeout=1']) {
    const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\n${field}\r\n${ok.slice(17)}`) })
    const { port } = await buildForward(t, { to: backend.port })
    const client = await buildRawClient(t, port)
    await exchange(client)
    await once(backend.sockets[0] as Socket, 'close')
    await exchange(client)
    t.strictSame(backend.requests.map(({ connection }) => connection), [0, 1], field)
  }
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port, pools: { keepAliveTimeoutMs: 20 } })
  await exchange(await buildRawClient(t, port))
  await once(backend.sockets[0] as Socket, 'close')
  t.pass('idle time')
})

t.test('uses an idle connection after the back end closed it, without a failure', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  await exchange(client)
  backend.sockets[0]?.end()
  await once(backend.sockets[0] as Socket, 'close')
  await exchange(client, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi')
  t.strictSame(backend.requests.map(({ connection }) => connection), [0, 1])
})

t.test('a client connection serves many requests, also after an error', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket, head }) => { if (head.startsWith('GET /bad')) socket.destroy(); else socket.write(ok) } })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  await exchange(client)
  client.send('GET /bad HTTP/1.1\r\nHost: h\r\n\r\n')
  await client.until('}')
  await exchange(client)
  t.equal(backend.requests.length, 4, 'the bad one was sent twice')
})

t.test('takes connections from another place', async t => {
  const backend = await buildRawBackend(t)
  const waiting: Socket[] = [net.connect(backend.port, '127.0.0.1')]
  await once(waiting[0] as Socket, 'connect')
  const { port } = await buildForward(t, {
    to: { origin: 'http://inner.invalid:1', host: 'inner.invalid', port: 1, tls: null },
    pools: { connector: () => callback => { setImmediate(() => callback(null, waiting.pop() ?? null)) } }
  })
  const client = await buildRawClient(t, port)
  await exchange(client)
  t.equal(backend.sockets.length, 1)
  client.send('GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
  backend.sockets[0]?.destroy()
  t.match(await client.closed(), /502|200/)
})
