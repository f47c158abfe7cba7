/** What an acceptor that was taken over may try. */
import { once } from 'node:events'
import t from 'tap'
import { buildFakeAcceptor, tickets } from '../helpers/fake-acceptor.ts'
import { askOn, buildInitiator, type InitiatorUnderTest } from '../helpers/initiator.ts'

/** The value of a number of the initiator. */
async function counted ({ metrics }: InitiatorUnderTest, name: string, labels: Record<string, string> = {}): Promise<number> {
  const metric = await metrics.getSingleMetric(`postern_reverse_invoke_${name}`)?.get()
  const fits = (own: Record<string, unknown>): boolean => Object.entries(labels).every(([key, value]) => own[key] === value)
  return (metric?.values ?? []).filter(one => fits(one.labels)).reduce((sum, { value }) => sum + value, 0)
}

t.test('a connection for something that is not configured here ends the channel', async t => {
  const acceptor = await buildFakeAcceptor(t)
  const initiator = await buildInitiator(t, { port: acceptor.port, backOff: { initialMs: 1 } })
  initiator.app.reverseInvokeInitiator.start()
  const channel = await acceptor.channel()
  await channel.register()
  channel.send({ type: 'want', endpoint: 'other.inner:22', tickets: tickets() })
  t.match(await channel.next(), { type: 'error', code: 'POSTERN_ERR_REVERSE_INVOKE_WANT' })
  await channel.closed()
  t.match(await initiator.log.line('registration lost'), { level: 40, reason: 'protocol', detail: /other\.inner:22/ })
  t.equal(acceptor.asked, 0, 'nothing was opened')
  await (await acceptor.channel()).register()
  t.pass('and it registers again')
})

const violations: ReadonlyArray<readonly [string, string, string]> = [
  ['no JSON', '{', 'POSTERN_ERR_REVERSE_INVOKE_MESSAGE'],
  ['an unknown message', '{"type":"open"}', 'POSTERN_ERR_REVERSE_INVOKE_MESSAGE'],
  ['a ticket that is none', '{"type":"want","endpoint":"app.inner:443","tickets":["x\\r\\ny"]}', 'POSTERN_ERR_REVERSE_INVOKE_MESSAGE'],
  ['registered again', '{"type":"registered","version":1,"replica":"fake-1","replicas":1,"heartbeatMs":5000}', 'POSTERN_ERR_REVERSE_INVOKE_MESSAGE']
]
for (const [name, text, code] of violations) {
  t.test(`breaks the rules: ${name}`, async t => {
    const acceptor = await buildFakeAcceptor(t)
    const { app } = await buildInitiator(t, { port: acceptor.port })
    app.reverseInvokeInitiator.start()
    const channel = await acceptor.channel()
    await channel.register()
    channel.send(text)
    t.match(await channel.next(), { type: 'error', code })
    await channel.closed()
  })
}

t.test('wants something before it has registered anything', async t => {
  const acceptor = await buildFakeAcceptor(t)
  const { app } = await buildInitiator(t, { port: acceptor.port })
  app.reverseInvokeInitiator.start()
  const channel = await acceptor.channel()
  t.match(await channel.next(), { type: 'register', endpoints: ['app.inner:443'], version: 1 })
  channel.send({ type: 'want', endpoint: 'app.inner:443', tickets: tickets() })
  t.match(await channel.next(), { code: 'POSTERN_ERR_REVERSE_INVOKE_MESSAGE' })
  await channel.closed()
})

t.test('too long a message, and too many of them', async t => {
  const acceptor = await buildFakeAcceptor(t)
  const { app, log } = await buildInitiator(t, { port: acceptor.port, maxMessageBytes: 1024, maxMessagesPerSecond: 10 })
  app.reverseInvokeInitiator.start()
  const first = await acceptor.channel()
  await first.register()
  first.send(`{"type":"draining"${' '.repeat(1024)}}`)
  await first.closed()
  t.match(await log.line('registration lost'), { detail: /longer than 1024 bytes/ })
  const second = await acceptor.channel()
  await second.register()
  for (let n = 0; n < 20; n++) second.socket.ping()
  t.match(await second.next(), { code: 'POSTERN_ERR_REVERSE_INVOKE_MESSAGE_RATE' })
  await second.closed()
})

t.test('compression is not negotiated', async t => {
  const acceptor = await buildFakeAcceptor(t)
  const { app } = await buildInitiator(t, { port: acceptor.port })
  app.reverseInvokeInitiator.start()
  const channel = await acceptor.channel()
  t.equal(channel.socket.extensions, '')
})

t.test('wants more connections than may be open, and more at a time than may be opened', async t => {
  const acceptor = await buildFakeAcceptor(t)
  const initiator = await buildInitiator(t, { port: acceptor.port, maxConnections: 3, maxDials: 2 })
  initiator.app.reverseInvokeInitiator.start()
  const channel = await acceptor.channel()
  await channel.register()
  channel.send({ type: 'want', endpoint: 'app.inner:443', tickets: tickets(5) })
  const [first, second] = [await acceptor.data(), await acceptor.data()]
  t.match(await initiator.log.line('the acceptor asked for more data connections than may be open'), { maxConnections: 3 })
  t.equal(acceptor.asked, 2, 'the third waits for one of the two')
  first.accept()
  const third = await acceptor.data()
  second.accept()
  third.accept()
  t.equal(await counted(initiator, 'dials_total', { outcome: 'too-many' }), 2)
  for (const { socket } of [first, second, third]) t.equal((await askOn(socket)).status, 200)
  t.equal(await counted(initiator, 'data_connections'), 3)
  t.same(initiator.app.reverseInvokeInitiator.snapshot()[0]?.registrations.map(({ connections, state }) => ({ connections, state })), [{ connections: 3, state: 'registered' }])
  first.socket.destroy()
  second.socket.destroy()
  channel.socket.terminate()
  await once(third.socket.resume(), 'end')
  t.pass('the last one ends with the control channel')
})

t.test('bytes behind the 101 are the first request', async t => {
  const acceptor = await buildFakeAcceptor(t)
  const { app } = await buildInitiator(t, { port: acceptor.port })
  app.reverseInvokeInitiator.start()
  const channel = await acceptor.channel()
  await channel.register()
  channel.send({ type: 'want', endpoint: 'app.inner:443', tickets: tickets() })
  const { accept, socket, request } = await acceptor.data()
  t.match(request.headers, { upgrade: 'PTTH/1.0', 'reverse-invoke-ticket': tickets()[0], 'reverse-invoke-replica': 'fake-1' })
  accept('GET /early HTTP/1.1\r\nHost: app.inner\r\nConnection: close\r\n\r\n')
  let text = ''
  socket.on('data', (chunk: Buffer) => { text += String(chunk) })
  await once(socket, 'end')
  t.match(text, /^HTTP\/1\.1 200 OK.*"target":"\/early"/s)
})

t.test('another replica answers: the ticket is tried again at once; a refused one is not', async t => {
  const acceptor = await buildFakeAcceptor(t)
  const initiator = await buildInitiator(t, { port: acceptor.port })
  initiator.app.reverseInvokeInitiator.start()
  const channel = await acceptor.channel()
  await channel.register()
  channel.send({ type: 'want', endpoint: 'app.inner:443', tickets: tickets() })
  for (let n = 0; n < 3; n++) (await acceptor.data()).refuse(421, 'POSTERN_ERR_REVERSE_INVOKE_REPLICA')
  const again = await acceptor.data()
  t.equal(again.request.headers['reverse-invoke-ticket'], tickets()[0])
  again.refuse(403, 'POSTERN_ERR_REVERSE_INVOKE_TICKET')
  const line = await initiator.log.line('no data connection')
  t.match(line, { reason: 'ticket', step: 'data connection' })
  t.equal(acceptor.asked, 4)
  t.equal(await counted(initiator, 'dials_total', { outcome: 'replica' }), 3)
  t.notMatch(JSON.stringify(initiator.log.records), tickets()[0], 'no ticket is in any line')
})

t.test('a heart-beat out of all bounds is brought within them', async t => {
  const acceptor = await buildFakeAcceptor(t)
  const { app, log } = await buildInitiator(t, { port: acceptor.port, heartbeatMs: 30 })
  app.reverseInvokeInitiator.start()
  const channel = await acceptor.channel()
  await channel.register(3_600_000)
  channel.socket.pause()
  t.match(await log.line('registration lost'), { reason: 'silent', detail: /nothing came from the acceptor for 60 ms/ })
})

t.test('answers that are no acceptor\'s', async t => {
  const answers: ReadonlyArray<readonly [string, RegExp, string]> = [
    ['HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', /no registration port \(answer 404\)/, 'protocol'],
    ['HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n', /answer 302/, 'protocol'],
    ['HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', /no answer of an acceptor/, 'protocol'],
    ['SSH-2.0-OpenSSH_9\r\n', /no answer of an acceptor/, 'protocol'],
    ['', /closed/, 'closed'],
    ['HTTP/1.1 403 Forbidden\r\nContent-Length: 48\r\n\r\n{"code":"POSTERN_ERR_REVERSE_INVOKE_DENIED"}    ', /does not permit this host \(wdisp\/ri\/acl/, 'denied'],
    ['HTTP/1.1 403 Forbidden\r\nContent-Length: 5000\r\n\r\n' + 'x'.repeat(5000), /does not permit this/, 'denied'],
    ['HTTP/1.1 403 Forbidden\r\nContent-Length: 22\r\n\r\n{"code":"constructor"}', /does not permit this \(answer 403\)$/, 'denied'],
    ['HTTP/1.1 503 No\r\nContent-Length: 46\r\n\r\n{"code":"POSTERN_ERR_REVERSE_INVOKE_DRAINING"}', /going down/, 'draining']
  ]
  for (const [answer, detail, reason] of answers) {
    const acceptor = await buildFakeAcceptor(t, { refuse: socket => { socket.end(answer) } })
    const { app, log } = await buildInitiator(t, { port: acceptor.port })
    app.reverseInvokeInitiator.start()
    t.match(await log.line('no registration with the acceptor'), { reason, detail }, answer.slice(0, 20))
    for (const initiator of app.reverseInvokeInitiator.initiators) initiator.destroy()
  }
})

t.test('an acceptor that goes again and again, under another name each time, does not pile up registrations', async t => {
  let count = 0
  const acceptor = await buildFakeAcceptor(t, { replica: () => `fake-${++count}` })
  const { app } = await buildInitiator(t, { port: acceptor.port, backOff: { initialMs: 1, firstCapMs: 1, capMs: 1 } })
  app.reverseInvokeInitiator.start()
  const channels = []
  for (let turn = 0; turn < 12; turn++) {
    const channel = await acceptor.channel()
    await channel.register()
    channel.send({ type: 'draining' })
    channels.push(channel)
  }
  for (const oldest of channels.slice(0, 4)) {
    t.match(await oldest.next(), { type: 'bye' })
    await oldest.closed()
  }
  await acceptor.channel()
  const states = app.reverseInvokeInitiator.snapshot()[0]?.registrations.map(({ state }) => state)
  t.equal(states?.filter(state => state === 'draining').length, 8)
})

t.test('what an acceptor says of an error goes to logs and terminals without control characters', async t => {
  const acceptor = await buildFakeAcceptor(t)
  const { app, log } = await buildInitiator(t, { port: acceptor.port })
  app.reverseInvokeInitiator.start()
  const channel = await acceptor.channel()
  await channel.register()
  channel.send({ type: 'error', code: 'POSTERN_ERR_X', message: 'all \u001b[2J\r\nis well' })
  t.match(await log.line('registration lost'), { detail: 'registration: the acceptor ended it: all ?[2J??is well (POSTERN_ERR_X)' })
  const next = await acceptor.channel()
  await next.register()
  next.send({ type: 'want', endpoint: 'a\u001b[2J:1', tickets: tickets() })
  t.match(await next.next(), { type: 'error', code: 'POSTERN_ERR_REVERSE_INVOKE_MESSAGE' })
})

t.test('a WebSocket server that is no acceptor', async t => {
  for (const options of [{ replica: null }, { replica: 'a b' }, { replicas: '0' }, { replicas: 'many' }]) {
    const acceptor = await buildFakeAcceptor(t, options)
    const { app, log } = await buildInitiator(t, { port: acceptor.port })
    app.reverseInvokeInitiator.start()
    t.match(await log.line('no registration with the acceptor'), { reason: 'protocol', detail: /names no replica/ })
    for (const initiator of app.reverseInvokeInitiator.initiators) initiator.destroy()
  }
})
