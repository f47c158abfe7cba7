import t from 'tap'
import Fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import { strictTransportSecurity } from '../../plugins/strict-transport-security.ts'
import { mintPki } from '../helpers/pki.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'

const request = 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'
const value = 'max-age=31536000;includeSubDomains'

t.test('sends the field on TLS connections, with errors too', async t => {
  const { server } = await mintPki(t)
  const app = Fastify({ https: { key: server.keyPem, cert: server.chainPem } })
  t.teardown(async () => { await app.close() })
  await app.register(strictTransportSecurity, { value })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const answer = await rawExchange(t, { port: (app.server.address() as AddressInfo).port, tls: { rejectUnauthorized: false } }, request)
  t.match(answer, /^HTTP\/1.1 404/)
  t.match(answer, `strict-transport-security: ${value}\r\n`)
})

t.test('never sends it without TLS', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(strictTransportSecurity, { value })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.notMatch(await rawExchange(t, { port: (app.server.address() as AddressInfo).port }, request), /strict-transport-security/i)
})

t.test('takes values with max-age only', async t => {
  for (const good of [value, 'max-age=0', 'includeSubDomains; Max-Age="1" ; preload']) await t.resolves(async () => { await Fastify().register(strictTransportSecurity, { value: good }) }, good)
  for (const bad of ['', 'includeSubDomains', 'max-age', 'max-age=x', 'max-age=1\r\nX: y', 'xmax-age=1', 'max-age=1é']) {
    await t.rejects(async () => { await Fastify().register(strictTransportSecurity, { value: bad }) }, { code: 'POSTERN_ERR_OPTIONS_INVALID' }, bad)
  }
})
