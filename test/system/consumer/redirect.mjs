import assert from 'node:assert/strict'
import Fastify from 'fastify'
import { redirect } from 'postern/plugins/redirect'

const app = Fastify()
await app.register(redirect, { rules: [{ prefix: '/', from: '*', protocol: 'https', host: 'www.example' }], status: 308 })
app.get('/*', async () => 'hello')
const { statusCode, headers } = await app.inject('/a?b=c')
assert.equal(statusCode, 308)
assert.equal(headers.location, 'https://www.example/a?b=c')
