import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { controlPath, controlProtocol, dataPath, dataProtocol } from '../../src/reverse-invoke/wire.ts'
import { manualClock } from '../helpers/manual-clock.ts'
import { mintPki } from '../helpers/pki.ts'
import { buildAcceptor, dataRequest, dialControl, dialData, dialRaw, gone, sendUpgrade, type AcceptorUnderTest, type TestInitiator } from '../helpers/reverse-invoke-peer.ts'

const code = (name: string) => `POSTERN_ERR_REVERSE_INVOKE_${name}`
const endpoint = { host: 'app.inner', port: 443 }

/** An honest initiator beside the hostile one: it must not notice anything. */
async function bystander (t: Test, { port, app }: AcceptorUnderTest, as: Parameters<typeof dialControl>[1]['as'] = null) {
  const honest = await dialControl(t, { port, as })
  await honest.register({ instance: 'honest', endpoints: ['other.inner:1'] })
  const { socket } = await dialData(t, { port, as }, await honest.ticket())
  return async () => {
    const [provider] = app.reverseInvoke.providersOf({ host: 'other.inner', port: 1 })
    const taken = await provider!.take()
    taken.write('ping')
    const [bytes] = await once(socket, 'data')
    t.equal(String(bytes), 'ping', 'the other registration is untouched')
  }
}

const said = async (initiator: TestInitiator, message: Parameters<TestInitiator['send']>[0]) => {
  await initiator.register()
  initiator.send(message)
}

const channels: Array<[what: string, act: (initiator: TestInitiator) => Promise<void> | void, code: string, closeCode: number]> = [
  ['malformed JSON', initiator => said(initiator, '{"type":"draining"'), 'MESSAGE', 1008],
  ['a message of another kind', initiator => said(initiator, '{"type":"connect","endpoint":"a:1"}'), 'MESSAGE', 1008],
  ['a binary message', initiator => said(initiator, Buffer.from('{"type":"draining"}')), 'MESSAGE', 1008],
  ['a second registration on one channel', async initiator => { await initiator.register(); initiator.send({ type: 'register', version: 1, instance: 'two', endpoints: ['app.inner:443'], poolSize: 1 }) }, 'MESSAGE', 1008],
  ['a message before the registration', initiator => { initiator.send({ type: 'draining' }) }, 'MESSAGE', 1008],
  ['an unknown version', initiator => { initiator.send('{"type":"register","version":9,"who":"me"}') }, 'VERSION', 1008],
  ['an endpoint that no rule allows', initiator => { initiator.send({ type: 'register', version: 1, instance: 'x', endpoints: ['app.inner:443', 'app.inner:444'], poolSize: 1 }) }, 'ENDPOINT', 1008],
  ['a message that is too long', initiator => said(initiator, JSON.stringify({ type: 'error', code: 'POSTERN_ERR_X', message: 'x'.repeat(20_000) })), 'MESSAGE_SIZE', 1009],
  ['a long message before the registration', initiator => { initiator.send('x'.repeat(20_000)) }, 'MESSAGE_SIZE', 1009]
]
for (const [what, act, expected, closeCode] of channels) {
  t.test(`${what}: refused with ${expected}, and the channel is closed`, async t => {
    const acceptor = await buildAcceptor(t)
    const unharmed = await bystander(t, acceptor)
    const initiator = await dialControl(t, acceptor)
    await act(initiator)
    t.equal((await initiator.closed()).code, closeCode)
    // the size is noticed by the WebSocket itself, which closes with the code of RFC 6455
    if (closeCode === 1008) t.match(initiator.messages.at(-1), { type: 'error', code: code(expected) })
    const lines = acceptor.log.records.filter(({ msg }) => /^registration (?:refused|ended)$/.test(msg))
    t.match(lines, [{ code: code(expected), remoteAddress: '127.0.0.1' }])
    t.same(acceptor.app.reverseInvoke.providersOf(endpoint), [])
    await unharmed()
  })
}

t.test('a flood of messages ends the channel, and what ran on its connections', async t => {
  const acceptor = await buildAcceptor(t)
  const unharmed = await bystander(t, acceptor)
  const initiator = await dialControl(t, acceptor)
  await initiator.register()
  const { socket } = await dialData(t, acceptor, await initiator.ticket())
  await acceptor.app.reverseInvoke.providersOf(endpoint)[0]!.take()
  for (let count = 0; count < 60; count++) initiator.send({ type: 'draining' })
  t.match(await initiator.closed(), { code: 1008, reason: code('MESSAGE_RATE') })
  t.match(initiator.messages.at(-1), { type: 'error', code: code('MESSAGE_RATE') })
  await gone(socket)
  t.match(await acceptor.log.line('registration ended'), { code: code('MESSAGE_RATE'), reason: 'rules' })
  t.equal(await acceptor.counted('postern_reverse_invoke_limit_reached_total', { limit: 'message rate' }), 1)
  await unharmed()
})

t.test('fragments add up to the limit of a message', async t => {
  const acceptor = await buildAcceptor(t)
  const initiator = await dialControl(t, acceptor)
  for (let count = 0; count < 20; count++) initiator.socket.send('x'.repeat(1000), { fin: false })
  t.equal((await initiator.closed()).code, 1009)
  t.equal(await acceptor.counted('postern_reverse_invoke_limit_reached_total', { limit: 'message size' }), 1)
})

t.test('a flood of pings ends the channel', async t => {
  const acceptor = await buildAcceptor(t)
  const initiator = await dialControl(t, acceptor)
  await initiator.register()
  for (let count = 0; count < 60; count++) initiator.socket.pong()
  t.match(await initiator.closed(), { code: 1008, reason: code('MESSAGE_RATE') })
})

t.test('compression is never negotiated', async t => {
  const { port } = await buildAcceptor(t)
  const initiator = await dialControl(t, { port, options: { perMessageDeflate: true } })
  t.equal(initiator.socket.extensions, '')
  await initiator.register()
})

const webSocketFields = ['Host: a', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`, `Sec-WebSocket-Protocol: ${controlProtocol}`]
const request = (target: string, fields: readonly string[], method = 'GET') => [`${method} ${target} HTTP/1.1`, ...fields, '', ''].join('\r\n')
const dataFields = ['Host: a', 'Connection: Upgrade', `Upgrade: ${dataProtocol}`]

const upgrades: Array<[what: string, text: string]> = [
  ['another sub-protocol', request(controlPath, webSocketFields.with(5, 'Sec-WebSocket-Protocol: chat'))],
  ['no sub-protocol', request(controlPath, webSocketFields.slice(0, 5))],
  ['two keys', request(controlPath, [...webSocketFields, 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='])],
  ['two hosts', request(controlPath, [...webSocketFields, 'Host: b'])],
  ['a body', request(controlPath, [...webSocketFields, 'Content-Length: 5']) + 'hello'],
  ['a body in chunks', request(dataPath, [...dataFields, 'Transfer-Encoding: chunked']) + '0\r\n\r\n'],
  ['another method', request(controlPath, webSocketFields, 'POST')],
  ['a query', request(`${controlPath}?a=b`, webSocketFields)],
  ['another path', request('/', webSocketFields)],
  ['WebSocket on the data path', request(dataPath, webSocketFields)],
  ['PTTH on the control path', request(controlPath, dataFields)],
  ['another protocol', request(dataPath, dataFields.with(2, 'Upgrade: h2c'))],
  ['CONNECT', request('app.inner:443', ['Host: app.inner:443'], 'CONNECT')],
  ['no ticket', request(dataPath, [...dataFields, 'Reverse-Invoke-Replica: replica-1'])],
  ['no replica', request(dataPath, [...dataFields, `Reverse-Invoke-Ticket: ${'A'.repeat(32)}`])],
  ['a ticket in the address', request(`${dataPath}?ticket=${'A'.repeat(32)}`, [...dataFields, 'Reverse-Invoke-Replica: replica-1'])],
  ['two tickets', dataRequest('A'.repeat(32), { fields: [`Reverse-Invoke-Ticket: ${'B'.repeat(32)}`] })],
  ['two replicas', dataRequest('A'.repeat(32), { fields: ['reverse-invoke-replica: replica-2'] })]
]
for (const [what, text] of upgrades) {
  t.test(`an upgrade with ${what} is refused and closed`, async t => {
    const { port, log } = await buildAcceptor(t)
    const { socket, status, head } = await sendUpgrade(await dialRaw(t, { port }), text)
    t.equal(status, 400)
    t.match(head, /Reverse-Invoke-Replica: replica-1\r\n/)
    await gone(socket)
    t.notMatch(JSON.stringify(log.records), /A{32}|B{32}/)
  })
}

t.test('a ticket is good once, in time and for its replica', async t => {
  const clock = manualClock()
  const acceptor = await buildAcceptor(t, { clock, poolSize: 3, heartbeatMs: 3_600_000 })
  const unharmed = await bystander(t, acceptor)
  const initiator = await dialControl(t, acceptor)
  await initiator.register()
  const [first, second, third] = [await initiator.ticket(), await initiator.ticket(), await initiator.ticket()]
  const refused = async (status: number, ticket: string, replica?: string) => {
    const data = await dialData(t, acceptor, ticket, replica === undefined ? {} : { replica })
    t.equal(data.status, status)
    await gone(data.socket)
  }
  await refused(421, first, 'replica-2')
  t.equal((await dialData(t, acceptor, first)).status, 101, 'the wrong replica has left it as it was')
  await refused(403, first)
  await refused(403, 'A'.repeat(32))
  t.equal((await dialData(t, acceptor, second)).status, 101)
  clock.advance(10_000)
  await refused(403, third)
  for (const reason of ['used', 'unknown', 'expired']) t.equal(await acceptor.counted('postern_reverse_invoke_tickets_refused_total', { reason }), 1, reason)
  t.match(acceptor.log.records.filter(({ msg }) => msg === 'data connection refused').map(one => [one.code, one.reason]),
    [[code('REPLICA'), undefined], [code('TICKET'), 'used'], [code('TICKET'), 'unknown'], [code('TICKET'), 'expired']])
  for (const ticket of [first, second, third]) t.notMatch(JSON.stringify(acceptor.log.records), ticket)
  t.not(await initiator.ticket(), third, 'another one is made for the one that expired')
  await unharmed()
})

t.test('a ticket is worthless to another certificate, and stays good for its own', async t => {
  const pki = await mintPki(t)
  const acceptor = await buildAcceptor(t, {}, pki)
  const unharmed = await bystander(t, acceptor, pki.gateway)
  const thief = await pki.issue({ subject: 'CN=wd, OU=Gateway, O=Example, C=DE', issuer: pki.intermediate, usage: 'client' })
  const initiator = await dialControl(t, { port: acceptor.port, as: pki.gateway })
  await initiator.register()
  const ticket = await initiator.ticket()
  const stolen = await dialData(t, { port: acceptor.port, as: thief }, ticket)
  t.equal(stolen.status, 403)
  await gone(stolen.socket)
  t.equal(await acceptor.counted('postern_reverse_invoke_tickets_refused_total', { reason: 'foreign' }), 1)
  t.equal((await dialData(t, { port: acceptor.port, as: pki.gateway }, ticket)).status, 101)
  await unharmed()
})

t.test('the tickets of a registration end with it', async t => {
  const acceptor = await buildAcceptor(t)
  const initiator = await dialControl(t, acceptor)
  await initiator.register()
  const ticket = await initiator.ticket()
  initiator.send({ type: 'bye' })
  await initiator.closed()
  t.equal((await dialData(t, acceptor, ticket)).status, 403)
})

t.test('bytes behind the request are no answer to the first request', async t => {
  const acceptor = await buildAcceptor(t)
  const initiator = await dialControl(t, acceptor)
  await initiator.register()
  const ticket = await initiator.ticket()
  const { socket, status } = await sendUpgrade(await dialRaw(t, acceptor), `${dataRequest(ticket)}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`)
  t.equal(status, 400)
  await gone(socket)
  t.same(acceptor.app.reverseInvoke.snapshot()[0]?.endpoints, [{ endpoint: 'app.inner:443', idle: 0, busy: 0, waiting: 0 }])
})

t.test('an idle connection on which the initiator speaks, or which it ends, is dropped', async t => {
  const acceptor = await buildAcceptor(t, { poolSize: 2 })
  const initiator = await dialControl(t, acceptor)
  await initiator.register()
  const talker = await dialData(t, acceptor, await initiator.ticket())
  const leaver = await dialData(t, acceptor, await initiator.ticket())
  talker.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
  await gone(talker.socket)
  leaver.socket.end()
  await gone(leaver.socket)
  t.match(acceptor.log.records.filter(({ msg }) => msg === 'idle data connection lost').map(({ reason }) => reason), ['sent data', 'ended'])
  t.equal(acceptor.app.reverseInvoke.snapshot()[0]?.endpoints[0]?.idle, 0)
  const [provider] = acceptor.app.reverseInvoke.providersOf(endpoint)
  const taken = provider!.take()
  const fresh = await dialData(t, acceptor, await initiator.ticket())
  ;(await taken).write('x')
  t.equal(String((await once(fresh.socket, 'data'))[0]), 'x', 'a waiting request gets the next one')
})

t.test('connections that become nothing are closed in time: silent ones, slow ones, unregistered ones', async t => {
  const clock = manualClock()
  const acceptor = await buildAcceptor(t, { clock, registerTimeoutMs: 5000 })
  const silent = await dialRaw(t, acceptor)
  const slow = await dialRaw(t, acceptor)
  slow.write(`GET ${dataPath} HTTP/1.1\r\nHost: a\r\nX-`)
  const idle = await dialControl(t, acceptor)
  clock.advance(5000)
  await Promise.all([gone(silent), gone(slow)])
  t.match(await idle.closed(), { code: 1008, reason: code('REGISTER_TIMEOUT') })
  t.match(await acceptor.log.line('connection to the registration port closed: it has not registered'), { reason: 'timeout', remoteAddress: '127.0.0.1' })
  t.equal(acceptor.log.records.filter(({ reason }) => reason === 'timeout').length, 1, 'one line for both: strangers must not fill the log')
  t.match(await acceptor.log.line('registration refused'), { code: code('REGISTER_TIMEOUT') })
})

t.test('a TLS handshake that never ends is closed in time', async t => {
  const clock = manualClock()
  const pki = await mintPki(t)
  const acceptor = await buildAcceptor(t, { clock }, pki)
  const slow = await dialRaw(t, { port: acceptor.port })
  slow.write(Buffer.from([0x16, 3, 1, 2, 0, 1]))
  const initiator = await dialControl(t, { port: acceptor.port, as: pki.gateway })
  await initiator.register()
  clock.advance(4999)
  initiator.socket.ping()
  await once(initiator.socket, 'pong')
  clock.advance(1)
  await gone(slow)
  t.same(acceptor.app.reverseInvoke.size, 1, 'who has registered stays')
})

t.test('a lost connection, a violated frame and an early end leave nothing behind', async t => {
  const acceptor = await buildAcceptor(t)
  const unharmed = await bystander(t, acceptor)
  const lost = await dialControl(t, acceptor)
  lost.socket.terminate()
  const { socket } = await sendUpgrade(await dialRaw(t, acceptor), request(controlPath, webSocketFields))
  // a frame without a mask, which a client must not send
  socket.write(Buffer.from([0x81, 0x02, 0x7b, 0x7d]))
  await gone(socket)
  const early = new WebSocket(`ws://127.0.0.1:${acceptor.port}${controlPath}`, controlProtocol)
  early.on('error', () => {})
  const closed = new Promise(resolve => { early.once('close', resolve) })
  early.terminate()
  await closed
  await unharmed()
  t.equal(acceptor.app.reverseInvoke.size, 1)
})

t.test('the same refusal is one line in a minute, with the number of times; another one is a line of its own', async t => {
  const clock = manualClock()
  const { port, log, counted } = await buildAcceptor(t, { clock, acl: ['D *'] })
  const attempt = async (text: string) => await gone((await sendUpgrade(await dialRaw(t, { port }), text)).socket)
  const refusals = () => log.records.filter(({ msg }) => msg === 'registration refused').map(({ code, times }) => [code, times])
  const denied = request(controlPath, webSocketFields)
  for (let i = 0; i < 3; i++) await attempt(denied)
  t.strictSame(refusals(), [[code('DENIED'), undefined]])
  await attempt(request(controlPath, webSocketFields, 'POST'))
  t.strictSame(refusals().at(-1), [code('UPGRADE'), undefined])
  clock.advance(60_000)
  await attempt(denied)
  t.strictSame(refusals().at(-1), [code('DENIED'), 3])
  t.equal(refusals().length, 3)
  t.equal(await counted('postern_reverse_invoke_refused_total', { reason: 'denied' }), 4, 'all are counted')
})
