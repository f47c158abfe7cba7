import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { tlsServerFactory, tlsTermination, type TlsServerOptions } from '../../plugins/tls-termination.ts'
import { mintPki } from '../helpers/pki.ts'
import { credentials, exchange, identityOf } from '../helpers/tls.ts'
import { buildTlsServer, seenIn, statusOf } from '../helpers/tls-server.ts'

const host = '127.0.0.1'
const versions = ['TLSv1.2', 'TLSv1.3'] as const

/** The end of a connection, with or without an error: a connection that is cut off may be reset. */
async function closed (socket: net.Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>(resolve => { socket.once('close', () => { resolve() }) })
}

/** Sends bytes to a port and collects what comes until the server closes. */
async function raw (t: Test, port: number, bytes: Uint8Array | string | null): Promise<string> {
  const socket = net.connect({ port, host })
  t.teardown(() => { socket.destroy() })
  const pieces: Buffer[] = []
  socket.on('data', piece => { pieces.push(piece as Buffer) }).on('error', () => {})
  if (bytes !== null) socket.write(bytes)
  await closed(socket)
  return Buffer.concat(pieces).toString('latin1')
}

async function twoHosts (t: Test, more: Partial<TlsServerOptions> = {}, waitFor?: () => Promise<void>) {
  const a = await mintPki(t, { serverNames: ['a.example'], serverSubject: 'CN=A' })
  const b = await mintPki(t, { serverNames: ['b.example', '*.b.example'], serverSubject: 'CN=B' })
  const server = await buildTlsServer(t, {
    identities: [{ name: 'a', identity: identityOf(a.server, [a.root]) }, { name: 'b', identity: identityOf(b.server, [b.root]) }],
    verifyClient: 1,
    ...more
  }, waitFor)
  return { a, b, ...server }
}

for (const version of versions) {
  const only = { minVersion: version, maxVersion: version, host }

  t.test(`${version}: verify_client`, async t => {
    const [pki, other] = [await mintPki(t), await mintPki(t)]
    const expired = await pki.issue({ subject: 'CN=old', issuer: pki.intermediate, usage: 'client', notBefore: new Date(Date.now() - 2e8), notAfter: new Date(Date.now() - 1e8) })
    // rows: verify_client, then for each client whether it is answered and whether it counts as verified
    const clients = { none: {}, valid: credentials(pki.client), expired: credentials(expired), 'unknown CA': credentials(other.client) }
    const rows: Array<[0 | 1 | 2, Record<keyof typeof clients, boolean | null>]> = [
      [0, { none: false, valid: false, expired: false, 'unknown CA': false }],
      [1, { none: false, valid: true, expired: false, 'unknown CA': false }],
      [2, { none: null, valid: true, expired: null, 'unknown CA': null }]
    ]
    for (const [verifyClient, expected] of rows) {
      const { port } = await buildTlsServer(t, { identities: [{ name: 'server', identity: identityOf(pki.server, [pki.root]) }], verifyClient })
      for (const [name, client] of Object.entries(clients)) {
        for (const session of [undefined, (await exchange(t, { port, ...only, ...client })).session]) {
          const { answer } = await exchange(t, { port, ...only, ...client, ...(session !== undefined && { session }) })
          t.equal(seenIn(answer)?.authorized ?? null, expected[name as keyof typeof clients], `${verifyClient}, ${name}, ${session ? 'next handshake' : 'first handshake'}`)
        }
      }
    }
  })

  t.test(`${version}: a certificate that cannot be verified is said, with its names and the reason`, async t => {
    const [pki, other] = [await mintPki(t), await mintPki(t, { rootSubject: 'CN=Other Root' })]
    const { port, logged, lines } = await buildTlsServer(t, { identities: [{ name: 'server', identity: identityOf(pki.server, [pki.root]) }], verifyClient: 1 })
    await exchange(t, { port, ...only })
    await exchange(t, { port, ...only, ...credentials(pki.client) })
    t.notOk(lines.some(({ msg }) => msg.includes('not verified')), 'nothing to say of no certificate, nor of a good one')
    await exchange(t, { port, ...only, ...credentials(other.client) })
    t.match(await logged('client certificate not verified: it counts as none'), { level: 30, subject: 'CN=user, OU=Test, O=Example, C=DE', issuer: 'CN=Issuing CA, O=Example, C=DE', reason: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' })
  })

  t.test(`${version}: an empty trust list trusts nobody`, async t => {
    const pki = await mintPki(t)
    const { port } = await buildTlsServer(t, { identities: [{ name: 'server', identity: identityOf(pki.server, []) }], verifyClient: 2 })
    t.equal((await exchange(t, { port, ...only, ...credentials(pki.client) })).answer, null)
  })

  t.test(`${version}: a session made at one port is not resumed at another`, async t => {
    const [a, b] = [await mintPki(t), await mintPki(t)]
    const identities = [[a.root], [b.root], [a.root]].map(trusted => [{ name: 'server', identity: identityOf(a.server, trusted) }])
    const [first, second, third] = await Promise.all(identities.map(async list => await buildTlsServer(t, { identities: list, verifyClient: 1 })))
    const { session, answer } = await exchange(t, { port: first!.port, ...only, ...credentials(a.client) })
    t.match(seenIn(answer), { authorized: true })
    t.match(seenIn((await exchange(t, { port: first!.port, ...only, session })).answer), { authorized: true, reused: true }, 'the session is good')
    for (const { port } of [second!, third!]) {
      t.match(seenIn((await exchange(t, { port, ...only, session })).answer), { authorized: false, reused: false })
      const withCertificate = await exchange(t, { port, ...only, session, ...credentials(a.client) })
      t.match(seenIn(withCertificate.answer), { authorized: port === third!.port, reused: false }, 'verified anew')
    }
  })

  t.test(`${version}: a session made at one host is not resumed at another of the same port`, async t => {
    const { a, b, port } = await twoHosts(t)
    const at = (servername: string, more = {}) => exchange(t, { port, ...only, servername, ...more }, `GET / HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`)
    const first = await at('a.example', credentials(a.client))
    t.match({ name: first.serverName, ...seenIn(first.answer) }, { name: 'A', authorized: true, reused: false })
    t.match(seenIn((await at('a.example', { session: first.session })).answer), { authorized: true, reused: true }, 'the session is good')
    for (const more of [{}, credentials(a.client)]) {
      const crossed = await at('b.example', { session: first.session, ...more })
      t.match({ name: crossed.serverName, ...seenIn(crossed.answer) }, { name: 'B', authorized: false, reused: false })
    }
    t.match(seenIn((await at('b.example', { session: first.session, ...credentials(b.client) })).answer), { authorized: true, reused: false })
  })

  t.test(`${version}: 421 for a host of another identity, on full and resumed handshakes`, async t => {
    const { port } = await twoHosts(t)
    const rows: Array<[servername: string, head: string, status: number, title: string]> = [
      ['a.example', 'GET / HTTP/1.1\r\nHost: a.example', 200, 'the host of the handshake'],
      ['a.example', 'GET / HTTP/1.1\r\nHost: A.EXAMPLE.:8443', 200, 'case, final dot and port do not matter'],
      ['A.EXAMPLE', 'GET / HTTP/1.1\r\nHost: a.example', 200, 'nor in the server name'],
      ['b.example', 'GET / HTTP/1.1\r\nHost: x.b.example', 200, 'another host of the same identity'],
      ['b.example.', 'GET / HTTP/1.1\r\nHost: b.example', 200, 'a final dot in the server name'],
      ['a.example', 'GET / HTTP/1.1\r\nHost: b.example', 421, 'from the default to the other'],
      ['b.example', 'GET / HTTP/1.1\r\nHost: a.example', 421, 'from the other to the default'],
      ['b.example', 'GET / HTTP/1.1\r\nHost: unknown.example', 421, 'an unknown host is one of the default'],
      ['unknown.example', 'GET / HTTP/1.1\r\nHost: a.example', 200, 'an unknown server name is one of the default'],
      ['unknown.example', 'GET / HTTP/1.1\r\nHost: b.example', 421, 'an unknown server name is none of the other'],
      ['', 'GET / HTTP/1.1\r\nHost: a.example', 200, 'no server name: the default'],
      ['', 'GET / HTTP/1.1\r\nHost: b.example', 421, 'no server name is none of the other'],
      ['', `GET / HTTP/1.1\r\nHost: ${host}`, 200, 'an address'],
      ['b.example', `GET / HTTP/1.1\r\nHost: ${host}`, 421, 'an address is one of the default'],
      ['a.example', 'GET / HTTP/1.0\r\nAccept: */*', 200, 'no host: the default'],
      ['b.example', 'GET / HTTP/1.0\r\nAccept: */*', 421, 'no host is none of the other'],
      ['a.example', 'GET https://b.example/ HTTP/1.1\r\nHost: a.example', 421, 'an absolute target'],
      ['b.example', 'GET https://b.example/ HTTP/1.1\r\nHost: a.example', 421, 'Host beside an absolute target'],
      ['a.example', 'GET / HTTP/1.1\r\nHost: a.example\r\nhOST: b.example', 421, 'a second Host field'],
      ['b.example', 'GET / HTTP/1.1\r\nHost: b.example, a.example', 421, 'no host'],
      ['a.example', 'GET / HTTP/1.1\r\nHost: b.example:99999', 421, 'no host is none of the default either: somebody may read the other in it'],
      ['a.example', 'GET / HTTP/1.1\r\nHost: x@b.example', 421, 'no host, with user information']
    ]
    for (const [servername, head, status, title] of rows) {
      const request = `${head}\r\nConnection: close\r\n\r\n`
      const full = await exchange(t, { port, ...only, servername }, request)
      t.equal(statusOf(full.answer), status, `${servername}: ${title}`)
      const resumed = await exchange(t, { port, ...only, servername, session: full.session }, request)
      t.equal(resumed.reused, true)
      t.equal(statusOf(resumed.answer), status, `${servername}: ${title}, resumed`)
    }
  })
}

t.test('421 says nothing about names, and the connection may be used on', async t => {
  const { port } = await twoHosts(t)
  const request = 'GET / HTTP/1.1\r\nHost: b.example\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n'
  const { answer } = await exchange(t, { port, host, servername: 'a.example' }, request)
  t.match(answer, /421 Misdirected Request[^]*POSTERN_ERR_TLS_MISDIRECTED[^]*HTTP\/1\.1 200 OK/)
  t.notMatch(answer, /example/)
})

t.test('what is no handshake is closed without a word, by one identity and by several', async t => {
  const { a, port: several, lines } = await twoHosts(t)
  const { port: one } = await buildTlsServer(t, { identities: [{ name: 'a', identity: identityOf(a.server, [a.root]) }] })
  const hello = Buffer.from('1603010005010000ff00', 'hex')
  for (const port of [one, several]) {
    for (const bytes of ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', Buffer.alloc(20_000, 7), Buffer.from('16030100'), hello]) {
      const socket = net.connect({ port, host })
      const pieces: Buffer[] = []
      socket.on('data', piece => { pieces.push(piece as Buffer) }).on('error', () => {}).end(bytes)
      await closed(socket)
      const answer = Buffer.concat(pieces)
      // nothing, or alerts of TLS: record type 21
      t.ok(answer.length < 20 && (answer.length === 0 || answer[0] === 21), `${answer.length} bytes`)
    }
  }
  t.ok(lines.some(({ msg, reason, remoteAddress }) => msg === 'TLS handshake failed' && typeof reason === 'string' && remoteAddress === host))
})

t.test('a ClientHello may come byte by byte', async t => {
  const { a, port } = await twoHosts(t)
  const listener = net.createServer(incoming => {
    const outgoing = net.connect({ port, host, noDelay: true })
    incoming.on('data', bytes => { for (const byte of bytes as Buffer) outgoing.write(Buffer.of(byte)) })
    incoming.on('error', () => {}).on('close', () => outgoing.destroy())
    outgoing.on('error', () => {}).pipe(incoming)
  })
  t.teardown(() => listener.close())
  await once(listener.listen(0, host), 'listening')
  const answer = await exchange(t, { port: (listener.address() as net.AddressInfo).port, host, servername: 'a.example', ...credentials(a.client) }, 'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n')
  t.match(seenIn(answer.answer), { authorized: true })
})

t.test('a handshake that does not come to an end is cut, silent or trickling, by one identity and by several', async t => {
  const { a, port: several, logged } = await twoHosts(t, { handshakeTimeoutMs: 150 })
  const { port: one } = await buildTlsServer(t, { identities: [{ name: 'a', identity: identityOf(a.server, [a.root]) }], handshakeTimeoutMs: 150 })
  for (const port of [one, several]) {
    t.equal(await raw(t, port, null), '', 'silent')
    const socket = net.connect({ port, host })
    socket.on('error', () => {}).resume()
    // a record of 16 KiB that takes for ever
    socket.write(Buffer.from('16030140000100', 'hex'))
    const trickle = setInterval(() => { socket.write('\0') }, 20)
    t.teardown(() => { clearInterval(trickle) })
    await closed(socket)
    clearInterval(trickle)
    t.pass('trickling')
  }
  t.match(await logged('TLS handshake failed'), { level: 20, reason: 'timeout', remoteAddress: host })
})

t.test('a failed handshake is a debug line with a reason and no more', async t => {
  const pki = await mintPki(t)
  const { port, logged } = await buildTlsServer(t, { identities: [{ name: 'a', identity: identityOf(pki.server, []) }], verifyClient: 2 })
  await exchange(t, { port, host, ...credentials(pki.client) })
  const { time, pid, hostname, ...line } = await logged('TLS handshake failed')
  t.strictSame(line, { level: 30, reason: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', remoteAddress: host, msg: 'TLS handshake failed' })
})

t.test('limits of the HTTP parser come from the options', async t => {
  const pki = await mintPki(t)
  const identities = [{ name: 'a', identity: identityOf(pki.server, []) }]
  const { port } = await buildTlsServer(t, { identities, server: { maxHeaderSize: 4096 } })
  const request = (bytes: number) => `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(bytes)}\r\nConnection: close\r\n\r\n`
  t.equal(statusOf((await exchange(t, { port, host }, request(3000))).answer), 200)
  t.equal(statusOf((await exchange(t, { port, host }, request(5000))).answer), 431)
})

t.test('closing ends open handshakes at once, and running requests in peace', async t => {
  const arrived = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const { app, port, a } = await twoHosts(t, { handshakeTimeoutMs: 600_000 }, async () => {
    arrived.resolve()
    await answer.promise
  })
  const silent = net.connect({ port, host })
  const half = net.connect({ port, host })
  half.write(Buffer.from('1603010200', 'hex'))
  for (const socket of [silent, half]) socket.on('error', () => {}).resume()
  const secure = tls.connect({ port, host, servername: 'a.example', rejectUnauthorized: false, ...credentials(a.client) })
  let text = ''
  secure.on('data', piece => { text += String(piece) })
  secure.write('GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n')
  await arrived.promise
  const stopped = app.close()
  await Promise.all([closed(silent), closed(half)])
  answer.resolve()
  await Promise.all([stopped, closed(secure)])
  t.match(text, /^HTTP\/1\.1 200/)
})

t.test('a connection that somebody else has refused is left alone', async t => {
  const { app, port, lines } = await twoHosts(t)
  app.server.prependListener('connection', socket => { socket.destroy() })
  t.equal(await raw(t, port, null), '')
  t.notOk(lines.some(({ msg }) => msg === 'TLS handshake failed'))
})

t.test('every address of localhost is served and closed', async t => {
  const pki = await mintPki(t)
  const app = Fastify({ serverFactory: tlsServerFactory({ identities: [{ name: 'a', identity: identityOf(pki.server, [pki.root]) }] }) })
  await app.register(tlsTermination)
  app.get('/', async () => 'here')
  await app.listen({ port: 0, host: 'localhost' })
  const addresses = app.addresses() as net.AddressInfo[]
  for (const { address, port } of addresses) {
    t.match((await exchange(t, { port, host: address, ...credentials(pki.client) })).answer, /here$/, address)
  }
  const idle = addresses.map(({ address, port }) => net.connect({ port, host: address }))
  await Promise.all(idle.map(async socket => await once(socket, 'connect')))
  const ended = idle.map(async socket => await closed(socket.on('error', () => {}).resume()))
  await app.close()
  await Promise.all(ended)
})

t.test('options that cannot be are refused', async t => {
  const { server } = await mintPki(t)
  const identities = [{ name: 'a', identity: identityOf(server, []) }]
  t.throws(() => tlsServerFactory({ identities: [] }), { code: 'POSTERN_ERR_OPTIONS_INVALID' })
  t.throws(() => tlsServerFactory({ identities, verifyClient: 3 as 2 }), { code: 'POSTERN_ERR_OPTIONS_INVALID', message: /verifyClient/ })
  t.throws(() => tlsServerFactory({ identities, surprise: true } as never), { code: 'POSTERN_ERR_OPTIONS_INVALID', message: /surprise/ })
  t.throws(() => Fastify({ serverFactory: tlsServerFactory({ identities, ciphers: 'NONSENSE' }) }), { code: 'POSTERN_ERR_TLS_CONTEXT' })
  const bare = Fastify()
  await t.rejects(async () => { await bare.register(tlsTermination) }, { code: 'POSTERN_ERR_TLS_SERVER_MISSING' })
})

t.test('several identities without the hooks do not listen', async t => {
  const { server } = await mintPki(t)
  const identities = ['a', 'b'].map(name => ({ name, identity: identityOf(server, []) }))
  const app = Fastify({ serverFactory: tlsServerFactory({ identities }) })
  t.teardown(() => app.close())
  await t.rejects(app.listen({ port: 0, host }), { code: 'POSTERN_ERR_TLS_PLUGIN_MISSING' })
  t.equal(app.server.listening, false)
})
