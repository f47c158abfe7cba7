import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import Fastify from 'fastify'
import { forward } from 'postern/plugins/forward'

const backend = createServer(({ method, url }, response) => { response.end(`${method} ${url}`) }).listen(0, '127.0.0.1')
await once(backend, 'listening')
const { port } = backend.address()
const target = { server: { origin: `http://127.0.0.1:${port}`, host: '127.0.0.1', port, tls: null }, system: 'one', succeeded () {}, failed () {} }
const app = Fastify()
app.decorateRequest('target', null)
app.addHook('onRequest', async request => { request.target = target })
await app.register(forward)
await app.listen({ port: 0, host: '127.0.0.1' })
const answer = await fetch(`http://127.0.0.1:${app.server.address().port}/a%2Fb?c`, { method: 'DELETE' })
assert.equal(await answer.text(), 'DELETE /a%2Fb?c')
await app.close()
backend.close()
