import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import { accessLog } from 'postern/plugins/access-log'

const app = Fastify()
await app.register(accessLog, { file: 'access.log', format: '%r|%s' })
app.get('/', async () => 'hello')
await app.listen({ port: 0, host: '127.0.0.1' })
await (await fetch(`http://127.0.0.1:${app.server.address().port}/?a=b`)).text()
await app.close()
assert.equal(readFileSync('access.log', 'latin1'), 'GET /?a=b HTTP/1.1|200\n')
