import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import { routerServerFactory } from 'postern/plugins/router'

const backend = createServer(socket => { socket.once('data', chunk => { socket.end(`echo ${chunk}`) }) }).listen(0, '127.0.0.1')
await once(backend, 'listening')
const { port } = backend.address()
const app = Fastify({ serverFactory: routerServerFactory({ servers: [{ origin: `https://127.0.0.1:${port}`, host: '127.0.0.1', port, tls: null }] }) })
await app.listen({ port: 0, host: '127.0.0.1' })
const client = connect(app.server.address().port, '127.0.0.1')
client.write('bytes')
assert.equal(await text(client), 'echo bytes')
await app.close()
backend.close()
