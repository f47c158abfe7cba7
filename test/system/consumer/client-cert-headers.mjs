import assert from 'node:assert/strict'
import Fastify from 'fastify'
import { clientCertHeaders } from 'postern/plugins/client-cert-headers'

const app = Fastify()
await app.register(clientCertHeaders, { forwardClientCertificate: true })
app.get('/', async request => request.raw.rawHeaders)
await app.listen({ port: 0, host: '127.0.0.1' })
const answer = await fetch(`http://127.0.0.1:${app.server.address().port}/`, { headers: { SSL_CLIENT_CERT: 'forged', 'ssl-cipher-suite': 'forged', 'x-own': 'kept' } })
const names = (await answer.json()).filter((_, index) => index % 2 === 0).map(name => name.toLowerCase())
assert.ok(names.includes('x-own'))
assert.deepEqual(names.filter(name => name.startsWith('ssl')), [])
await app.close()
