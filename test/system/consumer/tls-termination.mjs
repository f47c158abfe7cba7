import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import { tlsServerFactory, tlsTermination } from 'postern/plugins/tls-termination'
import { readIdentity } from 'postern/pse'

const identity = readIdentity(readFileSync('server.pem'), { file: 'server.pem', pin: null })
const app = Fastify({ serverFactory: tlsServerFactory({ identities: [{ name: 'server', identity }], verifyClient: 1 }) })
await app.register(tlsTermination)
app.get('/', async ({ raw }) => raw.socket.encrypted)
await app.listen({ port: 0, host: '127.0.0.1' })
const [answer] = await once(request({ host: 'localhost', port: app.server.address().port, ca: readFileSync('root.pem'), agent: false }).end(), 'response')
assert.equal(await text(answer), 'true')
await app.close()
