import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import type { TlsServerOptions } from '../../plugins/tls-termination.ts'
import { TlsAcceptor, type HandshakeFailure } from '../../src/tls/acceptor.ts'
import { RevocationList } from '../../src/revocation/revocation-list.ts'
import { RevocationLists } from '../../src/revocation/revocation-lists.ts'
import { mintCrl } from '../helpers/mint-crl.ts'
import { mintPki, type Issued, type Pki } from '../helpers/pki.ts'
import { credentials, exchange, identityOf } from '../helpers/tls.ts'
import { buildTlsServer, seenIn } from '../helpers/tls-server.ts'

const host = '127.0.0.1'
const closing = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

async function build (t: Test, pki: Pki, more: Partial<TlsServerOptions> = {}, waitFor?: () => Promise<void>) {
  const server = await buildTlsServer(t, { identities: [{ name: 'a', identity: identityOf(pki.server, [pki.root]) }], verifyClient: 1, ...more }, waitFor)
  return { ...server, connections: server.app.tlsConnections }
}

/** A connection that stays open; `ask` sends one request on it. */
async function connect (t: Test, options: tls.ConnectionOptions) {
  const socket = tls.connect({ host, rejectUnauthorized: false, ...options })
  t.teardown(() => { socket.destroy() })
  const ended = new Promise<void>(resolve => { socket.once('close', () => { resolve() }) })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  const ask = async (): Promise<string> => {
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    return String((await once(socket, 'data'))[0])
  }
  return { socket, ask, ended }
}

async function renewed (pki: Pki, subject = 'CN=localhost, OU=Renewed, C=DE'): Promise<Issued> {
  return await pki.issue({ subject, issuer: pki.intermediate, usage: 'server', serverNames: ['localhost'] })
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const only = { host, minVersion: version, maxVersion: version }

  t.test(`${version}: the next handshake shows the new certificate, what runs goes on, no old session is resumed`, async t => {
    const pki = await mintPki(t)
    const { port, connections } = await build(t, pki)
    const client = { port, ...only, ...credentials(pki.client) }
    const old = await connect(t, client)
    const { session } = await exchange(t, client)
    t.match(seenIn((await exchange(t, { ...client, session: session! })).answer), { reused: true })
    const own = await renewed(pki)
    connections.replaceIdentities([identityOf(own, [pki.root])])
    t.equal(connections.endRefused(), 0)
    const next = await connect(t, client)
    t.equal(next.socket.getPeerX509Certificate()?.fingerprint256, own.certificate.fingerprint256)
    t.match(await old.ask(), /"authorized":true/, 'the old connection lives on')
    t.match(seenIn((await exchange(t, { ...client, session: session! })).answer), { authorized: true, reused: false })
    t.match(seenIn((await exchange(t, { port, ...only, session: session! })).answer), { authorized: false, reused: false, subject: null })
  })

  t.test(`${version}: after a change of the trust list alone no old session is authorised, and its connections end behind their answer`, async t => {
    const [pki, other] = [await mintPki(t), await mintPki(t, { rootSubject: 'CN=Other Root', intermediateSubject: 'CN=Other CA' })]
    let release = (): void => {}
    const held = new Promise<void>(resolve => { release = resolve })
    const arrived = Promise.withResolvers<void>()
    let hold = false
    const { port, connections, logged } = await build(t, pki, {}, async () => {
      if (!hold) return
      arrived.resolve()
      await held
    })
    const client = { port, ...only, ...credentials(pki.client) }
    const { session } = await exchange(t, client)
    t.match(seenIn((await exchange(t, { port, ...only, session: session! })).answer), { authorized: true, reused: true }, 'before: the session is enough')
    const [idle, busy, nobody] = [await connect(t, client), await connect(t, client), await connect(t, { port, ...only })]
    t.match(await idle.ask(), /"authorized":true/)
    hold = true
    const answer = busy.ask()
    await arrived.promise
    const identity = identityOf(pki.server, [other.root])
    connections.replaceIdentities([identity])
    t.equal(connections.endRefused(), 2)
    await idle.ended
    hold = false
    t.match(seenIn((await exchange(t, { port, ...only, session: session! })).answer), { authorized: false, reused: false, subject: null }, 'after: it is nothing')
    t.match(seenIn((await exchange(t, client)).answer), { authorized: false })
    t.match(await logged('client certificate not verified: it counts as none'), { reason: /UNABLE_TO/ })
    release()
    t.match(await answer, /connection: close[^]*"authorized":true/i, 'the exchange in flight has its answer')
    await busy.ended
    t.match(await nobody.ask(), /"authorized":false/, 'who has shown no certificate is not concerned')
    t.match(seenIn((await exchange(t, { port, ...only, ...credentials(other.client) })).answer), { authorized: true })
  })

  t.test(`${version}: a longer trust list ends nobody`, async t => {
    const [pki, other] = [await mintPki(t), await mintPki(t)]
    const { port, connections } = await build(t, pki)
    const old = await connect(t, { port, ...only, ...credentials(pki.client) })
    connections.replaceIdentities([identityOf(pki.server, [other.root, pki.root])])
    t.equal(connections.endRefused(), 0)
    t.match(await old.ask(), /"authorized":true/)
  })

  t.test(`${version}: another anchor of the same chain keeps its connections, full and resumed`, async t => {
    const pki = await mintPki(t)
    const { port, connections } = await build(t, pki)
    const client = { port, ...only, ...credentials(pki.client) }
    const { session } = await exchange(t, client)
    const [full, resumed] = [await connect(t, client), await connect(t, { ...client, session: session! })]
    t.equal(resumed.socket.isSessionReused(), true)
    connections.replaceIdentities([identityOf(pki.server, [pki.intermediate])])
    t.equal(connections.endRefused(), 0)
    for (const { ask } of [full, resumed]) t.match(await ask(), /"authorized":true/)
    connections.replaceIdentities([identityOf(pki.server, [])])
    t.equal(connections.endRefused(), 2)
    await Promise.all([full.ended, resumed.ended])
  })

  t.test(`${version}: after a change of revocation lists alone no old session is resumed`, async t => {
    const pki = await mintPki(t)
    const lists = (...revoked: Issued[]) => [new RevocationList(mintCrl({ issuer: pki.root }), 'a'), new RevocationList(mintCrl({ issuer: pki.intermediate, revoked: revoked.map(certificate => ({ certificate })) }), 'b')]
    const revocation = new RevocationLists({ policy: 'hard', lists: lists(), onUnknown: () => {} })
    const { port, connections } = await build(t, pki, { revocation })
    const [client, other] = [credentials(pki.client), credentials(pki.gateway)].map(own => ({ port, ...only, ...own })) as [tls.ConnectionOptions, tls.ConnectionOptions]
    const [revoked, good] = [await exchange(t, client), await exchange(t, other)]
    revocation.replace(lists(pki.client))
    connections.forgetSessions()
    t.equal((await exchange(t, { ...client, session: revoked.session! })).answer, null)
    t.match(seenIn((await exchange(t, { port, ...only, session: revoked.session! })).answer), { authorized: false, reused: false, subject: null })
    t.match(seenIn((await exchange(t, { ...other, session: good.session! })).answer), { authorized: true, reused: false })
  })
}

t.test('of several identities one is replaced: the others keep their sessions, and names count at once', async t => {
  const pki = await mintPki(t)
  const issue = async (name: string) => await pki.issue({ subject: `CN=${name}`, issuer: pki.intermediate, usage: 'server', serverNames: [name] })
  const [a, b, c] = [await issue('a.example'), await issue('b.example'), await issue('c.example')]
  const identities = [a, b].map(own => identityOf(own, [pki.root]))
  const { port, connections } = await build(t, pki, { identities: identities.map((identity, index) => ({ name: String(index), identity })) })
  const ask = async (servername: string, session?: Buffer) => await exchange(t, { host, port, servername, ...session !== undefined && { session } }, closing.replace('localhost', servername))
  const [ofA, ofB] = [await ask('a.example'), await ask('b.example')]
  connections.replaceIdentities([identities[0]!, identityOf(c, [pki.root])])
  t.match(seenIn((await ask('a.example', ofA.session)).answer), { reused: true })
  t.match(await ask('c.example', ofB.session), { serverName: 'c.example', reused: false })
  t.match(await ask('b.example'), { serverName: 'a.example' }, 'the default identity answers for a name that nobody has')
})

t.test('an identity that cannot be used leaves everything as it was', async t => {
  const pki = await mintPki(t)
  const { port, connections } = await build(t, pki)
  const before = await exchange(t, { host, port })
  t.throws(() => { connections.replaceIdentities([identityOf({ ...pki.server, key: pki.client.key }, [])]) }, { code: 'POSTERN_ERR_TLS_CONTEXT' })
  t.throws(() => { connections.replaceIdentities([{ ...identityOf(pki.server, []), privateKey: null }]) }, { code: 'POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY' })
  t.match(seenIn((await exchange(t, { host, port, session: before.session! })).answer), { reused: true })
})

t.test('a handshake that began under the old trust list is judged by the new one', async t => {
  const [pki, other] = [await mintPki(t), await mintPki(t)]
  for (const [trusted, expected] of [[other.root, { reason: 'CERT_UNTRUSTED' }], [pki.intermediate, { authorized: true }]] as const) {
    const outcome = Promise.withResolvers<tls.TLSSocket | HandshakeFailure>()
    const settings = { verifyClient: 2, ciphers: null, groups: null, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', sessionTimeoutSeconds: null, handshakeTimeoutMs: 60_000 } as const
    const acceptor = new TlsAcceptor([identityOf(pki.server, [pki.root])], settings, { secured: outcome.resolve, failed: outcome.resolve })
    const [ours, theirs] = duplexPair()
    acceptor.accept(ours)
    // the handshake has its server, and not a byte of the client
    acceptor.replaceIdentities([identityOf(pki.server, [trusted])])
    const client = tls.connect({ socket: theirs, rejectUnauthorized: false, ...credentials(pki.client) })
    client.on('error', () => {}).resume()
    t.teardown(() => { client.destroy(); ours.destroy() })
    t.match(await outcome.promise, expected)
    t.equal(acceptor.isRefused(client), false, 'others\' connections are nobody\'s business here')
  }
})
