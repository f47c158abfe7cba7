import { once } from 'node:events'
import { duplexPair, type Duplex } from 'node:stream'
import tls, { type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import type { Identity } from '../../src/pse/identity.ts'
import { TlsAcceptor, type AcceptorOptions, type HandshakeFailure } from '../../src/tls/acceptor.ts'
import { opensslSession } from '../../src/tls/platform-trials.ts'
import { mintPki } from '../helpers/pki.ts'
import { credentials, identityOf } from '../helpers/tls.ts'

const options: AcceptorOptions = {
  verifyClient: 2, ciphers: null, groups: null, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', sessionTimeoutSeconds: null, handshakeTimeoutMs: 60_000
}

/** An acceptor whose outcomes can be waited for, one connection at a time. */
function build (identities: readonly Identity[], more: Partial<AcceptorOptions> = {}) {
  let outcome = Promise.withResolvers<TLSSocket | HandshakeFailure>()
  const acceptor = new TlsAcceptor(identities, { ...options, ...more }, {
    secured: socket => { outcome.resolve(socket) },
    failed: failure => { outcome.resolve(failure) }
  })
  const accept = async (connection: Duplex) => {
    outcome = Promise.withResolvers()
    acceptor.accept(connection)
    return await outcome.promise
  }
  return { acceptor, accept }
}

function connect (t: Test, options: tls.ConnectionOptions) {
  const [ours, theirs] = duplexPair()
  const client = tls.connect({ ...options, socket: theirs, rejectUnauthorized: false })
  client.on('error', () => {}).resume()
  t.teardown(() => { client.destroy(); ours.destroy() })
  return { ours, client, session: new Promise<Buffer>(resolve => { client.once('session', session => { resolve(opensslSession(session)) }) }) }
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`${version}: with verify_client 2 a session ends with the certificate it was made with`, async t => {
    const pki = await mintPki(t)
    let now = new Date()
    const { accept } = build([identityOf(pki.server, [pki.root])], { now: () => now })
    const only = { minVersion: version, maxVersion: version }
    const first = connect(t, { ...credentials(pki.client), ...only })
    t.type(await accept(first.ours), tls.TLSSocket)
    const session = await first.session
    t.match(await accept(connect(t, { ...only, session }).ours), { authorized: true })
    now = new Date(pki.client.certificate.notAfter.getTime() + 1)
    const late = connect(t, { ...only, session })
    t.match(await accept(late.ours), { reason: 'CERT_HAS_EXPIRED' })
    if (!late.ours.destroyed) await once(late.ours, 'close')
  })
}

t.test('a client cannot change its certificate by a second handshake', async t => {
  const pki = await mintPki(t)
  const { accept } = build([identityOf(pki.server, [pki.root])])
  const { ours, client } = connect(t, { ...credentials(pki.client), maxVersion: 'TLSv1.2' })
  const [socket] = await Promise.all([accept(ours) as Promise<TLSSocket>, once(client, 'secureConnect')])
  socket.on('error', () => {}).resume()
  const refused = new Promise(resolve => { client.renegotiate({}, resolve); client.once('error', resolve) })
  t.match(await refused, { code: /RENEGOTIATION/ })
})

t.test('takes nothing after it was closed, and ends what had not ended', async t => {
  const pki = await mintPki(t)
  const identities = ['a.example', 'b.example'].map(() => identityOf(pki.server, [pki.root]))
  for (const list of [identities.slice(1), identities]) {
    const { acceptor, accept } = build(list)
    const [ours, theirs] = duplexPair()
    theirs.on('error', () => {})
    const pending = accept(ours)
    acceptor.close()
    t.match(await pending, { reason: list.length === 1 ? 'ECONNRESET' : 'connection closed' })
    const [late] = duplexPair()
    acceptor.accept(late)
    t.equal(late.destroyed, true)
  }
})

t.test('a handshake that ends after the end is none', async t => {
  const pki = await mintPki(t)
  // a stream tells no address, so the acceptor cannot tell its connections apart and leaves all of them open when it closes
  const { acceptor, accept } = build([identityOf(pki.server, [pki.root])])
  const open = connect(t, credentials(pki.client))
  const socket = await accept(open.ours) as TLSSocket
  const late = connect(t, credentials(pki.client))
  acceptor.accept(late.ours)
  acceptor.close()
  await once(late.ours, 'close')
  t.equal(socket.destroyed, false)
})

t.test('a connection that is refused already is not touched', async t => {
  const pki = await mintPki(t)
  const { acceptor } = build([identityOf(pki.server, [])])
  const [ours] = duplexPair()
  ours.destroy()
  acceptor.accept(ours)
  t.equal(ours.listenerCount('close'), 0)
})

t.test('a connection that breaks before its ClientHello is lost, and its listeners with it', async t => {
  const pki = await mintPki(t)
  const { accept } = build([identityOf(pki.server, []), identityOf(pki.server, [])])
  for (const end of [(stream: Duplex) => stream.destroy(new TypeError('broken')), (stream: Duplex) => stream.destroy(), (stream: Duplex) => stream.push(null)]) {
    const [ours] = duplexPair()
    const lost = accept(ours)
    ours.push(Buffer.from('1603', 'hex'))
    end(ours)
    t.match(await lost, { reason: 'connection closed' })
    t.equal(ours.destroyed, true)
    t.equal(ours.listenerCount('readable'), 0)
  }
})

t.test('one identity serves every host, several their own', async t => {
  const [a, b] = [await mintPki(t, { serverNames: ['a.example'] }), await mintPki(t, { serverNames: ['b.example'] })]
  const one = build([identityOf(a.server, [a.root])]).acceptor
  t.equal(one.serves('other.example', {}), true)
  const { acceptor, accept } = build([identityOf(a.server, [a.root]), identityOf(b.server, [b.root])])
  const socket = await accept(connect(t, { ...credentials(b.client), servername: 'b.example' }).ours) as TLSSocket
  t.equal(acceptor.serves('b.example', socket), true)
  t.equal(acceptor.serves('a.example', socket), false)
  t.equal(acceptor.serves(null, socket), false)
  t.equal(acceptor.serves('a.example', {}), false, 'a handshake that is not known')
})
