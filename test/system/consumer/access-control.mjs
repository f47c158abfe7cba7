import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import Fastify from 'fastify'
import accessControl from 'postern/plugins/access-control'

writeFileSync('acl.txt', 'permit 127.0.0.1\ndeny 0.0.0.0/0\n')
const app = Fastify()
await app.register(accessControl, { file: 'acl.txt' })
app.get('/', async () => 'hello')
assert.equal((await app.inject({ url: '/', remoteAddress: '127.0.0.1' })).body, 'hello')
assert.equal((await app.inject({ url: '/', remoteAddress: '192.0.2.1' })).statusCode, 403)
