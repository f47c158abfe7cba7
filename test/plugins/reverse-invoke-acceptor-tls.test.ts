import { once } from 'node:events'
import t, { type Test } from 'tap'
import Fastify from 'fastify'
import { reverseInvokeAcceptor } from '../../plugins/reverse-invoke-acceptor.ts'
import { controlPath, dataPath } from '../../src/reverse-invoke/wire.ts'
import { tlsServerFactory, tlsTermination } from '../../plugins/tls-termination.ts'
import { identityOf } from '../helpers/tls.ts'
import { logSink } from '../helpers/log-sink.ts'
import { manualClock } from '../helpers/manual-clock.ts'
import { mintPki, type Issued } from '../helpers/pki.ts'
import { buildAcceptor, dataRequest, dialControl, dialData, dialRaw, gone, sendUpgrade } from '../helpers/reverse-invoke-peer.ts'
import type { AddressInfo } from 'node:net'

const code = (name: string) => `POSTERN_ERR_REVERSE_INVOKE_${name}`
const endpoint = { host: 'app.inner', port: 443 }
const gatewayRule = { subject: 'CN=wd, OU=Gateway, O=Example, C=DE', issuer: 'CN=Issuing CA, *', endpoints: ['app.inner:443'], name: 'postern/ri/allow_0' }

/** Status of an upgrade for a control channel; 101 where it may register. */
async function controlStatus (t: Test, port: number, as: Issued | null): Promise<{ status: number, head: string }> {
  const text = [`GET ${controlPath} HTTP/1.1`, 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Protocol: reverse-invoke.v1', '', ''].join('\r\n')
  const { status, head, socket } = await sendUpgrade(await dialRaw(t, { port, as }), text)
  if (status !== 101) await gone(socket)
  return { status, head }
}

t.test('host names of the list are compared with the DNS names of the certificate, the common name only where it has no alternative names', async t => {
  const pki = await mintPki(t)
  const issue = async (subject: string, serverNames?: string[]) => await pki.issue({ subject, issuer: pki.intermediate, usage: 'client', ...serverNames === undefined ? {} : { serverNames } })
  const { port, log, counted } = await buildAcceptor(t, { acl: ['D bad.dmz.inner', 'P good.dmz.inner', 'P 192.0.2.0/24', 'P open.dmz.other'] }, pki)
  const rows: ReadonlyArray<readonly [number, string, string[]?]> = [
    [403, 'CN=x', ['good.dmz.inner', 'bad.dmz.inner']],
    [403, 'CN=x', ['*.dmz.inner']],
    [101, 'CN=x', ['*.dmz.other']],
    [101, 'CN=x', ['good.dmz.inner', 'other.dmz.inner']],
    [101, 'CN=good.dmz.inner'],
    [403, 'CN=good.dmz.inner', ['other.dmz.inner']],
    [403, 'CN=good.dmz.inner', ['127.0.0.1']],
    [403, 'CN=x', ['good.dmz.inner.evil']],
    [403, 'CN=x']
  ]
  for (const [expected, subject, names] of rows) {
    t.equal((await controlStatus(t, port, await issue(subject, names))).status, expected, `${subject} ${names?.join(' ')}`)
  }
  t.match(await log.line('registration refused'), { code: code('DENIED'), remoteAddress: '127.0.0.1', subject: 'CN=x', aclEntry: 'D bad.dmz.inner' })
  t.ok(await counted('postern_reverse_invoke_refused_total', { reason: 'denied' }) > 0)
})

t.test('addresses of the list count with TLS too, and for data connections', async t => {
  const pki = await mintPki(t)
  const { port } = await buildAcceptor(t, { acl: ['D 127.0.0.0/8', 'P *'] }, pki)
  const { status, head } = await controlStatus(t, port, pki.gateway)
  t.equal(status, 403)
  t.match(head, /Reverse-Invoke-Replica: replica-1/)
  t.equal((await sendUpgrade(await dialRaw(t, { port, as: pki.gateway }), dataRequest('A'.repeat(32)))).status, 403)
})

t.test('a rule names who may register what; the log says where a certificate differs', async t => {
  const pki = await mintPki(t)
  const { port, log, app } = await buildAcceptor(t, { allow: [gatewayRule] }, pki)
  await (await dialControl(t, { port, as: pki.gateway })).register()
  t.equal(app.reverseInvoke.providersOf(endpoint)[0]?.name, 'CN=wd, OU=Gateway, O=Example, C=DE (one)')
  const user = await dialControl(t, { port, as: pki.client })
  user.send({ type: 'register', version: 1, instance: 'one', endpoints: ['app.inner:443'], poolSize: null })
  t.match(await user.next('error'), { code: code('ENDPOINT'), message: 'this certificate may not register app.inner:443 (postern/ri/allow_<xx>)' })
  t.match(await log.line('registration refused'), {
    code: code('ENDPOINT'),
    because: 'no rule fits the certificate',
    instance: 'one',
    rule: 'postern/ri/allow_0',
    part: 'subject',
    dnSeen: 'CN=user, OU=Test, O=Example, C=DE',
    dnExpected: gatewayRule.subject,
    position: 4,
    seen: 'u',
    expected: 'w'
  })
  t.equal(app.reverseInvoke.size, 1, 'the same instance id of another certificate replaces nothing')
})

t.test('the same certificate, or a renewed one, replaces a registration at once; another does not', async t => {
  const pki = await mintPki(t)
  const acceptor = await buildAcceptor(t, { poolSize: 1 }, pki)
  const { port, app, counted } = acceptor
  const old = await dialControl(t, { port, as: pki.gateway })
  await old.register()
  const idle = await dialData(t, { port, as: pki.gateway }, await old.ticket())
  const [provider] = app.reverseInvoke.providersOf(endpoint)
  const states: string[] = []
  provider?.onChange(state => { states.push(state) })
  const renewed = await pki.issue({ subject: 'CN=wd, OU=Gateway, O=Example, C=DE', issuer: pki.intermediate, usage: 'client' })
  const replacement = await dialControl(t, { port, as: renewed })
  await replacement.register()
  t.match(await old.next('error'), { code: code('REPLACED') })
  t.equal((await old.closed()).reason, code('REPLACED'))
  await gone(idle.socket)
  t.same(states, ['gone'])
  t.equal(await counted('postern_reverse_invoke_replaced_total'), 1)
  t.equal(await counted('postern_reverse_invoke_ended_total', { reason: 'replaced' }), 1)
  const [current] = app.reverseInvoke.providersOf(endpoint)
  t.not(current, provider)
  await (await dialControl(t, { port, as: pki.client })).register()
  await (await dialControl(t, { port, as: renewed })).register({ instance: 'two' })
  t.equal(app.reverseInvoke.providersOf(endpoint).length, 3)
  t.equal((await dialData(t, { port, as: renewed }, await replacement.ticket())).status, 101)
  t.ok(await current?.take())
})

t.test('a connection without a certificate has nothing to say, where the port does not demand one itself', async t => {
  const pki = await mintPki(t)
  const log = logSink()
  const app = Fastify({ loggerInstance: log.logger, serverFactory: tlsServerFactory({ verifyClient: 1, identities: [{ name: 'server', identity: identityOf(pki.server, [pki.root]) }] }) })
  await app.register(tlsTermination)
  await app.register(reverseInvokeAcceptor as never, { acl: ['P *'], allow: [{ subject: '*', issuer: '*', endpoints: ['app.inner:443'] }] })
  t.teardown(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  t.equal((await controlStatus(t, port, { ...pki.gateway, keyPem: '', chainPem: '' })).status, 403)
  t.match(await log.line('registration refused'), { code: code('CERTIFICATE') })
  t.equal((await controlStatus(t, port, pki.gateway)).status, 101)
})

t.test('ordinary requests get 404 and nothing else', async t => {
  const { port, app } = await buildAcceptor(t)
  for (const path of ['/', controlPath, dataPath]) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    t.equal(response.status, 404, path)
    t.equal(response.headers.get('reverse-invoke-replica'), 'replica-1')
    await response.body?.cancel()
  }
  t.equal(app.reverseInvoke.size, 0)
})

t.test('the start line says what the port is for: without TLS, and where nobody may register', async t => {
  const plain = await buildAcceptor(t, { allow: [], acl: [] })
  t.match(await plain.log.line('registration without TLS: addresses are all that is known of initiators'), { level: 40 })
  t.match(await plain.log.line('nobody may register anything: the list of hosts or the list of allow rules is empty'), { allowRules: 0, aclEntries: 0 })
  const pki = await mintPki(t)
  const { log } = await buildAcceptor(t, {}, pki)
  t.match(await log.line('registration port open'), { tls: true, replica: 'replica-1' })
  t.notOk(log.records.some(({ level }) => level > 30))
})

t.test('faults of the options end the start', async t => {
  const start = async (options: object) => await Fastify().register(reverseInvokeAcceptor, options)
  await t.rejects(start({ acl: ['P inner.example'] }), { code: code('ACL') }, 'a host name without TLS')
  await t.rejects(start({ acl: ['P 10.0.0.0/8/8'] }), { code: code('ACL') })
  await t.rejects(start({ allow: [{ subject: '*', issuer: '*', endpoints: ['*:*'] }] }), { code: 'POSTERN_ERR_OPTIONS_INVALID' })
  await t.rejects(start({ poolsize: 5 }), { code: 'POSTERN_ERR_OPTIONS_INVALID' })
})

t.test('pings go both ways: who answers stays, who does not has gone', async t => {
  const pki = await mintPki(t)
  const clock = manualClock()
  const { port, app, log } = await buildAcceptor(t, { clock }, pki)
  const initiator = await dialControl(t, { port, as: pki.gateway, options: { autoPong: false } })
  const pinged = once(initiator.socket, 'ping')
  await initiator.register()
  await pinged
  for (let count = 0; count < 3; count++) {
    initiator.socket.pong()
    initiator.socket.ping()
    await once(initiator.socket, 'pong')
    const again = once(initiator.socket, 'ping')
    clock.advance(5000)
    await again
  }
  t.equal(app.reverseInvoke.size, 1)
  clock.advance(5000)
  t.match(await log.line('registration ended'), { code: code('SILENT'), reason: 'silent' })
  t.equal((await initiator.closed()).code, 1006, 'no time is lost with a closing handshake')
  t.equal(app.reverseInvoke.size, 0)
})
