import assert from 'node:assert/strict'
import { once } from 'node:events'
import Fastify from 'fastify'
import { Registry } from 'prom-client'
import { metrics } from 'postern/plugins/metrics'

const registry = new Registry()
const app = Fastify()
await app.register(metrics, { registry, listener: 'mine' })
app.get('/', async () => 'hello')
await app.listen({ port: 0, host: '127.0.0.1' })
const counted = once(app.server, 'request').then(async ([, response]) => { await once(response, 'close') })
await (await fetch(`http://127.0.0.1:${app.server.address().port}/`)).text()
await counted
assert.match(await registry.metrics(), /postern_requests_total\{listener="mine",class="2xx"\} 1/)
await app.close()
