import { once } from 'node:events'
import { createServer as createTlsServer, type Server } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as later } from 'node:timers/promises'
import tls, { type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { errors } from '../../src/errors.ts'
import { failureOf } from '../../src/upstream/failure.ts'
import { ReverseInvokePools, type ReverseInvokePoolsOptions } from '../../src/upstream/reverse-invoke-pools.ts'
import type { UpstreamTls } from '../../src/upstream/server.ts'
import { show } from '../helpers/backend.ts'
import { buildFakeProvider, FakeSource, inner, innerServer, type FakeProvider, type FakeProviderOptions } from '../helpers/fake-provider.ts'
import { fetchBy } from '../helpers/fetch-by.ts'
import { mintPki, type Pki } from '../helpers/pki.ts'
import { identityOf } from '../helpers/tls.ts'

interface Setup {
  readonly tls?: Partial<UpstreamTls>
  readonly provider?: FakeProviderOptions
  readonly pools?: Partial<ReverseInvokePoolsOptions>
  /** Data connections are TLS too. */
  readonly outer?: boolean
}

/** A provider whose streams end in an HTTPS server for the pseudo address that demands a client certificate. */
async function buildTunnel (t: Test, setup: Setup = {}) {
  const pki = await mintPki(t, { serverNames: [inner.host] })
  const target = httpsServer(pki)
  const handshakes: TLSSocket[] = []
  target.on('secureConnection', socket => { handshakes.push(socket) })
  const provider = await buildFakeProvider(t, {
    ...setup.outer === true ? { pki } : {}, open: stream => { target.emit('connection', stream) }, ...setup.provider
  })
  const source = new FakeSource(provider)
  const pools = new ReverseInvokePools({ source, ...setup.pools })
  t.teardown(() => { pools.destroy() })
  const server = innerServer({ identity: identityOf(pki.gateway, [pki.root]), presentCertificate: true, serverName: null, ignoreHostMismatch: false, ...setup.tls })
  return { pki, target, provider, source, pools, handshakes, server, sender: pools.dispatcherFor(server) }
}

function httpsServer (pki: Pki): Server {
  const server = createTlsServer({ key: pki.server.keyPem, cert: pki.server.chainPem, ca: pki.root.certPem, requestCert: true, rejectUnauthorized: true }, show)
  server.on('tlsClientError', () => {})
  return server
}

async function failureBy (fetched: Promise<unknown>): Promise<{ code: string, statusCode: number | undefined }> {
  try {
    await fetched
    return { code: '', statusCode: undefined }
  } catch (error) {
    const { code, statusCode } = failureOf(error as Error, { started: false })
    return { code, statusCode }
  }
}

for (const outer of [false, true]) {
  const over = outer ? 'TLS' : 'TCP'

  t.test(`TLS inside a data connection over ${over}: the client PSE arrives, the connection is kept, sessions are resumed`, async t => {
    const { provider, sender, handshakes, pki } = await buildTunnel(t, { outer })
    for (const body of ['one', 'two', 'x'.repeat(500_000)]) {
      const answer = await fetchBy(sender, '/path', { method: 'POST', body })
      t.match(JSON.parse(answer.body), { client: 'wd', target: '/path', body })
    }
    t.equal(provider.taken.length, 1)
    t.equal(provider.requests[0]?.method, 'CONNECT')
    t.equal(provider.requests[0]?.headers.host, `${inner.host}:${inner.port}`)
    await Promise.all(Array.from({ length: 5 }, async () => await fetchBy(sender, '/')))
    t.ok(handshakes.length > 1)
    t.strictSame(handshakes.map(socket => socket.isSessionReused()), handshakes.map((_, index) => index > 0))
    t.equal(handshakes[0]?.getPeerX509Certificate()?.raw.equals(pki.gateway.der), true)
  })

  t.test(`the end of TLS inside a data connection over ${over} is the end of the data connection`, async t => {
    const { provider, sender, pools, handshakes } = await buildTunnel(t, { outer })
    await fetchBy(sender, '/')
    const [connection] = provider.taken as [Socket]
    await Promise.all([closed(connection), pools.close()])
    t.pass('by this side')
    const again = await buildTunnel(t, { outer })
    await fetchBy(again.sender, '/')
    again.handshakes[0]!.destroy()
    await closed(again.provider.taken[0]!)
    t.pass('by the other')
    t.equal(handshakes.length, 1)
    t.match(await fetchBy(again.sender, '/'), { status: 200 }, 'the next request has another')
  })
}

async function closed (socket: Duplex): Promise<void> {
  socket.on('error', () => {})
  if (!socket.closed) await new Promise(resolve => { socket.once('close', resolve) })
}

t.test('the certificate inside is verified, always', async t => {
  const other = await mintPki(t, { serverNames: [inner.host] })
  const rows: Array<[title: string, tls: (pki: Pki) => Partial<UpstreamTls>, code: string]> = [
    ['another name', () => ({ serverName: 'other.example' }), 'POSTERN_ERR_UPSTREAM_TLS'],
    ['another name, ignored', () => ({ serverName: 'other.example', ignoreHostMismatch: true }), ''],
    ['a name by wdisp/ssl_certhost', () => ({ serverName: 'localhost' }), ''],
    ['another CA', pki => ({ identity: identityOf(pki.gateway, [other.root]) }), 'POSTERN_ERR_UPSTREAM_TLS'],
    ['another CA, and the name ignored', pki => ({ identity: identityOf(pki.gateway, [other.root]), ignoreHostMismatch: true }), 'POSTERN_ERR_UPSTREAM_TLS'],
    ['no certificate for a server that demands one', () => ({ presentCertificate: false }), 'any']
  ]
  for (const [title, tlsOf, code] of rows) {
    const { pki, provider, pools, server } = await buildTunnel(t)
    const sender = pools.dispatcherFor({ ...server, tls: { ...server.tls!, ...tlsOf(pki) } })
    const failure = await failureBy(fetchBy(sender, '/', { method: 'POST', body: 'x' }))
    if (code === 'any') t.match(failure.code, /^POSTERN_ERR_UPSTREAM_/, title)
    else t.equal(failure.code, code, title)
    if (code !== '') await Promise.all(provider.taken.map(closed))
  }
})

t.test('a revoked certificate inside is refused', async t => {
  const { sender, provider } = await buildTunnel(t, {
    pools: { revocation: { judge: () => ({ status: 'revoked', date: new Date(0), reason: 'keyCompromise', subject: 's', issuer: 'i', serialNumber: '1' }) } as never }
  })
  t.match(await failureBy(fetchBy(sender, '/')), { code: 'POSTERN_ERR_UPSTREAM_TLS' })
  await Promise.all(provider.taken.map(closed))
})

t.test('a stream that is refused, or answered with anything but 200', async t => {
  const { sender, provider } = await buildTunnel(t, { provider: {} })
  provider.server.removeAllListeners('connect')
  const answers: Array<[title: string, answer: string, code: string]> = [
    ['refused', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n', 'STREAM'],
    ['another success', 'HTTP/1.1 204 No Content\r\n\r\n', 'STREAM'],
    ['digits behind', 'HTTP/1.1 2000\r\n\r\n', 'STREAM'],
    ['no HTTP', 'hello\r\n\r\n', 'STREAM'],
    ['another version', 'HTTP/2.0 200 OK\r\n\r\n', 'STREAM'],
    ['half an answer', 'HTTP/1.1 200 OK\r\n', 'STREAM'],
    ['a head without end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(10_000)}`, 'STREAM']
  ]
  for (const [title, answer, code] of answers) {
    const before = provider.taken.length
    provider.server.once('connect', (_request, stream) => { stream.on('error', () => {}).end(answer) })
    t.match(await failureBy(fetchBy(sender, '/', { method: 'POST', body: 'x' })), { code: `POSTERN_ERR_REVERSE_INVOKE_${code}`, statusCode: 502 }, title)
    await Promise.all(provider.taken.slice(before).map(closed))
    t.equal(provider.taken.length, before + 1, 'asked once')
  }
})

t.test('a stream of a data connection that was closed meanwhile is asked for once more', async t => {
  const { sender, provider, target } = await buildTunnel(t)
  provider.server.removeAllListeners('connect')
  provider.server.once('connect', (_request, stream) => {
    provider.server.on('connect', (_request, stream) => {
      stream.write('HTTP/1.1 200 OK\r\n\r\n')
      target.emit('connection', stream)
    })
    stream.destroy()
  })
  t.match(await fetchBy(sender, '/', { method: 'POST', body: 'x' }), { status: 200 })
  t.equal(provider.taken.length, 2)
  const never = await buildTunnel(t)
  never.provider.server.removeAllListeners('connect').on('connect', (_request, stream) => { stream.destroy() })
  t.match(await failureBy(fetchBy(never.sender, '/')), { code: 'POSTERN_ERR_UPSTREAM_CLOSED' })
  t.equal(never.provider.taken.length, 2)
})

t.test('silence ends in time: of the stream, and of the handshake', async t => {
  const { sender, provider } = await buildTunnel(t, { pools: { connectTimeoutMs: 60 } })
  provider.server.removeAllListeners('connect').on('connect', () => {})
  t.match(await failureBy(fetchBy(sender, '/')), { code: 'POSTERN_ERR_UPSTREAM_CONNECT_TIMEOUT', statusCode: 504 })
  await Promise.all(provider.taken.map(closed))
  const mute = await buildTunnel(t, { pools: { connectTimeoutMs: 60 }, provider: { open: () => {} } })
  t.match(await failureBy(fetchBy(mute.sender, '/')), { code: 'POSTERN_ERR_UPSTREAM_CONNECT_TIMEOUT', statusCode: 504 })
  await Promise.all(mute.provider.taken.map(closed))
})

t.test('one whose stream is refused leaves the request to another', async t => {
  const { source, sender, provider } = await buildTunnel(t)
  const refusing = await buildFakeProvider(t)
  source.providers.unshift(refusing)
  for (let turn = 0; turn < 4; turn++) t.match(await fetchBy(sender, '/', { method: 'POST', body: `${turn}` }), { status: 200 })
  t.ok(refusing.requests.length >= 1)
  t.equal(provider.taken.length, 1)
})

t.test('an opaque stream: bytes both ways, what comes with the answer, half-close', async t => {
  const { pools, provider, server } = await buildTunnel(t, { outer: true, provider: { open: stream => { stream.write('first '); stream.pipe(stream) } } })
  const stream = await pools.connectStream(server, new AbortController().signal)
  t.strictSame([stream.listenerCount('readable'), stream.listenerCount('data'), stream.listenerCount('end')], [0, 0, 1], 'without our listeners')
  let received = ''
  stream.on('data', chunk => { received += String(chunk) })
  stream.write('second ')
  stream.end('third')
  await once(stream, 'end')
  t.equal(received, 'first second third')
  t.equal(provider.requests[0]?.url, `${inner.host}:${inner.port}`)
})

t.test('end-to-end TLS on an opaque stream', async t => {
  const { pools, server, pki } = await buildTunnel(t)
  const stream = await pools.connectStream({ ...server, tls: null }, new AbortController().signal)
  const client = tls.connect({ socket: stream, servername: inner.host, ca: pki.root.certPem, key: pki.client.keyPem, cert: pki.client.chainPem })
  client.write('GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
  let text = ''
  for await (const chunk of client) text += String(chunk)
  t.match(text, /"client":"user"/)
})

t.test('opaque streams: nobody there, refused, given up, balanced', async t => {
  const { pools, provider, source, server } = await buildTunnel(t, { provider: { open: stream => { stream.resume() } } })
  const { signal } = new AbortController()
  const other = await buildFakeProvider(t, { open: stream => { stream.resume() } })
  source.providers.push(other)
  const open = [await pools.connectStream(server, signal), await pools.connectStream(server, signal), await pools.connectStream(server, signal), await pools.connectStream(server, signal)]
  const count = (...providers: FakeProvider[]): number[] => providers.map(({ taken }) => taken.length)
  t.strictSame(count(provider, other), [2, 2])
  for (const socket of provider.taken) socket.destroy()
  await Promise.all(provider.taken.map(closed))
  for (let turn = 0; turn < 2; turn++) open.push(await pools.connectStream(server, signal))
  t.strictSame(count(provider, other), [4, 2], 'the one with less to do')

  other.refusal = new errors.REVERSE_INVOKE_NO_CONNECTION()
  for (let turn = 0; turn < 3; turn++) await pools.connectStream(server, signal)
  t.strictSame(count(provider, other), [7, 2], 'who has none leaves it to the other')
  provider.refusal = new errors.REVERSE_INVOKE_BUSY()
  await t.rejects(pools.connectStream(server, signal), { code: /REVERSE_INVOKE_(BUSY|NO_CONNECTION)/ })

  provider.refusal = null
  source.providers = [provider]
  provider.server.removeAllListeners('connect').on('connect', (_request, stream) => { stream.destroy() })
  await t.rejects(pools.connectStream(server, signal), { code: 'POSTERN_ERR_REVERSE_INVOKE_GONE', statusCode: 503 })
  t.equal(provider.taken.length, 9, 'once more on another connection')
  source.providers = []
  await t.rejects(pools.connectStream(server, signal), { code: 'POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED', statusCode: 503 })

  const silent = await buildFakeProvider(t, { maxConnections: 0 })
  source.providers = [silent]
  const abort = new AbortController()
  const given = pools.connectStream(server, abort.signal)
  abort.abort()
  await t.rejects(given, { code: 'POSTERN_ERR_FORWARD_CLIENT_GONE' })
  await t.rejects(pools.connectStream(server, AbortSignal.abort()), { code: /POSTERN/ })

  const late = await buildFakeProvider(t, { open: stream => { stream.resume() } })
  source.providers = [late]
  const lateAbort = new AbortController()
  const taken = later(0).then(() => { lateAbort.abort() })
  await Promise.allSettled([pools.connectStream(server, lateAbort.signal).then(stream => { stream.destroy() }), taken])
  await Promise.all(late.taken.map(closed))
  t.equal(late.connections.length, 0)
})

t.test('empty lines follow a request inside a stream whose other end says that it leaves them out, and no other', async t => {
  const seen: Record<string, number> = {}
  const held: Array<() => void> = []
  const build = async (name: string, openField?: string) => {
    const { sender, target, provider } = await buildTunnel(t, { provider: openField === undefined ? {} : { openField } })
    target.removeAllListeners('request')
    const arrived = new Promise<void>(resolve => {
      target.on('request', ({ socket }, response) => {
        seen[name] = 0
        held.push(() => { response.end('late') })
        socket.on('data', (chunk: Buffer) => {
          seen[name] = (seen[name] ?? 0) + chunk.length
          if (seen[name] === 4) for (const answer of held) answer()
        })
        resolve()
      })
    })
    const answer = fetchBy(sender, '/')
    await arrived
    t.equal(provider.requests[0]?.headers['reverse-invoke-empty-lines'], 'ignored')
    return { answer }
  }
  const answers = [await build('silent'), await build('probed', 'Reverse-Invoke-Empty-Lines: ignored')]
  for (const { answer } of answers) t.match(await answer, { status: 200, body: 'late' })
  t.same(seen, { silent: 0, probed: 4 })
})
