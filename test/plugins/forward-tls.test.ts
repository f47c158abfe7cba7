import t from 'tap'
import { once } from 'node:events'
import type { TLSSocket, TlsOptions } from 'node:tls'
import Fastify from 'fastify'
import httpProxy from '@fastify/http-proxy'
import type { Test } from 'tap'
import type { UpstreamTls } from '../../src/upstream/server.ts'
import { UpstreamPools } from '../../src/upstream/pools.ts'
import { buildForward, serverAt } from '../helpers/forward.ts'
import { identityOf } from '../helpers/identity.ts'
import { mintPki, type Issued, type Pki } from '../helpers/pki.ts'
import { buildRawBackend, ok, type RawBackend } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

const get = 'GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n'

async function buildTlsBackend (t: Test, pki: Pki, own: Issued, options: TlsOptions = {}): Promise<RawBackend> {
  return await buildRawBackend(t, { tls: { key: own.keyPem, cert: own.chainPem, ca: pki.root.certPem, requestCert: true, rejectUnauthorized: false, ...options } })
}

function settings (pki: Pki, more: Partial<UpstreamTls> = {}): UpstreamTls {
  return { identity: identityOf(pki.gateway, [pki.root]), presentCertificate: true, serverName: null, ignoreHostMismatch: false, ...more }
}

async function statusOf (t: Test, port: number): Promise<number> {
  const client = await buildRawClient(t, port)
  client.send(get)
  return Number((await client.until(/ok$|}$/)).split(' ')[1])
}

t.test('verifies the back end and presents the client PSE with its chain', async t => {
  const pki = await mintPki(t)
  const backend = await buildTlsBackend(t, pki, pki.server, { rejectUnauthorized: true })
  const { port } = await buildForward(t, { to: serverAt(backend.port, settings(pki)) })
  t.equal(await statusOf(t, port), 200)
  const socket = backend.sockets[0] as TLSSocket
  t.equal(socket.authorized, true, 'the intermediate was sent along')
  t.equal(socket.getPeerX509Certificate()?.fingerprint256, pki.gateway.certificate.fingerprint256)
  t.match((await backend.request(0)).head, 'host: shop.example')
})

t.test('presents no certificate where none is asked for by the profile', async t => {
  const pki = await mintPki(t)
  const backend = await buildTlsBackend(t, pki, pki.server)
  const { port } = await buildForward(t, { to: serverAt(backend.port, settings(pki, { presentCertificate: false })) })
  t.equal(await statusOf(t, port), 200)
  t.equal((backend.sockets[0] as TLSSocket).getPeerX509Certificate(), undefined)
})

t.test('fails closed, each time, and says so without details', async t => {
  const pki = await mintPki(t)
  const other = await mintPki(t)
  const misnamed = await pki.issue({ subject: 'CN=wrong.example', issuer: pki.intermediate, usage: 'server', serverNames: ['wrong.example'] })
  const expired = await pki.issue({
    subject: 'CN=127.0.0.1', issuer: pki.intermediate, usage: 'server', serverNames: ['127.0.0.1'], notBefore: new Date(Date.now() - 2e8), notAfter: new Date(Date.now() - 1e8)
  })
  const rows: Array<[string, Issued, UpstreamTls]> = [
    ['another CA', other.server, settings(pki)],
    ['an empty trust list', pki.server, settings(pki, { identity: identityOf(pki.gateway, []) })],
    ['another name', misnamed, settings(pki)],
    ['another name than expected', pki.server, settings(pki, { serverName: 'wd.example' })],
    ['another CA, name not checked', other.server, settings(pki, { ignoreHostMismatch: true })],
    ['expired', expired, settings(pki)]
  ]
  for (const [name, own, tls] of rows) {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const backend = await buildTlsBackend(t, pki, own, { maxVersion })
      const gateway = await buildForward(t, { to: serverAt(backend.port, tls) })
      for (const attempt of [1, 2]) {
        const client = await buildRawClient(t, gateway.port)
        client.send(get)
        const answer = await client.until('}')
        t.match(answer, /^HTTP\/1\.1 502 [^]*POSTERN_ERR_UPSTREAM_TLS/, `${name} ${maxVersion} ${attempt}`)
        t.notMatch(answer, /example|CN=|certificate|issuer/i)
      }
      t.strictSame(backend.requests, [])
      t.strictSame(gateway.reports, ['POSTERN_ERR_UPSTREAM_TLS', 'POSTERN_ERR_UPSTREAM_TLS'])
      t.notMatch(JSON.stringify(gateway.log), /BEGIN CERT|"raw"|pubkey/)
    }
  }
})

t.test('a back end that refuses the client certificate is a TLS failure in TLS 1.2 and 1.3', async t => {
  const pki = await mintPki(t)
  const other = await mintPki(t)
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const backend = await buildTlsBackend(t, pki, pki.server, { rejectUnauthorized: true, maxVersion })
    const { port } = await buildForward(t, { to: serverAt(backend.port, settings(pki, { identity: identityOf(other.gateway, [pki.root]) })) })
    t.equal(await statusOf(t, port), 502)
  }
})

t.test('sends the expected name as SNI and checks the certificate for it', async t => {
  const pki = await mintPki(t, { serverNames: ['farm.example'] })
  const names: Array<string | false> = []
  const backend = await buildTlsBackend(t, pki, pki.server, { SNICallback: (name, callback) => { names.push(name); callback(null) } })
  const named = await buildForward(t, { to: serverAt(backend.port, settings(pki, { serverName: 'farm.example' })) })
  t.equal(await statusOf(t, named.port), 200)
  t.strictSame(names, ['farm.example'])
  const host = { origin: `https://localhost:${backend.port}`, host: 'localhost', port: backend.port, tls: settings(pki) }
  t.equal(await statusOf(t, (await buildForward(t, { to: host })).port), 200)
  t.strictSame(names, ['farm.example', 'localhost'])
  t.equal(await statusOf(t, (await buildForward(t, { to: serverAt(backend.port, settings(pki)) })).port), 200)
  t.equal(names.length, 2, 'no SNI for an address')
})

t.test('skips the name check, and only that, where the profile says so', async t => {
  const pki = await mintPki(t)
  const misnamed = await pki.issue({ subject: 'CN=wrong.example', issuer: pki.intermediate, usage: 'server', serverNames: ['wrong.example'] })
  const backend = await buildTlsBackend(t, pki, misnamed)
  const { port } = await buildForward(t, { to: serverAt(backend.port, settings(pki, { ignoreHostMismatch: true })) })
  t.equal(await statusOf(t, port), 200)
})

t.test('trusts the certificates of the list themselves, roots or not', async t => {
  const pki = await mintPki(t)
  for (const trusted of [pki.intermediate, pki.server]) {
    const backend = await buildTlsBackend(t, pki, pki.server)
    const { port } = await buildForward(t, { to: serverAt(backend.port, settings(pki, { identity: identityOf(pki.gateway, [trusted]) })) })
    t.equal(await statusOf(t, port), 200)
  }
})

t.test('resumes the TLS session of an earlier connection, within one identity only', async t => {
  const pki = await mintPki(t)
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const backend = await buildTlsBackend(t, pki, pki.server, { maxVersion })
    const pools = { closeAfterResponse: true }
    const tls = settings(pki)
    const gateway = await buildForward(t, { to: serverAt(backend.port, tls), pools })
    for (const expected of [false, true, true]) {
      t.equal(await statusOf(t, gateway.port), 200)
      t.equal((backend.sockets.at(-1) as TLSSocket).isSessionReused(), expected, maxVersion)
    }
    const renewed = gateway.pools.dispatcherFor(serverAt(backend.port, settings(pki)))
    t.not(renewed, gateway.pools.dispatcherFor(serverAt(backend.port, tls)), 'another identity object is another pool')
    t.equal(gateway.pools.dispatcherFor(serverAt(backend.port, tls)), gateway.pools.dispatcherFor(serverAt(backend.port, tls)))
    await (await renewed.request({ path: '/', method: 'GET' })).body.dump()
    t.equal((backend.sockets.at(-1) as TLSSocket).isSessionReused(), false)
  }
})

t.test('carries @fastify/http-proxy: verified TLS with the client PSE', async t => {
  const pki = await mintPki(t)
  const other = await mintPki(t)
  const trusted = await buildTlsBackend(t, pki, pki.server, { rejectUnauthorized: true })
  const strange = await buildTlsBackend(t, other, other.server)
  const pools = new UpstreamPools()
  const app = Fastify()
  for (const [prefix, backend] of [['/trusted', trusted], ['/strange', strange]] as const) {
    const server = serverAt(backend.port, settings(pki))
    await app.register(httpProxy, { prefix, upstream: server.origin, undici: pools.dispatcherFor(server) as never })
  }
  t.teardown(async () => { await app.close(); await pools.close() })
  const answer = await app.inject({ method: 'POST', url: '/trusted/x?y', payload: { a: 1 } })
  t.equal(answer.statusCode, 200)
  t.equal(answer.body, 'ok')
  const request = await trusted.request(0)
  t.equal(request.head.split('\r\n')[0], 'POST /x?y HTTP/1.1')
  t.equal(request.body.toString(), '{"a":1}')
  t.equal((trusted.sockets[0] as TLSSocket).getPeerX509Certificate()?.fingerprint256, pki.gateway.certificate.fingerprint256)
  t.ok((await app.inject({ url: '/strange/x' })).statusCode >= 500)
  t.strictSame(strange.requests, [])
})

t.test('says https to the back end where the client came by TLS', async t => {
  const pki = await mintPki(t)
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port, forward: { addClientProtocol: true }, https: { key: pki.server.keyPem, cert: pki.server.chainPem } })
  const client = await buildRawClient(t, port, { tls: { ca: pki.root.certPem } })
  client.send(get)
  await client.until('ok')
  t.match((await backend.request(0)).head, 'clientprotocol: https')
  const parted = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart') })
  const cut = await buildForward(t, { to: parted.port, https: { key: pki.server.keyPem, cert: pki.server.chainPem } })
  const other = await buildRawClient(t, cut.port, { tls: { ca: pki.root.certPem } })
  other.send('GET / HTTP/1.0\r\n\r\n')
  await other.until('part')
  parted.sockets[0]?.destroy()
  t.match(await other.closed(), /part$/)
})

t.test('splices over TLS', async t => {
  const pki = await mintPki(t)
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  const backend = await buildRawBackend(t, {
    tls: { key: pki.server.keyPem, cert: pki.server.chainPem },
    onRequest: ({ socket }) => { socket.write(switching); socket.once('data', () => socket.end(ok)) }
  })
  const { port } = await buildForward(t, { to: serverAt(backend.port, settings(pki)), https: { key: pki.server.keyPem, cert: pki.server.chainPem } })
  const client = await buildRawClient(t, port, { tls: { ca: pki.root.certPem } })
  client.send('GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await client.until('\r\n\r\n')
  client.send('x')
  t.match(await client.closed(), /ok$/)
  if (backend.sockets[0]?.closed === false) await once(backend.sockets[0], 'close')
})
