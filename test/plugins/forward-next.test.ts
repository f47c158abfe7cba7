import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { clientErrorHandler, errorPages } from '../../plugins/error-pages.ts'
import { dispatch } from '../../plugins/dispatch.ts'
import { forward, type ForwardOptions } from '../../plugins/forward.ts'
import type { UpstreamServer, UpstreamTls } from '../../src/upstream/server.ts'
import { serverAt } from '../helpers/forward.ts'
import { mintPki, type Pki } from '../helpers/pki.ts'
import { buildRawBackend } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

interface Setup {
  readonly servers: readonly UpstreamServer[]
  readonly forward?: ForwardOptions
  readonly before?: (app: FastifyInstance) => void
}

/** An application with dispatching over some servers; returns its port and the lines of its log. */
async function buildGateway (t: Test, { servers, forward: options = {}, before }: Setup): Promise<{ port: number, log: Array<Record<string, unknown>> }> {
  const log: Array<Record<string, unknown>> = []
  const app = Fastify({
    logger: { stream: { write: (line: string) => { log.push(JSON.parse(line) as Record<string, unknown>) } } },
    rewriteUrl: () => '/',
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    clientErrorHandler
  }) as unknown as FastifyInstance
  await app.register(errorPages)
  before?.(app)
  await app.register(dispatch, {
    systems: [{ name: 'wdisp/system_0', sid: 'ABC', servers, sourceServers: [], sourceUrls: [], sourceVirtualHosts: [], sticky: true, runLevel: 'running' }]
  })
  await app.register(forward, options)
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => { await app.close() })
  return { port: (app.server.address() as AddressInfo).port, log }
}

/** A port that refuses connections: it was free a moment ago. */
async function refusingServer (tls: UpstreamTls | null = null): Promise<UpstreamServer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return serverAt(port, tls)
}

const cookieOf = (answer: string): string => /^set-cookie: (postern_[^;]+)/im.exec(answer)?.[1] ?? ''

t.test('the next server answers where the first refuses, and keeps the session', async t => {
  const backend = await buildRawBackend(t)
  const [down, up] = [await refusingServer(), serverAt(backend.port)]
  const { port, log } = await buildGateway(t, { servers: [down, up], before: app => app.addHook('onRequest', (_request, reply, done) => { reply.header('set-cookie', 'other=1'); done() }) })
  const client = await buildRawClient(t, port)
  client.send('GET /a HTTP/1.1\r\nHost: h\r\n\r\n')
  const answer = await client.until('ok')
  t.match(answer, /^HTTP\/1\.1 200 /)
  t.equal(answer.match(/^set-cookie: postern_/gim)?.length, 1, 'one cookie of ours')
  t.match(answer, /^set-cookie: other=1\r$/im, 'those of others stay')
  t.match(log.filter(({ level }) => level === 40), [
    { msg: 'server taken out' },
    { msg: 'no connection to the server: the request goes to another one', code: 'POSTERN_ERR_UPSTREAM_UNREACHABLE', upstream: down.origin, next: up.origin }
  ])
  const again = await buildRawClient(t, port)
  again.send(`GET /b HTTP/1.1\r\nHost: h\r\nCookie: ${cookieOf(answer)}\r\n\r\n`)
  const second = await again.until('ok')
  t.equal(cookieOf(second), '', 'the cookie names the server that answered')
  t.equal(backend.requests.length, 2)
})

t.test('a session whose server is gone moves within the request', async t => {
  const backends = [await buildRawBackend(t), await buildRawBackend(t)] as const
  const { port } = await buildGateway(t, { servers: backends.map(({ port }) => serverAt(port)) })
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
  const first = cookieOf(await client.closed())
  const [gone, left] = backends[0].requests.length === 1 ? backends : [backends[1], backends[0]]
  await gone.stop()
  const moved = await buildRawClient(t, port)
  moved.send(`GET / HTTP/1.1\r\nHost: h\r\nCookie: ${first}\r\n\r\n`)
  const answer = await moved.until('ok')
  t.match(answer, /^HTTP\/1\.1 200 /)
  t.not(cookieOf(answer), '')
  t.not(cookieOf(answer), first)
  t.equal(left.requests.length, 1)
})

t.test('a request with a body goes on whole', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildGateway(t, { servers: [await refusingServer(), await refusingServer(), serverAt(backend.port)], forward: { receiveTimeoutMs: 5000 } })
  const body = Buffer.alloc(300_000, 'uvwxyz').toString()
  for (const send of [`Content-Length: ${body.length}\r\n\r\n${body}`, `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`]) {
    const client = await buildRawClient(t, port)
    client.send(`POST / HTTP/1.1\r\nHost: h\r\n${send}`)
    t.match(await client.until('ok'), /^HTTP\/1\.1 200 /)
  }
  t.strictSame(backend.requests.map(({ body }) => body.toString().replace(/[0-9a-f]*\r\n/g, '')), [body, body])
})

t.test('an upgrade does, too', async t => {
  const backend = await buildRawBackend(t, { onHead: ({ socket }) => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello') })
  const { port } = await buildGateway(t, { servers: [await refusingServer(), serverAt(backend.port)] })
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  t.match(await client.until('hello'), /^HTTP\/1\.1 101 /)
})

t.test('each server is tried once: all refuse', async t => {
  const servers = [await refusingServer(), await refusingServer(), await refusingServer()]
  const { port, log } = await buildGateway(t, { servers })
  for (const round of [1, 2]) {
    log.length = 0
    const client = await buildRawClient(t, port)
    client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx')
    t.match(await client.until(/\}$/), /^HTTP\/1\.1 502 /, `round ${round}`)
    const tried = log.filter(({ code }) => code === 'POSTERN_ERR_UPSTREAM_UNREACHABLE').map(({ upstream }) => upstream)
    t.strictSame(tried.sort(), servers.map(({ origin }) => origin).sort())
  }
})

t.test('a server that cannot be verified is passed over', async t => {
  const [pki, foreign] = [await mintPki(t), await mintPki(t)]
  const serverOf = ({ server: { keyPem, chainPem } }: Pki) => ({ key: keyPem, cert: chainPem })
  const client = (of: Pki): UpstreamTls => ({
    identity: { privateKey: null, certificate: null, chain: [], trusted: [of.root.der], source: { file: 'client.pse', format: 'pem' } } as unknown as UpstreamTls['identity'],
    presentCertificate: false,
    serverName: null,
    ignoreHostMismatch: false
  })
  const backends = [await buildRawBackend(t, { tls: serverOf(foreign) }), await buildRawBackend(t, { tls: serverOf(pki) })] as const
  const { port } = await buildGateway(t, { servers: backends.map(backend => serverAt(backend.port, client(pki))) })
  const raw = await buildRawClient(t, port)
  raw.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  t.match(await raw.until('ok'), /^HTTP\/1\.1 200 /)
  t.strictSame(backends.map(({ requests }) => requests.length), [0, 1])
})

t.test('what was sent once is not sent elsewhere', async t => {
  const dropping = await buildRawBackend(t, { onHead: ({ socket }) => socket.destroy() })
  const other = await buildRawBackend(t)
  const { port } = await buildGateway(t, { servers: [dropping, other].map(({ port }) => serverAt(port)) })
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  t.match(await client.until(/\}$/), /^HTTP\/1\.1 502 /)
  t.equal(other.requests.length, 0)
})
