import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { tlsServerFactory, tlsTermination, type TlsServerOptions } from '../../plugins/tls-termination.ts'
import { mintPki } from '../helpers/pki.ts'
import { credentials, exchange, identityOf } from '../helpers/tls.ts'

/** A bare application behind the factory; answers with what it knows of its client. */
async function buildServer (t: Test, options: TlsServerOptions) {
  const app = Fastify({ serverFactory: tlsServerFactory(options) })
  await app.register(tlsTermination)
  app.get('/*', async request => {
    const socket = request.raw.socket as TLSSocket
    return { authorized: socket.authorized, subject: socket.getPeerX509Certificate()?.subject ?? null, reused: socket.isSessionReused(), host: request.headers.host }
  })
  t.teardown(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, port: (app.server.address() as AddressInfo).port }
}

function bodyOf (answer: string | null): any {
  return JSON.parse(answer?.split('\r\n\r\n')[1] ?? 'null')
}

function statusOf (answer: string | null): number {
  return Number(answer?.split(' ')[1])
}

t.test('one identity: serves with and without a client certificate', async t => {
  const pki = await mintPki(t)
  const { port } = await buildServer(t, { identities: [{ name: 'server', identity: identityOf(pki.server, [pki.root]) }], verifyClient: 1 })
  const without = await exchange(t, { port, host: '127.0.0.1' })
  t.match(bodyOf(without.answer), { authorized: false, subject: null })
  const withOne = await exchange(t, { port, host: '127.0.0.1', ...credentials(pki.client) })
  t.match(bodyOf(withOne.answer), { authorized: true, subject: /CN=user/ })
  t.equal(withOne.serverName, 'localhost')
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`several identities, ${version}: the server name chooses, and a session does not cross`, async t => {
    const [a, b] = [await mintPki(t, { serverNames: ['a.example'], serverSubject: 'CN=A' }), await mintPki(t, { serverNames: ['b.example', '*.b.example'], serverSubject: 'CN=B' })]
    const { port } = await buildServer(t, {
      identities: [{ name: 'a', identity: identityOf(a.server, [a.root]) }, { name: 'b', identity: identityOf(b.server, [b.root]) }],
      verifyClient: 1
    })
    const at = (servername: string, more = {}) => exchange(t,
      { port, host: '127.0.0.1', minVersion: version, maxVersion: version, servername, ...more },
      `GET / HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`)
    const first = await at('a.example', credentials(a.client))
    t.equal(first.serverName, 'A')
    t.match(bodyOf(first.answer), { authorized: true, reused: false })
    t.ok(first.session)
    const again = await at('a.example', { ...credentials(a.client), session: first.session })
    t.match(bodyOf(again.answer), { authorized: true, reused: true })
    for (const more of [credentials(a.client), {}]) {
      const crossed = await at('b.example', { ...more, session: first.session })
      t.equal(crossed.serverName, 'B')
      t.match(bodyOf(crossed.answer), { authorized: false, reused: false })
    }
  })
}
