/** Registrations come, are lost, and come back. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { buildFakeAcceptor } from '../helpers/fake-acceptor.ts'
import { askOn, buildInitiator, endpoint, quickly, takeFrom, type InitiatorUnderTest } from '../helpers/initiator.ts'
import type { LogRecord } from '../helpers/log-sink.ts'
import { buildRelay } from '../helpers/relay.ts'
import { buildAcceptor, openToAll } from '../helpers/reverse-invoke-peer.ts'
import type { AcceptorState } from '../../src/initiator/slot.ts'

/** Waits until the log has `count` lines with a text. */
async function lines ({ log }: { log: { records: readonly LogRecord[], line (msg: string): Promise<LogRecord> } }, msg: string, count: number): Promise<LogRecord[]> {
  for (;;) {
    const found = log.records.filter(record => record.msg === msg)
    if (found.length >= count) return found
    await new Promise(resolve => { setImmediate(resolve) })
  }
}

function states ({ app }: InitiatorUnderTest): Array<[string, AcceptorState, string | null]> {
  return app.reverseInvokeInitiator.snapshot().flatMap(({ registrations }) => registrations.map(({ address, state, replica }) => [address, state, replica] as [string, AcceptorState, string | null]))
}

/** A port where nothing listens. */
async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

t.test('without an acceptor: it waits, tries, and says so once', async t => {
  const port = await freePort()
  const initiator = await buildInitiator(t, { port })
  await initiator.app.listen({ port: 0, host: '127.0.0.1' })
  t.match(await initiator.log.line('no registration with the acceptor'), { level: 40, client: 'client_0', acceptor: `127.0.0.1:${port}`, step: 'TCP', reason: 'refused', detail: /connection refused: nothing listens there/ })
  for (;;) {
    const reconnects = await initiator.metrics.getSingleMetric('postern_reverse_invoke_reconnects_total')?.get()
    if ((reconnects?.values[0]?.value ?? 0) >= 5) break
    await new Promise(resolve => { setImmediate(resolve) })
  }
  t.equal(initiator.log.records.filter(({ msg }) => msg === 'no registration with the acceptor').length, 1)
  t.match(initiator.app.reverseInvokeInitiator.snapshot(), [{ name: 'client_0', acceptor: `127.0.0.1:${port}`, endpoints: ['app.inner:443'], draining: false, registrations: [{ lastError: /refused/ }] }])
})

t.test('the acceptor comes later, goes, and comes back on the same port', async t => {
  const port = await freePort()
  const initiator = await buildInitiator(t, { port })
  initiator.app.reverseInvokeInitiator.start()
  await initiator.log.line('no registration with the acceptor')
  const fake = await buildFakeAcceptor(t, { port })
  await (await fake.channel()).register()
  await lines(initiator, 'registered with the acceptor', 1)
  t.same(states(initiator), [['127.0.0.1', 'registered', 'fake-1']])
  fake.close()
  t.match((await lines(initiator, 'registration lost', 1))[0], { reason: 'closed', level: 40 })
  const back = await buildFakeAcceptor(t, { port, replica: 'fake-2' })
  await (await back.channel()).register()
  await lines(initiator, 'registered with the acceptor', 2)
  t.same(states(initiator), [['127.0.0.1', 'registered', 'fake-2']])
})

t.test('a cable is pulled: both sides notice within twice the heart-beat, and come together again', async t => {
  const heartbeatMs = 250
  const acceptor = await buildAcceptor(t, { ...openToAll, heartbeatMs, poolSize: 1 })
  const relay = await buildRelay(t, () => acceptor.port)
  const initiator = await buildInitiator(t, { port: relay.port, heartbeatMs, dialTimeoutMs: 200 })
  initiator.app.reverseInvokeInitiator.start()
  await initiator.log.line('registered with the acceptor')
  const connection = await takeFrom(acceptor.app.reverseInvoke)
  const closed = once(connection.resume(), 'close')
  relay.swallow()
  const pulled = performance.now()
  t.match(await initiator.log.line('registration lost'), { reason: 'silent', detail: /nothing came from the acceptor for 500 ms/ })
  // a busy machine runs timers late; a third heart-beat would be a fault
  t.ok(performance.now() - pulled < 3 * heartbeatMs, `noticed after ${performance.now() - pulled} ms`)
  await closed
  t.equal(acceptor.app.reverseInvoke.providersOf(endpoint).length, 0, 'the acceptor has let it go, too')
  relay.mend()
  await lines(initiator, 'registered with the acceptor', 2)
  t.equal((await askOn(await takeFrom(acceptor.app.reverseInvoke))).status, 200)
})

t.test('a name with two addresses: a registration with each; one that is the name\'s no more is given up', async t => {
  const acceptors = [await buildAcceptor(t, { ...openToAll, replica: 'one' })]
  const { port } = acceptors[0]!
  const second = await buildFakeAcceptor(t, { port, host: '127.0.0.2', replica: 'two' })
  let addresses = ['127.0.0.1', '127.0.0.2']
  const initiator = await buildInitiator(t, { port, host: 'dmz.example', resolve: async () => addresses })
  initiator.app.reverseInvokeInitiator.start()
  const channel = await second.channel()
  await channel.register()
  await lines(initiator, 'registered with the acceptor', 2)
  t.same(states(initiator).sort(), [['127.0.0.1', 'registered', 'one'], ['127.0.0.2', 'registered', 'two']])
  addresses = ['127.0.0.1']
  channel.socket.terminate()
  await lines(initiator, 'registration lost', 1)
  while (states(initiator).length > 1) await new Promise(resolve => { setImmediate(resolve) })
  t.same(states(initiator), [['127.0.0.1', 'registered', 'one']])
})

t.test('one acceptor under two addresses gets one registration', async t => {
  const acceptor = await buildFakeAcceptor(t, { host: '0.0.0.0' })
  const initiator = await buildInitiator(t, { port: acceptor.port, host: 'dmz.example', resolve: async () => ['127.0.0.1', '127.0.0.2'] })
  initiator.app.reverseInvokeInitiator.start()
  const channel = await acceptor.channel()
  await channel.register()
  const double = await acceptor.channel()
  await double.closed()
  t.match(await initiator.log.line('another replica is looked for'), { level: 20 })
  t.equal(initiator.log.records.filter(({ msg }) => msg === 'registered with the acceptor').length, 1)
  t.equal(channel.socket.readyState, channel.socket.OPEN)
})

t.test('a name that cannot be resolved, or not in time', async t => {
  const failing = await buildInitiator(t, { port: 1, host: 'dmz.example', resolve: async () => { throw Object.assign(new Error('no'), { code: 'ENOTFOUND' }) } })
  failing.app.reverseInvokeInitiator.start()
  t.match(await failing.log.line('no registration with the acceptor'), { step: 'DNS', reason: 'dns', detail: /dmz\.example: the name cannot be resolved \(ENOTFOUND\)/ })
  t.match(failing.app.reverseInvokeInitiator.snapshot()[0]?.registrations, [{ address: 'dmz.example', state: 'waiting', lastError: /DNS/ }])
  const slow = await buildInitiator(t, { port: 1, host: 'dmz.example', dialTimeoutMs: 20, resolve: async () => await new Promise(() => {}) })
  slow.app.reverseInvokeInitiator.start()
  t.match(await slow.log.line('no registration with the acceptor'), { reason: 'timeout', detail: /the name server does not answer/ })
  const empty = await buildInitiator(t, { port: 1, host: 'dmz.example', resolve: async () => [] })
  empty.app.reverseInvokeInitiator.start()
  t.match(await empty.log.line('no registration with the acceptor'), { reason: 'dns', detail: /no address/ })
})

t.test('two replicas behind one address: registered with both, and data connections find theirs', async t => {
  const acceptors = [await buildAcceptor(t, { ...openToAll, replica: 'one', replicas: 2, poolSize: 2 }), await buildAcceptor(t, { ...openToAll, replica: 'two', replicas: 2, poolSize: 2 })]
  const relay = await buildRelay(t, n => acceptors[n % 2]!.port)
  const initiator = await buildInitiator(t, { port: relay.port })
  initiator.app.reverseInvokeInitiator.start()
  await lines(initiator, 'registered with the acceptor', 2)
  t.same(states(initiator).map(([, state, replica]) => [state, replica]).sort(), [['registered', 'one'], ['registered', 'two']])
  for (const acceptor of acceptors) {
    for (let n = 0; n < 4; n++) {
      const connection = await takeFrom(acceptor.app.reverseInvoke)
      t.equal((await askOn(connection)).status, 200)
      connection.destroy()
    }
  }
})

t.test('this side leaves in order under load: not one request fails', async t => {
  const acceptor = await buildAcceptor(t, { ...openToAll, poolSize: 3 })
  const release = Promise.withResolvers<void>()
  const initiator = await buildInitiator(t, { port: acceptor.port }, { routes: app => { app.get('/slow', async () => { await release.promise; return 'done' }) } })
  initiator.app.reverseInvokeInitiator.start()
  await initiator.log.line('registered with the acceptor')
  const busy = await takeFrom(acceptor.app.reverseInvoke)
  const slow = askOn(busy, { path: '/slow' })
  let left: Promise<void> | undefined
  let answered = 0
  let refused = 0
  const clients = Array.from({ length: 4 }, async () => {
    while (refused === 0) {
      const [provider] = acceptor.app.reverseInvoke.providersOf(endpoint)
      // what the forward path sees when nobody has registered it
      if (provider === undefined) { refused++; break }
      const connection = await provider.take().catch(() => { refused++; return null })
      if (connection === null) break
      if ((await askOn(connection, { headers: { connection: 'close' } })).status === 200) answered++
      connection.destroy()
      if (answered === 50) left = initiator.app.reverseInvokeInitiator.drain()
    }
  })
  await Promise.all(clients)
  t.ok(answered >= 50, `${answered} answers, none failed`)
  t.match(initiator.app.reverseInvokeInitiator.snapshot(), [{ draining: true, registrations: [{ state: 'draining' }] }])
  release.resolve()
  t.equal((await slow).body, 'done', 'what ran has ended')
  busy.destroy()
  await left
  t.match(await initiator.log.line('registration ended'), { reason: 'drained' })
  t.same(states(initiator).filter(([, state]) => state !== 'waiting'), [])
})

t.test('what does not end in time is broken off', async t => {
  const acceptor = await buildAcceptor(t, { ...openToAll, poolSize: 1 })
  const initiator = await buildInitiator(t, { port: acceptor.port, drainTimeoutMs: 20 }, { routes: app => { app.get('/never', async () => await new Promise(() => {})) } })
  initiator.app.reverseInvokeInitiator.start()
  await initiator.log.line('registered with the acceptor')
  const never = askOn(await takeFrom(acceptor.app.reverseInvoke), { path: '/never' })
  const broken = t.rejects(never)
  await initiator.app.reverseInvokeInitiator.drain()
  await broken
  t.match(await initiator.log.line('registration ended'), { reason: 'stopped' })
})

t.test('the acceptor leaves in order: what runs ends, and another registration is looked for at once', async t => {
  const leaving = await buildFakeAcceptor(t, { replica: 'old' })
  const staying = await buildFakeAcceptor(t, { replica: 'new' })
  const relay = await buildRelay(t, n => n === 0 ? leaving.port : staying.port)
  const initiator = await buildInitiator(t, { port: relay.port, backOff: { ...quickly, firstCapMs: 1 } })
  initiator.app.reverseInvokeInitiator.start()
  const old = await leaving.channel()
  await old.register()
  await initiator.log.line('registered with the acceptor')
  old.send({ type: 'draining' })
  const fresh = await staying.channel()
  await fresh.register()
  await lines(initiator, 'registered with the acceptor', 2)
  t.same(states(initiator), [['127.0.0.1', 'draining', 'old'], ['127.0.0.1', 'registered', 'new']])
  old.send({ type: 'bye' })
  await old.closed()
  while (states(initiator).length > 1) await new Promise(resolve => { setImmediate(resolve) })
  t.same(states(initiator), [['127.0.0.1', 'registered', 'new']])
})
