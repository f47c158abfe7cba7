import assert from 'node:assert/strict'
import Fastify from 'fastify'
import { errorPages } from 'postern/plugins/error-pages'

const app = Fastify()
await app.register(errorPages)
app.get('/', async () => { throw new Error('host db7.internal refused the password') })
const { statusCode, body } = await app.inject('/')
assert.equal(statusCode, 500)
assert.equal(JSON.parse(body).code, 'POSTERN_ERR_HTTP_INTERNAL')
assert.ok(!body.includes('db7'))
