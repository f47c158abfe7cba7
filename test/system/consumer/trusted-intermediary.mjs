import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { once } from 'node:events'
import { json } from 'node:stream/consumers'
import Fastify from 'fastify'
import { trustedIntermediary } from 'postern/plugins/trusted-intermediary'

const [bundle, root, gateway] = [readFileSync('server.pem'), readFileSync('root.pem'), readFileSync('gateway.pem')]
const app = Fastify({ https: { key: bundle, cert: bundle, ca: root, requestCert: true, rejectUnauthorized: false } })
await app.register(trustedIntermediary, { trustedProxies: [{ subject: 'CN=wd, OU=Gateway, O=Example, C=DE', issuer: 'CN=Issuing CA, O=Example, C=DE' }] })
app.get('/', async ({ clientCertificate }) => clientCertificate === null ? null : { subject: clientCertificate.subject, source: clientCertificate.source })
await app.listen({ port: 0, host: '127.0.0.1' })

async function ask (options) {
  const [answer] = await once(request({ host: 'localhost', port: app.server.address().port, ca: root, agent: false, ...options }).end(), 'response')
  return await json(answer)
}

const user = readFileSync('user.pem', 'latin1')
const field = /-----BEGIN CERTIFICATE-----([^-]*)-----END/.exec(user)[1].replaceAll('\n', '')
assert.deepEqual(await ask({ key: gateway, cert: gateway, headers: { SSL_CLIENT_CERT: field } }), { subject: 'CN=user, OU=Test, O=Example, C=DE', source: 'header' })
assert.equal(await ask({ key: gateway, cert: gateway }), null)
assert.equal(await ask({ headers: { SSL_CLIENT_CERT: field } }), null)
await app.close()
