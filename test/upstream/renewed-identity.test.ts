import { once } from 'node:events'
import { createServer } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import type { Identity } from '../../src/pse/identity.ts'
import { isUntrusted } from '../../src/upstream/peer-check.ts'
import { PerServer } from '../../src/upstream/per-server.ts'
import { ReverseInvokePools } from '../../src/upstream/reverse-invoke-pools.ts'
import type { UpstreamServer, UpstreamTls } from '../../src/upstream/server.ts'
import { buildFakeProvider, FakeSource, inner, innerServer } from '../helpers/fake-provider.ts'
import { fetchBy } from '../helpers/fetch-by.ts'
import { buildForward, serverAt } from '../helpers/forward.ts'
import { identityOf } from '../helpers/identity.ts'
import { mintPki, type Issued, type Pki } from '../helpers/pki.ts'
import { buildRawBackend, ok, type RawRequest } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

const get = 'GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n'
const upgrade = 'GET /socket HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'

/** A server whose identity can be replaced, with the way from an old identity to the present one. */
function following (first: Identity, serverWith: (tls: UpstreamTls) => UpstreamServer) {
  let present = first
  const tls = { get identity () { return present }, presentCertificate: true, serverName: null, ignoreHostMismatch: false }
  return { server: serverWith(tls), replace: (next: Identity) => { present = next }, presentOf: () => present }
}

async function build (t: Test, pki: Pki, onRequest: (request: RawRequest) => void = ({ socket }) => { socket.write(ok) }) {
  const backend = await buildRawBackend(t, { tls: { key: pki.server.keyPem, cert: pki.server.chainPem, ca: pki.root.certPem, requestCert: true }, onRequest })
  const old = identityOf(pki.gateway, [pki.root])
  const { server, replace, presentOf } = following(old, tls => serverAt(backend.port, tls))
  const gateway = await buildForward(t, { to: server })
  const renew = (next: Identity): void => {
    replace(next)
    gateway.pools.retireIdentity(old)
    gateway.pools.endThose(socket => isUntrusted(socket, presentOf))
  }
  const ask = async (bytes = get) => {
    const client = await buildRawClient(t, gateway.port)
    client.send(bytes)
    return client
  }
  return { backend, renew, ask }
}

const clientOf = (socket: Socket | undefined): string | undefined => (socket as TLSSocket).getPeerX509Certificate()?.fingerprint256

async function renewed (pki: Pki): Promise<Issued> {
  return await pki.issue({ subject: 'CN=wd, OU=Gateway, O=Example, C=DE', issuer: pki.intermediate, usage: 'client' })
}

t.test('the next request goes with the renewed identity; idle connections of the old one end, busy ones behind their answer, upgraded ones live on', async t => {
  const pki = await mintPki(t)
  const held = Promise.withResolvers<RawRequest>()
  const { backend, renew, ask } = await build(t, pki, request => {
    if (request.head.startsWith('GET /socket')) request.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    else if (request.connection === 1) held.resolve(request)
    else request.socket.write(ok)
  })
  const tunnel = await ask(upgrade)
  await tunnel.until('101')
  const busy = await ask()
  const { socket: busySocket } = await held.promise
  await (await ask()).until(/ok$/)
  const idleSocket = backend.sockets[2]!
  const idleEnds = once(idleSocket, 'close')
  const next = await renewed(pki)
  renew(identityOf(next, [pki.root]))
  await idleEnds
  await (await ask()).until(/ok$/)
  t.equal(clientOf(backend.sockets[3]), next.certificate.fingerprint256)
  t.equal(clientOf(busySocket), pki.gateway.certificate.fingerprint256)
  const busyEnds = once(busySocket, 'close')
  busySocket.write(ok)
  t.match(await busy.until(/ok$/), /^HTTP\/1\.1 200/)
  await busyEnds
  backend.sockets[0]!.write('still here')
  await tunnel.until('still here')
})

t.test('a trust list that no longer accepts the back end ends upgraded connections too; an equal or longer one does not', async t => {
  const [pki, other] = [await mintPki(t), await mintPki(t)]
  for (const [trusted, ends] of [[[pki.root, other.root], false], [[pki.intermediate], false], [[other.root], true]] as const) {
    const { backend, renew, ask } = await build(t, pki, ({ socket }) => { socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n') })
    const tunnel = await ask(upgrade)
    await tunnel.until('101')
    renew(identityOf(pki.gateway, trusted))
    if (ends) {
      await tunnel.closed()
      t.match(await (await ask()).until(/}$/), /^HTTP\/1\.1 502/)
    } else {
      backend.sockets[0]!.write('still here')
      t.match(await tunnel.until('still here'), /still here/)
    }
  }
})

t.test('who waits for a connection of the old identity is still served', async t => {
  const pki = await mintPki(t)
  const requests: RawRequest[] = []
  const first = Promise.withResolvers<void>()
  const backend = await buildRawBackend(t, {
    tls: { key: pki.server.keyPem, cert: pki.server.chainPem },
    onRequest: request => {
      requests.push(request)
      first.resolve()
      if (request.connection > 0) request.socket.write(ok)
    }
  })
  const old = identityOf(pki.gateway, [pki.root])
  const { server, replace } = following(old, tls => serverAt(backend.port, tls))
  const arrived = Promise.withResolvers<void>()
  let count = 0
  const gateway = await buildForward(t, { to: server, pools: { maxTlsConnections: 1 }, before: app => { app.addHook('onRequest', async () => { if (++count === 2) setImmediate(arrived.resolve) }) } })
  const clients = [await buildRawClient(t, gateway.port), await buildRawClient(t, gateway.port)] as const
  clients[0].send(get)
  await first.promise
  clients[1].send(get)
  await arrived.promise
  replace(identityOf(await renewed(pki), [pki.root]))
  gateway.pools.retireIdentity(old)
  requests[0]!.socket.write(ok)
  for (const client of clients) t.match(await client.until(/ok$/), /^HTTP\/1\.1 200/)
})

t.test('over reverse invoke: the next request goes with the renewed identity, and the old stream ends', async t => {
  const pki = await mintPki(t, { serverNames: [inner.host] })
  const handshakes: TLSSocket[] = []
  const target = createServer({ key: pki.server.keyPem, cert: pki.server.chainPem, ca: pki.root.certPem, requestCert: true, rejectUnauthorized: true }, (_request, response) => { response.end('ok') })
  target.on('secureConnection', socket => { handshakes.push(socket) })
  const provider = await buildFakeProvider(t, { open: stream => { target.emit('connection', stream) } })
  const pools = new ReverseInvokePools({ source: new FakeSource(provider) })
  t.teardown(() => { pools.destroy() })
  const old = identityOf(pki.gateway, [pki.root])
  const { server, replace, presentOf } = following(old, innerServer)
  await fetchBy(pools.dispatcherFor(server), '/')
  const ended = once(handshakes[0]!, 'close')
  const next = await renewed(pki)
  replace(identityOf(next, [pki.root]))
  pools.retireIdentity(old)
  pools.retireIdentity(old)
  await ended
  await fetchBy(pools.dispatcherFor(server), '/')
  t.equal(clientOf(handshakes[1]), next.certificate.fingerprint256)
  const lost = once(handshakes[1]!, 'close')
  replace(identityOf(next, []))
  pools.endThose(socket => isUntrusted(socket, presentOf))
  await lost
})

t.test('what is made for a server keeps the identity that it was made with', async t => {
  const pki = await mintPki(t)
  const [old, next] = [identityOf(pki.gateway, []), identityOf(pki.gateway, [])]
  const { server, replace } = following(old, tls => serverAt(1, tls))
  const perServer = new PerServer(server => ({ server }))
  const made = perServer.of(server)
  t.equal(perServer.of(server), made)
  replace(next)
  const other = perServer.of(server)
  t.not(other, made)
  t.equal(made.server.tls?.identity, old)
  t.equal(other.server.tls?.identity, next)
  t.strictSame(perServer.forget(old), [made])
  t.strictSame(perServer.forget(old), [])
  t.equal(perServer.of(server), other)
})
