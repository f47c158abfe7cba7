import assert from 'node:assert/strict'
import Fastify from 'fastify'
import { dispatch } from 'postern/plugins/dispatch'

const server = { origin: 'http://127.0.0.1:8000', host: '127.0.0.1', port: 8000, tls: null }
const app = Fastify()
await app.register(dispatch, { systems: [{ name: 'one', sid: 'ABC', sourceUrls: ['/a'], servers: [server] }] })
app.get('/*', { config: { forward: true } }, async ({ target }) => ({ origin: target.server.origin, system: target.system }))
assert.deepEqual((await app.inject('/a/b')).json(), { origin: server.origin, system: 'one' })
assert.equal((await app.inject('/b')).statusCode, 404)
