import { X509Certificate } from 'node:crypto'
import { duplexPair } from 'node:stream'
import { once } from 'node:events'
import tls, { type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { IssuerCache } from '../../src/x509/chain.ts'
import { hasVerifiedCertificate, tlsConnectionOf, type IssuerSource, type TlsConnection } from '../../src/tls/connection.ts'
import { IdentityServer } from '../../src/tls/identity-server.ts'
import { rememberPeer } from '../../src/tls/session-peer.ts'
import { opensslSession } from '../../src/tls/platform-trials.ts'
import type { TlsSettings } from '../../src/tls/secure-context.ts'
import { mintPki, type Issued, type Pki } from '../helpers/pki.ts'
import { credentials, identityOf } from '../helpers/tls.ts'

const versions = ['TLSv1.2', 'TLSv1.3'] as const
const settings: TlsSettings & { handshakeTimeoutMs: number } = {
  verifyClient: 1, ciphers: null, groups: null, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', sessionTimeoutSeconds: null, handshakeTimeoutMs: 5000
}

function serve (pki: Pki, trusted: readonly Issued[], more: Partial<TlsSettings> = {}): IdentityServer {
  return new IdentityServer(identityOf(pki.server, trusted), { ...settings, ...more })
}

/** One handshake in memory: the server's socket, and the session for the next one. */
async function handshake (t: Test, server: IdentityServer, options: tls.ConnectionOptions): Promise<{ socket: TLSSocket, session: Promise<Buffer> }> {
  const [ours, theirs] = duplexPair()
  const client = tls.connect({ ...options, socket: theirs, rejectUnauthorized: false })
  client.on('error', () => {}).resume()
  // a resumed session of TLS 1.2 makes no new one
  const session = new Promise<Buffer>(resolve => { client.once('session', received => { resolve(opensslSession(received)) }) })
  const secured = once(server, 'secureConnection')
  server.handshake(ours)
  const [socket] = await secured as [TLSSocket]
  socket.on('error', () => {}).resume()
  t.teardown(() => { client.destroy(); socket.destroy() })
  return { socket, session }
}

function issuers (known: readonly Issued[], cache = new IssuerCache()): IssuerSource {
  return { known: known.map(({ der }) => parseCertificate(der)), cache }
}

function chainOf ({ client }: TlsConnection): string[] | null {
  return client === null ? null : [client.certificate, ...client.chain].map(({ subject }) => subject)
}

const user = 'CN=user, OU=Test, O=Example, C=DE'
const issuingCa = 'CN=Issuing CA, O=Example, C=DE'

for (const version of versions) {
  const only = { minVersion: version, maxVersion: version }

  t.test(`${version}: the chain is the same on full and resumed handshakes, and has no root`, async t => {
    const pki = await mintPki(t)
    const server = serve(pki, [pki.root])
    const source = issuers([pki.root])
    const full = await handshake(t, server, { ...credentials(pki.client), ...only })
    t.equal(full.socket.isSessionReused(), false)
    const first = tlsConnectionOf(full.socket, source)
    t.strictSame(chainOf(first), [user, issuingCa])
    t.equal(first.client?.chainComplete, true)
    t.equal(first.protocol, version)
    t.equal(first.cipherSuite?.name, full.socket.getCipher().standardName)
    const resumed = await handshake(t, server, { ...only, session: await full.session })
    t.equal(resumed.socket.isSessionReused(), true)
    t.equal(tlsConnectionOf(resumed.socket, source).client, first.client, 'from the cache, as the same object')
  })

  t.test(`${version}: without a cache the chain of a resumed session comes from known issuers`, async t => {
    const pki = await mintPki(t)
    const server = serve(pki, [pki.root])
    const { session } = await handshake(t, server, { ...credentials(pki.client), ...only })
    const rows: Array<[string, Issued[], string[], boolean]> = [
      ['root and intermediate', [pki.root, pki.intermediate], [user, issuingCa], true],
      ['the root only', [pki.root], [user], false],
      ['nothing', [], [user], false]
    ]
    for (const [title, known, chain, complete] of rows) {
      const { socket } = await handshake(t, server, { ...only, session: await session })
      const connection = tlsConnectionOf(socket, issuers(known))
      t.strictSame(chainOf(connection), chain, title)
      t.equal(connection.client?.chainComplete, complete, title)
    }
  })

  t.test(`${version}: what a client sends besides its chain is not forwarded`, async t => {
    const [pki, other] = [await mintPki(t), await mintPki(t, { intermediateSubject: 'CN=Other' })]
    const server = serve(pki, [pki.root])
    const cert = [pki.client.certPem, other.root.certPem, other.intermediate.certPem, pki.intermediate.certPem, pki.root.certPem].join('')
    const { socket } = await handshake(t, server, { key: pki.client.keyPem, cert, ...only })
    t.strictSame(chainOf(tlsConnectionOf(socket, issuers([pki.root]))), [user, issuingCa])
  })

  t.test(`${version}: a client's own certificate for the key of a known CA takes nobody in`, async t => {
    const pki = await mintPki(t)
    const ownRoot = await pki.issue({ subject: 'CN=Of the client', issuer: null, ca: true })
    const twin = await pki.issue({ subject: issuingCa, issuer: ownRoot, ca: true, keyOf: pki.intermediate })
    const trusted = [pki.root, pki.intermediate]
    const [server, source] = [serve(pki, trusted), issuers(trusted)]
    const cert = [pki.client, twin, ownRoot].map(({ certPem }) => certPem).join('')
    const sent = await handshake(t, server, { key: pki.client.keyPem, cert, ...only })
    for (const { socket } of [sent, await handshake(t, server, { ...credentials(pki.gateway, { chain: false }), ...only })]) {
      t.strictSame(tlsConnectionOf(socket, source).client?.chain.map(({ der }) => der), [pki.intermediate.der])
    }
  })

  t.test(`${version}: trust anchors that are no roots`, async t => {
    const pki = await mintPki(t)
    const self = await pki.issue({ subject: 'CN=self', issuer: null, usage: 'client' })
    const rows: Array<[string, Issued[], Issued, string[] | null]> = [
      ['an intermediate CA without its root', [pki.intermediate], pki.client, [user, issuingCa]],
      ['the very certificate of the client', [pki.client], pki.client, [user]],
      ['the very certificate, self-signed', [self], self, ['CN=self']],
      ['another certificate of the same CA', [pki.gateway], pki.client, null]
    ]
    for (const [title, trusted, client, chain] of rows) {
      const { socket } = await handshake(t, serve(pki, trusted), { ...credentials(client, { chain: false }), ...only })
      const connection = tlsConnectionOf(socket, issuers(trusted))
      t.strictSame(chainOf(connection), chain, title)
      if (chain !== null) t.equal(connection.client?.chainComplete, true, title)
    }
  })

  t.test(`${version}: no client without a verified certificate`, async t => {
    const [pki, other] = [await mintPki(t), await mintPki(t)]
    const expired = await pki.issue({ subject: 'CN=old', issuer: pki.intermediate, usage: 'client', notBefore: new Date(Date.now() - 2e8), notAfter: new Date(Date.now() - 1e8) })
    const early = await pki.issue({ subject: 'CN=early', issuer: pki.intermediate, usage: 'client', notBefore: new Date(Date.now() + 1e8), notAfter: new Date(Date.now() + 2e8) })
    const forServers = await pki.issue({ subject: 'CN=server', issuer: pki.intermediate, usage: 'server' })
    const belowLeaf = await pki.issue({ subject: 'CN=below', issuer: pki.client, usage: 'client' })
    const rows: Array<[string, Issued | null, Issued[]]> = [
      ['none', null, [pki.root]],
      ['expired', expired, [pki.root]],
      ['not yet valid', early, [pki.root]],
      ['of an unknown CA', other.client, [pki.root]],
      ['not for clients', forServers, [pki.root]],
      ['issued by a certificate that is no CA', belowLeaf, [pki.root]],
      ['with an empty trust list', pki.client, []]
    ]
    for (const [title, client, trusted] of rows) {
      const server = serve(pki, trusted)
      const options = { ...(client !== null && credentials(client)), ...only }
      const full = await handshake(t, server, options)
      t.equal(tlsConnectionOf(full.socket, issuers([pki.root])).client, null, title)
      const resumed = await handshake(t, server, { ...options, session: await full.session })
      t.equal(tlsConnectionOf(resumed.socket, issuers([pki.root])).client, null, `${title}, next handshake`)
      t.equal(hasVerifiedCertificate(resumed.socket), false)
    }
  })

  t.test(`${version}: verify_client 0 asks for no certificate`, async t => {
    const pki = await mintPki(t)
    const { socket } = await handshake(t, serve(pki, [pki.root], { verifyClient: 0 }), { ...credentials(pki.client), ...only })
    t.equal(socket.getPeerX509Certificate(), undefined)
    t.equal(tlsConnectionOf(socket, issuers([pki.root])).client, null)
  })
}

t.test('a connection that this process opened: the certificate of the server, with its chain', async t => {
  const pki = await mintPki(t)
  const server = serve(pki, [pki.root])
  for (const only of versions.map(version => ({ minVersion: version, maxVersion: version }))) {
    let session: Buffer | undefined
    for (const reused of [false, true]) {
      const [ours, theirs] = duplexPair()
      const client = tls.connect({ ...credentials(pki.client), ...only, socket: theirs, ca: pki.root.certPem, servername: 'localhost', ...(session === undefined ? {} : { session }) })
      const received = reused ? null : once(client, 'session') as Promise<[Buffer]>
      server.handshake(ours)
      const [[other]] = await Promise.all([once(server, 'secureConnection'), once(client, 'secureConnect')]) as [[TLSSocket], unknown]
      t.teardown(() => { client.destroy(); other.destroy() })
      client.on('error', () => {}).resume()
      t.equal(client.isSessionReused(), reused)
      // who keeps a session keeps the certificate with it
      if (reused) rememberPeer(client, new X509Certificate(pki.server.der))
      const connection = tlsConnectionOf(client, issuers([pki.root]))
      t.equal(connection.client?.certificate.subject, pki.server.certificate.subject)
      t.equal(connection.protocol, only.minVersion)
      t.equal(connection.cipherSuite?.name, client.getCipher().standardName)
      t.ok([128, 256].includes(connection.cipherSuite?.keySizeBits ?? 0))
      if (received !== null) session = (await received)[0]
    }
  }
  const [ours, theirs] = duplexPair()
  const unverified = tls.connect({ socket: theirs, rejectUnauthorized: false, ca: [], servername: 'localhost' }).on('error', () => {})
  server.handshake(ours)
  await once(unverified, 'secureConnect')
  t.teardown(() => { unverified.destroy(); ours.destroy() })
  t.equal(tlsConnectionOf(unverified, issuers([pki.root])).client, null)
})

t.test('a certificate that has expired since the session was made is none', async t => {
  const pki = await mintPki(t)
  const server = serve(pki, [pki.root])
  const { session } = await handshake(t, server, credentials(pki.client))
  const later = new Date(pki.client.certificate.notAfter.getTime() + 1)
  const { socket } = await handshake(t, server, { session: await session })
  t.equal(socket.authorized, true)
  t.equal(hasVerifiedCertificate(socket), true)
  t.equal(hasVerifiedCertificate(socket, later), false)
  t.equal(tlsConnectionOf(socket, issuers([pki.root]), later).client, null)
})

t.test('is decided once for each connection', async t => {
  const pki = await mintPki(t)
  const { socket } = await handshake(t, serve(pki, [pki.root]), credentials(pki.client))
  const connection = tlsConnectionOf(socket, issuers([pki.root]))
  socket.authorized = false
  t.equal(tlsConnectionOf(socket, issuers([])), connection)
})

t.test('a chain with other issuers than before is built anew', async t => {
  const pki = await mintPki(t)
  const renewed = await pki.issue({ subject: 'CN=Issuing CA, O=Example, C=DE', issuer: pki.root, ca: true, keyOf: pki.intermediate, notAfter: new Date(Date.now() + 5e7) })
  const server = serve(pki, [pki.root])
  const source = issuers([pki.root])
  const before = await handshake(t, server, credentials(pki.client))
  t.strictSame(tlsConnectionOf(before.socket, source).client?.chain[0]?.der, pki.intermediate.der)
  const after = await handshake(t, server, { key: pki.client.keyPem, cert: pki.client.certPem + renewed.certPem })
  t.strictSame(tlsConnectionOf(after.socket, source).client?.chain[0]?.der, renewed.der)
})

t.test('a connection that is gone has no client', async t => {
  const pki = await mintPki(t)
  const { socket } = await handshake(t, serve(pki, [pki.root]), credentials(pki.client))
  socket.destroy()
  await once(socket, 'close')
  t.match(tlsConnectionOf(socket, issuers([pki.root])), { protocol: '', cipherSuite: null, client: null })
})
