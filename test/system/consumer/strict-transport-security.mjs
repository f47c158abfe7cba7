import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { once } from 'node:events'
import Fastify from 'fastify'
import strictTransportSecurity from 'postern/plugins/strict-transport-security'

const bundle = readFileSync('server.pem')
const app = Fastify({ https: { key: bundle, cert: bundle } })
await app.register(strictTransportSecurity, { value: 'max-age=60' })
app.get('/', async () => 'hello')
await app.listen({ port: 0, host: '127.0.0.1' })
const [answer] = await once(request({ host: 'localhost', port: app.server.address().port, ca: readFileSync('root.pem'), agent: false }).end(), 'response')
answer.resume()
assert.equal(answer.headers['strict-transport-security'], 'max-age=60')
await app.close()
