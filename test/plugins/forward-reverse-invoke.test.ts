/** The forward path over connections that initiators bring, with initiators that do what a test tells them. */
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { dispatch } from '../../plugins/dispatch.ts'
import { clientErrorHandler, errorPages } from '../../plugins/error-pages.ts'
import { forward } from '../../plugins/forward.ts'
import { errors } from '../../src/errors.ts'
import { ReverseInvokePools } from '../../src/upstream/reverse-invoke-pools.ts'
import type { UpstreamServer } from '../../src/upstream/server.ts'
import { buildFakeProvider, FakeSource, inner, innerServer, type FakeProvider } from '../helpers/fake-provider.ts'
import { buildForward } from '../helpers/forward.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

function poolsOver (t: Test, ...providers: FakeProvider[]): { pools: ReverseInvokePools, source: FakeSource } {
  const source = new FakeSource(...providers)
  const pools = new ReverseInvokePools({ source })
  t.teardown(() => { pools.destroy() })
  return { pools, source }
}

t.test('nobody has registered: 503 at once, with a reason of its own in the log, and the server stays in', async t => {
  const { pools, source } = poolsOver(t)
  const gateway = await buildForward(t, { to: innerServer(), connections: pools })
  const client = await buildRawClient(t, gateway.port)
  client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  const answer = await client.until('POSTERN_ERR')
  t.match(answer, /^HTTP\/1\.1 503 /)
  t.notMatch(answer, inner.host, 'the answer names no address')
  t.match(gateway.log.filter(({ level }) => level === 40), [{ code: 'POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED', upstream: innerServer().origin, system: 'wdisp/system_0' }])
  t.strictSame(gateway.reports, [])
  source.providers = [await buildFakeProvider(t, { handler: (_request, response) => { response.end('here now') } })]
  client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  await client.until('here now')
  t.strictSame(gateway.reports, ['succeeded'])
})

t.test('field order, bytes and bodies pass as on dialled connections', async t => {
  const provider = await buildFakeProvider(t)
  const { pools } = poolsOver(t, provider)
  const { port } = await buildForward(t, { to: innerServer(), connections: pools, forward: { addXForwardedFor: true } })
  const client = await buildRawClient(t, port)
  client.send('PUT /a%2fb?%20 HTTP/1.1\r\nHost: www.example\r\nB: 1\r\na: 2\r\nX-Forwarded-For: 192.0.2.7\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n')
  await client.until('body')
  const [seen] = provider.requests
  t.equal(seen?.url, '/a%2fb?%20')
  t.match(seen?.rawHeaders.join('|'), 'www.example|')
  t.match(seen?.rawHeaders.join('|'), '|B|1|a|2|')
  t.equal(seen?.headers['x-forwarded-for'], '192.0.2.7, 127.0.0.1')
})

t.test('WebSockets pass, and end with their data connection', async t => {
  const provider = await buildFakeProvider(t)
  const echo = new WebSocketServer({ server: provider.server })
  echo.on('connection', socket => { socket.on('message', (data, binary) => { socket.send(data, { binary }) }) })
  const { pools } = poolsOver(t, provider)
  const { port } = await buildForward(t, { to: innerServer(), connections: pools })
  const client = new WebSocket(`ws://127.0.0.1:${port}/chat`)
  t.teardown(() => { client.terminate() })
  await once(client, 'open')
  client.send('x'.repeat(200_000))
  const [message] = await once(client, 'message') as [Buffer]
  t.equal(message.length, 200_000)
  client.close()
  await once(client, 'close')
  const [connection] = provider.taken
  if (connection?.closed === false) await new Promise(resolve => { connection.once('close', resolve) })
  t.equal(provider.connections.length, 0)

  const again = new WebSocket(`ws://127.0.0.1:${port}/chat`)
  again.on('error', () => {})
  await once(again, 'open')
  const ended = once(again, 'close')
  provider.leave('gone')
  await ended
  t.pass('with the registration too')
})

t.test('a client that leaves ends its exchange, and whoever waits for a connection forgets it', async t => {
  const provider = await buildFakeProvider(t, { maxConnections: 1, handler: request => { request.resume() } })
  const { pools } = poolsOver(t, provider)
  const { port } = await buildForward(t, { to: innerServer(), connections: pools })
  const first = await buildRawClient(t, port)
  first.send('GET /first HTTP/1.1\r\nHost: h\r\n\r\n')
  await once(provider.server, 'request')
  const waiting = await buildRawClient(t, port)
  waiting.send('GET /waiting HTTP/1.1\r\nHost: h\r\n\r\n')
  await buildRawClient(t, port)
  waiting.socket.destroy()
  const last = await buildRawClient(t, port)
  last.send('GET /last HTTP/1.1\r\nHost: h\r\n\r\n')
  await buildRawClient(t, port)
  first.socket.destroy()
  await once(provider.server, 'request')
  t.strictSame(provider.requests.map(({ url }) => url), ['/first', '/last'])
})

t.test('a request whose provider is killed: by another one if it may be sent twice, else 502', async t => {
  const [killed, other] = [await buildFakeProvider(t, { handler: request => { request.resume() } }), await buildFakeProvider(t, { handler: (_request, response) => { response.end('other') } })]
  const { pools, source } = poolsOver(t, killed)
  const gateway = await buildForward(t, { to: innerServer(), connections: pools })
  const [reader, writer] = [await buildRawClient(t, gateway.port), await buildRawClient(t, gateway.port)]
  reader.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  await once(killed.server, 'request')
  writer.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx')
  await once(killed.server, 'request')
  source.providers.push(other)
  killed.leave('gone')
  t.match(await reader.until('other'), /^HTTP\/1\.1 200 /)
  t.match(await writer.until('POSTERN_ERR_UPSTREAM_CLOSED'), /^HTTP\/1\.1 502 /)
})

/** Dispatching over several pseudo addresses of one system. */
async function buildSystem (t: Test, servers: readonly UpstreamServer[], pools: ReverseInvokePools): Promise<{ port: number, log: Array<Record<string, unknown>> }> {
  const log: Array<Record<string, unknown>> = []
  const app = Fastify({
    logger: { stream: { write: (line: string) => { log.push(JSON.parse(line) as Record<string, unknown>) } } },
    rewriteUrl: () => '/',
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    clientErrorHandler
  }) as unknown as FastifyInstance
  await app.register(errorPages)
  await app.register(dispatch, {
    systems: [{ name: 'wdisp/system_0', sid: 'ABC', servers, sourceServers: [], sourceUrls: [], sourceVirtualHosts: [], sticky: true, runLevel: 'running' }]
  })
  await app.register(forward, { pools })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => { await app.close() })
  return { port: (app.server.address() as AddressInfo).port, log }
}

t.test('a system with several pseudo addresses: the next one serves, and the first is asked again at once', async t => {
  const second = { host: 'second.inner.invalid', port: 1 }
  const servers = [innerServer(), innerServer(null, second)]
  const [one, two] = [await buildFakeProvider(t), await buildFakeProvider(t, { endpoint: second })]
  const { pools, source } = poolsOver(t, two)
  const { port, log } = await buildSystem(t, servers, pools)
  const send = async (): Promise<string> => {
    const client = await buildRawClient(t, port)
    client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody')
    return await client.closed()
  }
  for (let turn = 0; turn < 4; turn++) t.match(await send(), /^HTTP\/1\.1 200 [^]*\r\nbody\r\n/)
  t.equal(two.requests.length, 4)
  const warnings = log.filter(({ level }) => level === 40)
  t.ok(warnings.length > 0)
  for (const warning of warnings) t.match(warning, { msg: 'no connection to the server: the request goes to another one', code: 'POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED' })
  source.providers.push(one)
  await send()
  await send()
  t.equal(one.requests.length, 1, 'nobody took it out')
  one.refusal = new errors.REVERSE_INVOKE_NO_CONNECTION()
  for (let turn = 0; turn < 2; turn++) t.match(await send(), /^HTTP\/1\.1 200 /)
  source.providers = []
  t.match(await send(), /^HTTP\/1\.1 503 [^]*POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED/)
})
