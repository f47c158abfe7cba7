import { once } from 'node:events'
import t, { type Test } from 'tap'
import { type ReverseInvokeAcceptorOptions } from '../../plugins/reverse-invoke-acceptor.ts'
import { manualClock } from '../helpers/manual-clock.ts'
import { buildAcceptor, dialControl, dialData, dialRaw, gone } from '../helpers/reverse-invoke-peer.ts'

const code = (name: string) => `POSTERN_ERR_REVERSE_INVOKE_${name}`
const endpoint = { host: 'app.inner', port: 443 }

/** A port with one registration, and a counter of a limit. */
async function build (t: Test, options: ReverseInvokeAcceptorOptions) {
  const acceptor = await buildAcceptor(t, options)
  const initiator = await dialControl(t, acceptor)
  await initiator.register()
  const [provider] = acceptor.app.reverseInvoke.providersOf(endpoint)
  return {
    ...acceptor,
    initiator,
    provider: provider!,
    open: async () => await dialData(t, acceptor, await initiator.ticket()),
    reached: async (limit: string) => await acceptor.counted('postern_reverse_invoke_limit_reached_total', { limit })
  }
}

/** Tickets that came so far; the answer to a ping comes behind all messages. */
async function ticketsOf ({ initiator }: Awaited<ReturnType<typeof build>>): Promise<number> {
  initiator.socket.ping()
  await once(initiator.socket, 'pong')
  return initiator.messages.reduce((sum, message) => message.type === 'want' ? sum + message.tickets.length : sum, 0)
}

t.test('registrations: one more is refused, unless it replaces one', async t => {
  const built = await build(t, { maxRegistrations: 1 })
  const second = await dialControl(t, built)
  second.send({ type: 'register', version: 1, instance: 'two', endpoints: ['app.inner:443'], poolSize: null })
  t.match(await second.next('error'), { code: code('LIMIT'), message: 'registrations: the limit of 1 is reached' })
  t.match(await second.closed(), { code: 1008, reason: code('LIMIT') })
  t.equal(await built.reached('registrations'), 1)
  await (await dialControl(t, built)).register({ instance: 'one' })
  t.match(await built.initiator.next('error'), { code: code('REPLACED') })
})

t.test('endpoints of a registration', async t => {
  const built = await build(t, { maxEndpoints: 2 })
  const second = await dialControl(t, built)
  second.send({ type: 'register', version: 1, instance: 'two', endpoints: ['other.inner:1', 'other.inner:2', 'other.inner:3'], poolSize: null })
  t.match(await second.next('error'), { code: code('LIMIT'), message: 'endpoints: the limit of 2 is reached' })
  t.equal(await built.reached('endpoints'), 1)
  const third = await dialControl(t, built)
  await third.register({ instance: 'two', endpoints: ['other.inner:1', 'other.inner:2', 'OTHER.inner:2'] })
  t.equal(built.app.reverseInvoke.snapshot()[1]?.endpoints.length, 2, 'the same one twice is one')
})

t.test('unused tickets', async t => {
  const built = await build(t, { maxTickets: 3, poolSize: 5 })
  t.equal(await ticketsOf(built), 3)
  t.equal(await built.reached('tickets'), 1)
  await built.open()
  t.equal(await ticketsOf(built), 4, 'one is used, so one may be asked for')
  await built.open()
  await built.open()
  t.equal(await ticketsOf(built), 5, 'and no more than the pool lacks')
})

t.test('data connections, idle and used ones; a closed one makes room', async t => {
  const built = await build(t, { maxConnections: 2, poolSize: 1, waitTimeoutMs: 60_000 })
  const first = await built.open()
  const taken = [await built.provider.take()]
  await built.open()
  taken.push(await built.provider.take())
  const third = built.provider.take()
  t.equal(await ticketsOf(built), 2)
  t.ok(await built.reached('connections') > 0)
  t.same(built.app.reverseInvoke.snapshot()[0]?.endpoints, [{ endpoint: 'app.inner:443', idle: 0, busy: 2, waiting: 1 }])
  t.equal(await built.counted('postern_reverse_invoke_pool_busy', { endpoint: 'app.inner:443' }), 2)
  t.equal(await built.counted('postern_reverse_invoke_pool_waiting'), 1)
  taken[0]?.destroy()
  await gone(first.socket)
  const fresh = await built.open()
  t.equal(fresh.status, 101)
  t.ok(await third)
})

t.test('requests that wait: in number and in time', async t => {
  const clock = manualClock()
  const built = await build(t, { clock, poolSize: 0, maxWaiting: 2, waitTimeoutMs: 2000, heartbeatMs: 3_600_000 })
  const waiting = [built.provider.take(), built.provider.take()]
  await t.rejects(built.provider.take(), { code: code('BUSY'), statusCode: 503 })
  t.equal(await built.reached('waiting'), 1)
  await built.open()
  t.ok(await waiting[0], 'first come, first served')
  const late = t.rejects(waiting[1]!, { code: code('NO_CONNECTION'), statusCode: 503 })
  clock.advance(2000)
  await late
  const unwanted = await built.open()
  await gone(unwanted.socket)
  t.same(built.app.reverseInvoke.snapshot()[0]?.endpoints, [{ endpoint: 'app.inner:443', idle: 0, busy: 1, waiting: 0 }], 'what comes too late is not kept beyond the size of the pool')
  t.match(await built.metrics.metrics(), /postern_reverse_invoke_wait_seconds_count 2\n/)
})

t.test('connections that have not registered', async t => {
  const acceptor = await buildAcceptor(t, { maxUnregistered: 2 })
  const initiator = await dialControl(t, acceptor)
  await initiator.register()
  t.equal((await dialData(t, acceptor, await initiator.ticket())).status, 101)
  const [first] = [await dialRaw(t, acceptor), await dialControl(t, acceptor)]
  const third = await dialRaw(t, acceptor)
  await gone(third)
  t.equal(await acceptor.counted('postern_reverse_invoke_limit_reached_total', { limit: 'unregistered' }), 1)
  t.match(await acceptor.log.line('connection to the registration port closed: it has not registered'), { reason: 'limit' })
  // the answer shows that the port has taken notice of the end before it sees the next one
  first.end('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await gone(first)
  await (await dialControl(t, acceptor)).register({ instance: 'two' })
  t.equal(acceptor.app.reverseInvoke.size, 2)
})

t.test('the pool is as large as the smaller of the two sides wants it', async t => {
  for (const [own, asked, expected] of [[2, null, 2], [2, 1, 1], [2, 9, 2], [2, 0, 0]] as const) {
    const acceptor = await buildAcceptor(t, { poolSize: own })
    const initiator = await dialControl(t, acceptor)
    await initiator.register({ poolSize: asked })
    t.equal(await ticketsOf({ initiator } as never), expected, `${own}, ${asked}`)
  }
})
