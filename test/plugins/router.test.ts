import t, { type Test } from 'tap'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { createServer as createTlsServer } from 'node:tls'
import Fastify from 'fastify'
import { routerServerFactory, RouterServer, type RouterOptions } from '../../plugins/router.ts'
import { DispatchTable } from '../../src/dispatch/table.ts'
import type { UpstreamServer } from '../../src/upstream/server.ts'
import { mintPki } from '../helpers/pki.ts'
import { runProgram } from '../helpers/processes.ts'
import { buildRawClient } from '../helpers/raw-client.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'

const portOf = (server: Server): number => (server.address() as AddressInfo).port

/** A server on a socket; `serve` gets every connection. */
async function backend (t: Test, serve: (socket: Socket) => void): Promise<{ server: UpstreamServer, net: Server, sockets: Socket[] }> {
  const sockets: Socket[] = []
  const net = createServer({ allowHalfOpen: true }, socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    net.close()
  })
  net.listen(0, '127.0.0.1')
  await once(net, 'listening')
  return { server: at(portOf(net)), net, sockets }
}

const at = (port: number): UpstreamServer => ({ origin: `https://127.0.0.1:${port}`, host: '127.0.0.1', port, tls: null })

/** Answers the first bytes with its name. */
const named = (name: string) => (socket: Socket): void => { socket.once('data', () => { socket.end(name) }) }

/** A port on which nobody listens. */
async function deadServer (t: Test): Promise<UpstreamServer> {
  const { net, server } = await backend(t, () => {})
  net.close()
  await once(net, 'close')
  return server
}

async function build (t: Test, options: RouterOptions) {
  const app = Fastify({ serverFactory: routerServerFactory({ drainTimeoutMs: 0, ...options }) })
  t.teardown(async () => { await app.close() })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const router = app.server as unknown as RouterServer
  return { app, router, port: portOf(router) }
}

t.test('passes TLS through: the handshake is between client and server', async t => {
  const { server, client, root } = await mintPki(t)
  const tls = createTlsServer({ key: server.keyPem, cert: server.chainPem, ca: root.certPem, requestCert: true }, socket => {
    socket.end(`hello ${String(socket.getPeerCertificate().subject.CN)}`)
  })
  t.teardown(() => { tls.close() })
  tls.listen(0, '127.0.0.1')
  await once(tls, 'listening')
  const { port } = await build(t, { servers: [at(portOf(tls))] })
  const options = { ca: root.certPem, servername: 'localhost', key: client.keyPem, cert: client.chainPem }
  t.equal(await rawExchange(t, { port, tls: options }, ''), 'hello user')
})

t.test('the first connection is balanced, the next ones of the address stay', async t => {
  const servers = [(await backend(t, named('a'))).server, (await backend(t, named('b'))).server]
  const one = await build(t, { servers })
  for (let n = 0; n < 3; n++) t.equal(await rawExchange(t, one, 'x'), 'a')
  const roaming = await build(t, { servers, stickyMask: '0.0.0.0', maxClients: 1, contextTimeoutMs: 0 })
  const connection = once(roaming.router, 'connection') as Promise<[Socket]>
  t.equal(await rawExchange(t, roaming, 'x'), 'a')
  const [socket] = await connection
  if (!socket.closed) await once(socket, 'close')
  t.equal(await rawExchange(t, roaming, 'x'), 'b', 'an idle address is forgotten')
})

t.test('skips a server that does not accept, and keeps away from it', async t => {
  const logged: object[] = []
  const logger = { debug: () => {}, warn: (fields: object) => { logged.push(fields) } } as unknown as NonNullable<RouterOptions['logger']>
  const dead = await deadServer(t)
  const { port, router } = await build(t, { servers: [dead, (await backend(t, named('b'))).server], logger })
  for (let n = 0; n < 2; n++) t.equal(await rawExchange(t, { port }, 'x'), 'b')
  t.match(logged, [{ system: 'router', upstream: dead.origin, reason: 'ECONNREFUSED' }])
  t.match(router.counts, { accepted: 2, failures: 1, refused: 0 })
})

t.test('a server that goes away before it has answered is followed by the next one, which gets every byte', async t => {
  const first = await backend(t, socket => { socket.once('data', () => { socket.destroy() }) })
  const second = await backend(t, socket => {
    let text = ''
    socket.on('data', chunk => { text += String(chunk) }).on('end', () => { socket.end(text.toUpperCase()) })
  })
  const { port, router } = await build(t, { servers: [first.server, second.server] })
  const client = await buildRawClient(t, port, { allowHalfOpen: true })
  client.send('hello ')
  await once(second.net, 'connection')
  client.send('world')
  client.socket.end()
  t.equal(await client.closed(), 'HELLO WORLD')
  t.equal(router.counts.failures, 0, 'no answer is not held against a server: a client can provoke it')
})

t.test('what was sent beyond the kept bytes is not sent twice', async t => {
  const first = await backend(t, socket => {
    let seen = 0
    socket.on('data', chunk => {
      seen += chunk.length
      if (seen > 64 * 1024) socket.destroy()
    })
  })
  const second = await backend(t, named('never'))
  const { port, router } = await build(t, { servers: [first.server, second.server] })
  const client = await buildRawClient(t, port)
  client.send(Buffer.alloc(128 * 1024))
  t.equal(await client.closed(), '')
  t.equal(second.sockets.length, 0)
  t.equal(router.counts.refused, 1)
})

t.test('a client that says nothing and leaves costs no second server', async t => {
  const first = await backend(t, socket => { socket.on('end', () => { socket.end() }).resume() })
  const second = await backend(t, named('b'))
  const { port, router } = await build(t, { servers: [first.server, second.server] })
  const client = await buildRawClient(t, port)
  client.socket.end()
  t.equal(await client.closed(), '')
  t.equal(second.sockets.length, 0)
  t.match(router.counts, { failures: 0, refused: 0 })
})

t.test('closes the client when no server is left', async t => {
  const { port, router } = await build(t, { servers: [await deadServer(t), await deadServer(t)] })
  t.equal(await rawExchange(t, { port }, 'x'), '')
  t.match(router.counts, { refused: 1, failures: 2, open: 0 })
  const none = await build(t, { systems: () => null })
  t.equal(await rawExchange(t, none, 'x'), '')
})

t.test('either side may end first and still receive', async t => {
  const clientFirst = await backend(t, socket => {
    let text = ''
    socket.write('go')
    socket.on('data', chunk => { text += String(chunk) }).on('end', () => { socket.end(` got ${text}`) })
  })
  const one = await build(t, { servers: [clientFirst.server] })
  const client = await buildRawClient(t, one.port, { allowHalfOpen: true })
  await client.until('go')
  client.socket.end('all')
  t.equal(await client.closed(), 'go got all')

  const serverFirst = await backend(t, socket => { socket.end('done') })
  const two = await build(t, { servers: [serverFirst.server] })
  const late = await buildRawClient(t, two.port, { allowHalfOpen: true })
  await late.until('done')
  const socket = serverFirst.sockets[0] as Socket
  let text = ''
  socket.on('data', chunk => { text += String(chunk) })
  late.socket.end('still here')
  await once(socket, 'end')
  t.equal(text, 'still here')
})

t.test('a broken connection is broken on the other side too', async t => {
  const { server, sockets } = await backend(t, socket => { socket.resume().write('x') })
  const { port } = await build(t, { servers: [server] })
  const one = await buildRawClient(t, port)
  await one.until('x')
  const oneBroken = new Promise<boolean>(resolve => one.socket.once('close', resolve))
  ;(sockets[0] as Socket).resetAndDestroy()
  t.equal(await oneBroken, true, 'the client sees a reset')
  const two = await buildRawClient(t, port)
  await two.until('x')
  const twoBroken = new Promise<boolean>(resolve => (sockets[1] as Socket).once('close', resolve))
  two.socket.resetAndDestroy()
  t.equal(await twoBroken, true, 'the server sees a reset')
})

t.test('takes from a sender no faster than the reader reads', async t => {
  const total = 32 * 1024 * 1024
  const waiting = { most: 0, client: null as Socket | null, stalled: () => {} }
  const source = new Duplex({
    read () {
      for (let more = true; more && sent < total;) {
        sent += 64 * 1024
        more = this.push(Buffer.alloc(64 * 1024))
      }
      if (sent === total) this.push(null)
      setImmediate(() => {
        waiting.most = Math.max(waiting.most, waiting.client?.writableLength ?? 0)
        if (waiting.client?.writableNeedDrain === true) waiting.stalled()
      })
    },
    write (_chunk, _encoding, done) { done() }
  })
  let sent = 0
  const { port, router } = await build(t, { servers: [at(1)], connect: async () => source })
  const stalled = new Promise<void>(resolve => { waiting.stalled = resolve })
  router.once('connection', (socket: Socket) => { waiting.client = socket })
  const client = connect({ port, host: '127.0.0.1' })
  t.teardown(() => { client.destroy() })
  client.pause()
  await stalled
  let received = 0
  for await (const piece of client) received += (piece as Buffer).length
  t.equal(received, total, 'all of it arrives')
  t.ok(waiting.most > 0 && waiting.most < 1024 * 1024, `at most ${waiting.most} bytes were waiting for the reader`)
})

t.test('uses the system of the port that a shared table names', async t => {
  const { server } = await backend(t, named('a'))
  const other = (await backend(t, named('b'))).server
  const shared = { sid: 'ABC', sourceUrls: [], sourceVirtualHosts: [], sticky: true, runLevel: 'running' } as const
  const table = new DispatchTable([
    { ...shared, name: 'wdisp/system_0', servers: [other], sourceServers: ['127.0.0.2:*'] },
    { ...shared, name: 'wdisp/system_1', servers: [server], sourceServers: ['127.0.0.1:*'] }
  ], { conflictResolution: 'ERROR' })
  const { port } = await build(t, { systems: local => table.forConnection(local) })
  t.equal(await rawExchange(t, { port }, 'x'), 'a')
})

t.test('goes over any transport', async t => {
  const echo = (): Duplex => new Duplex({
    read () {},
    write (chunk: Buffer, _encoding, done) {
      this.push(`echo ${chunk.toString()}`)
      this.push(null)
      done()
    }
  })
  const { port } = await build(t, { servers: [at(1)], connect: async () => echo() })
  t.equal(await rawExchange(t, { port }, 'x'), 'echo x')
})

t.test('a client that leaves ends the attempt to connect', async t => {
  let left = (): void => {}
  const aborted = new Promise<void>(resolve => { left = resolve })
  const { port } = await build(t, {
    servers: [at(1)],
    connect: async (_server, signal) => await new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        left()
        reject(new RangeError('left'))
      })
    })
  })
  const client = await buildRawClient(t, port)
  client.socket.resetAndDestroy()
  await client.closed()
  await aborted
})

t.test('waits for a server no longer than the timeout', async t => {
  // a listener that never accepts: its process is stopped and its queue is full
  const { child, line } = runProgram(t, process.execPath, ['-e', "const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))"])
  const deaf = Number(await line(text => /^\d+$/.test(text)))
  child.kill('SIGSTOP')
  t.teardown(() => { child.kill('SIGKILL') })
  for (let n = 0; n < 4; n++) {
    const filler = connect({ port: deaf, host: '127.0.0.1' }).on('error', () => {})
    t.teardown(() => { filler.destroy() })
  }
  const reasons: unknown[] = []
  const logger = { debug: () => {}, warn: ({ reason }: { reason: unknown }) => { reasons.push(reason) } } as unknown as NonNullable<RouterOptions['logger']>
  const { port, router } = await build(t, { servers: [at(deaf), (await backend(t, named('b'))).server], connectTimeoutMs: 200, logger })
  t.equal(await rawExchange(t, { port }, 'x'), 'b')
  t.strictSame(reasons, ['POSTERN_ERR_ROUTER_CONNECT_TIMEOUT'])
  t.equal(router.counts.failures, 1)
})

t.test('closing lets connections end, for a bounded time', async t => {
  const { server, sockets } = await backend(t, socket => { socket.write('x') })
  const patient = await build(t, { servers: [server], drainTimeoutMs: 60_000 })
  const one = await buildRawClient(t, patient.port)
  await one.until('x')
  const closed = patient.app.close()
  await t.rejects(buildRawClient(t, patient.port), { code: 'ECONNREFUSED' })
  t.equal(patient.router.counts.open, 1)
  ;(sockets[0] as Socket).end('last words')
  t.equal(await one.closed(), 'xlast words')
  await closed

  const hasty = await build(t, { servers: [server], drainTimeoutMs: 1 })
  const two = await buildRawClient(t, hasty.port)
  await two.until('x')
  await hasty.app.close()
  t.equal(await two.closed(), 'x')
})

t.test('checks its options', async t => {
  const rows: Array<[object, RegExp]> = [
    [{}, /either servers or systems/], [{ servers: [], systems: () => null }, /either/], [{ servers: [], stickyMask: '/20' }, /stickyMask/],
    [{ servers: [], maxClients: 0 }, /maxClients/], [{ servers: [], more: 1 }, /more/]
  ]
  for (const [options, message] of rows) t.throws(() => routerServerFactory(options as RouterOptions), { code: 'POSTERN_ERR_OPTIONS_INVALID', message })
})
