/** End-to-end TLS over connections that initiators bring. */
import { once } from 'node:events'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import { routerServerFactory } from '../../plugins/router.ts'
import { ServerSet, type ServerChange } from '../../src/dispatch/server-set.ts'
import { ReverseInvokePools } from '../../src/upstream/reverse-invoke-pools.ts'
import { show } from '../helpers/backend.ts'
import { buildFakeProvider, FakeSource, inner, innerServer } from '../helpers/fake-provider.ts'
import { mintPki } from '../helpers/pki.ts'
import { exchange } from '../helpers/tls.ts'

t.test('the client\'s TLS ends at the inner side; an address that nobody registered is not held against its server', async t => {
  const pki = await mintPki(t, { serverNames: [inner.host] })
  const target = createTlsServer({ key: pki.server.keyPem, cert: pki.server.chainPem, ca: pki.root.certPem, requestCert: true }, show)
  const first = { host: 'first.inner.invalid', port: 1 }
  const provider = await buildFakeProvider(t, { open: stream => { target.emit('connection', stream) } })
  const source = new FakeSource()
  const pools = new ReverseInvokePools({ source })
  const changes: ServerChange[] = []
  const servers = new ServerSet([innerServer(null, first), innerServer()], { retryAfterMs: 3_600_000, now: () => performance.now(), onChange: change => { changes.push(change) } })
  const log: Array<Record<string, unknown>> = []
  const app = Fastify({
    serverFactory: routerServerFactory({
      systems: () => ({ system: 'wdisp/system_0', servers }),
      connect: async (server, signal) => await pools.connectStream(server, signal),
      logger: { debug: () => {}, warn: (facts: object) => { log.push(facts as Record<string, unknown>) } }
    })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => { pools.destroy(); await app.close() })
  const { port } = app.server.address() as AddressInfo
  const client = { port, servername: inner.host, ca: pki.root.certPem, key: pki.client.keyPem, cert: pki.client.chainPem, rejectUnauthorized: true }

  t.match(await exchange(t, client), { answer: null }, 'nobody there')
  source.providers = [provider]
  for (let turn = 0; turn < 2; turn++) t.match((await exchange(t, client)).answer, /^HTTP\/1\.1 200 [^]*"client":"user"/)
  t.ok(log.length >= 2)
  for (const facts of log) t.match(facts, { reason: 'POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED' })
  t.strictSame(changes, [])
  t.equal(provider.requests[0]?.method, 'CONNECT')

  provider.server.removeAllListeners('connect').on('connect', (_request, stream) => { stream.end('HTTP/1.1 403 Forbidden\r\n\r\n') })
  await exchange(t, client)
  t.match(changes, [{ server: innerServer(), state: 'out', reason: 'POSTERN_ERR_REVERSE_INVOKE_STREAM' }], 'one that refuses is')
  await Promise.all(provider.connections.map(async socket => { await once(socket, 'close') }))
})
