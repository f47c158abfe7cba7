// A small gateway that opens no connection to its back end: who serves app.inner:80 registers on a port of its own.
import assert from 'node:assert/strict'
import Fastify from 'fastify'
import { forward } from 'postern/plugins/forward'
import { reverseInvokeAcceptor } from 'postern/plugins/reverse-invoke-acceptor'
import { reverseInvokeInitiator } from 'postern/plugins/reverse-invoke-initiator'
import { tlsServerFactory, tlsTermination } from 'postern/plugins/tls-termination'
import { loadIdentity } from 'postern/pse'
import { Registrations, ReverseInvokePools } from 'postern/reverse-invoke'

const load = async file => (await loadIdentity({ file, pin: [{ from: 'none' }], additionalTrust: ['root.pem'] }, { user: '', env: {} })).identity
const registrations = new Registrations()

// the port on which others register
const registrationPort = Fastify({ serverFactory: tlsServerFactory({ identities: [{ name: 'server', identity: await load('server.pem') }], verifyClient: 2 }) })
await registrationPort.register(tlsTermination)
await registrationPort.register(reverseInvokeAcceptor, {
  registrations,
  acl: ['P 127.0.0.1'],
  allow: [{ subject: 'CN=wd, OU=Gateway, O=Example, C=DE', issuer: 'CN=Issuing CA, O=Example, C=DE', endpoints: ['app.inner:80'] }]
})
await registrationPort.listen({ host: '127.0.0.1', port: 0 })

// the port for clients
const app = Fastify()
const target = { server: { origin: 'http://app.inner:80', host: 'app.inner', port: 80, tls: null }, system: 'app', succeeded () {}, failed () {} }
app.decorateRequest('target', null)
app.addHook('onRequest', async request => { request.target = target })
await app.register(forward, { pools: new ReverseInvokePools({ source: registrations }) })
await app.listen({ host: '127.0.0.1', port: 0 })
const ask = async () => await fetch(`http://127.0.0.1:${app.server.address().port}/x`)
assert.equal((await ask()).status, 503, 'nobody has registered')

// somebody who serves it, in the same process for once
const inner = Fastify()
inner.get('/x', async () => 'from inside')
await inner.register(reverseInvokeInitiator, { name: 'dmz', host: '127.0.0.1', port: registrationPort.server.address().port, identity: await load('gateway.pem'), endpoints: [{ endpoint: 'app.inner:80' }] })
await inner.listen({ host: '127.0.0.1', port: 0 })
let answer = await ask()
while (answer.status === 503) answer = await ask()
assert.equal(await answer.text(), 'from inside')
assert.match(registrations.snapshot()[0].name, /^CN=wd, /)

await app.close()
await inner.close()
await registrationPort.close()
