// An application that is reached from a DMZ without an open port for it: it registers with a gateway there. Its own port is not used.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import { reverseInvokeAcceptor } from 'postern/plugins/reverse-invoke-acceptor'
import { reverseInvokeInitiator } from 'postern/plugins/reverse-invoke-initiator'
import { tlsServerFactory } from 'postern/plugins/tls-termination'
import { loadIdentity } from 'postern/pse'

const load = async file => (await loadIdentity({ file, pin: [{ from: 'none' }], additionalTrust: ['root.pem'] }, { user: '', env: {} })).identity

// the gateway in the DMZ, in the same process for once; of it only the registration port is needed here
const dmz = Fastify({ serverFactory: tlsServerFactory({ identities: [{ name: 'server', identity: await load('server.pem') }], verifyClient: 2 }) })
await dmz.register(reverseInvokeAcceptor, { acl: ['P 127.0.0.1'], allow: [{ subject: 'CN=wd, *', issuer: 'CN=Issuing CA, *', endpoints: ['app.inner:*'] }] })
await dmz.listen({ host: '127.0.0.1', port: 0 })

const app = Fastify()
app.get('/hello', async () => 'hello')
await app.register(reverseInvokeInitiator, {
  name: 'dmz',
  host: 'localhost',
  port: dmz.server.address().port,
  identity: await load('gateway.pem'),
  endpoints: [{ endpoint: 'app.inner:443', paths: ['/hello'] }]
})
await app.ready()
app.reverseInvokeInitiator.start()

// what the gateway does: it takes a connection that the application has opened, and is the client on it
const providers = () => dmz.reverseInvoke.providersOf({ host: 'app.inner', port: 443 })
while (providers().length === 0) await new Promise(setImmediate)
const ask = async path => {
  const socket = await providers()[0].take()
  const [answer] = await once(request({ createConnection: () => socket, path, headers: { connection: 'close' } }).end(), 'response')
  return { status: answer.statusCode, body: await text(answer) }
}
assert.deepEqual(await ask('/hello'), { status: 200, body: 'hello' })
assert.equal((await ask('/other')).status, 403, 'nothing else of it is reached')
assert.deepEqual(app.reverseInvokeInitiator.snapshot()[0].registrations.map(({ state }) => state), ['registered'])

await app.close()
await dmz.close()
