import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { ReverseInvokeAcceptorOptions } from '../../plugins/reverse-invoke-acceptor.ts'
import { manualClock } from '../helpers/manual-clock.ts'
import { buildAcceptor, dialControl, dialData, gone } from '../helpers/reverse-invoke-peer.ts'

const code = (name: string) => `POSTERN_ERR_REVERSE_INVOKE_${name}`
const endpoint = { host: 'app.inner', port: 443 }

/** A registration with one used and one idle connection. */
async function build (t: Test, options: ReverseInvokeAcceptorOptions = {}) {
  const acceptor = await buildAcceptor(t, { poolSize: 1, ...options })
  const initiator = await dialControl(t, acceptor)
  await initiator.register()
  const [provider] = acceptor.app.reverseInvoke.providersOf(endpoint)
  const states: string[] = []
  provider!.onChange(state => { states.push(state) })
  const busy = await dialData(t, acceptor, await initiator.ticket())
  const taken = await provider!.take()
  const idle = await dialData(t, acceptor, await initiator.ticket())
  return { ...acceptor, initiator, provider: provider!, busy, taken, idle, states }
}

t.test('an initiator that drains gets nothing new, ends what runs, and is told when nothing is left', async t => {
  const { app, initiator, provider, busy, taken, idle, states, log, counted } = await build(t)
  initiator.send({ type: 'draining' })
  await gone(idle.socket)
  t.equal(provider.state, 'draining')
  t.same(app.reverseInvoke.providersOf(endpoint), [])
  t.equal(await counted('postern_reverse_invoke_registrations_draining'), 1)
  await t.rejects(provider.take(), { code: code('GONE') })
  busy.socket.write('the end of an answer')
  t.equal(String((await once(taken, 'data'))[0]), 'the end of an answer')
  t.equal(initiator.messages.some(({ type }) => type === 'bye'), false)
  taken.destroy()
  await initiator.next('bye')
  t.same(await initiator.closed(), { code: 1000, reason: 'bye' })
  t.same(states, ['draining', 'gone'])
  t.match(await log.line('registration ended'), { reason: 'bye', level: 30 })
  t.equal(await counted('postern_reverse_invoke_ended_total', { reason: 'bye' }), 1)
})

t.test('who waits when the initiator begins to drain is sent elsewhere', async t => {
  const { initiator, provider, idle } = await build(t)
  ;(await provider.take()).on('error', () => {})
  const waiting = t.rejects(provider.take(), { code: code('GONE') })
  initiator.send({ type: 'draining' })
  await waiting
  t.notOk(idle.socket.destroyed, 'a connection that was handed out stays')
})

t.test('an acceptor that leaves announces it, goes on, and then lets end what runs', async t => {
  const { app, port, initiator, provider, busy, taken, idle } = await build(t)
  app.reverseInvoke.announceLeaving()
  await initiator.next('draining')
  t.equal(provider.state, 'serving')
  const second = await provider.take()
  t.ok(second, 'in the first step requests are still sent')
  const late = await dialControl(t, { port })
  late.send({ type: 'register', version: 1, instance: 'late', endpoints: ['app.inner:443'], poolSize: 1 })
  t.match(await late.next('error'), { code: code('DRAINING') })
  const closed = app.close()
  busy.socket.write('an answer')
  t.equal(String((await once(taken, 'data'))[0]), 'an answer')
  t.equal(provider.state, 'draining')
  taken.destroy()
  second.destroy()
  await gone(idle.socket)
  await initiator.next('bye')
  await closed
  t.equal(initiator.messages.filter(({ type }) => type === 'draining').length, 1)
})

t.test('a drain is bounded', async t => {
  const { app, initiator, busy, states, log } = await build(t, { drainTimeoutMs: 20 })
  await app.close()
  await Promise.all([initiator.closed(), gone(busy.socket)])
  t.same(states, ['draining', 'gone'])
  t.match(await log.line('registration ended'), { reason: 'aborted' })
})

t.test('closing leaves no timer behind, whatever was open', async t => {
  const clock = manualClock()
  const { app, port, initiator } = await build(t, { clock, drainTimeoutMs: 0 })
  const unregistered = await dialControl(t, { port })
  await app.close()
  await Promise.all([initiator.closed(), unregistered.closed()])
  t.equal(clock.pending, 0)
})

t.test('an idle connection that was lost is replaced a moment later, and once', async t => {
  const clock = manualClock()
  const { initiator, provider, idle, log } = await build(t, { clock, heartbeatMs: 3_600_000 })
  idle.socket.destroy()
  t.match(await log.line('idle data connection lost'), { endpoint: 'app.inner:443' })
  const wants = () => initiator.messages.filter(({ type }) => type === 'want').length
  t.equal(wants(), 2)
  clock.advance(1000)
  t.ok(await initiator.ticket())
  t.equal(wants(), 3)
  t.equal(provider.state, 'serving')
})

t.test('two initiators serve one endpoint, and one that ends leaves the other', async t => {
  const acceptor = await buildAcceptor(t)
  const [one, two] = [await dialControl(t, acceptor), await dialControl(t, acceptor)]
  await one.register({ instance: 'one', endpoints: ['app.inner:443', 'other.inner:1'] })
  await two.register({ instance: 'two' })
  t.same(acceptor.app.reverseInvoke.providersOf(endpoint).map(({ name }) => name), ['127.0.0.1 (one)', '127.0.0.1 (two)'])
  one.send({ type: 'bye' })
  await one.closed()
  t.same(acceptor.app.reverseInvoke.providersOf(endpoint).map(({ name }) => name), ['127.0.0.1 (two)'])
  t.same(acceptor.app.reverseInvoke.providersOf({ host: 'other.inner', port: 1 }), [])
  t.match(acceptor.app.reverseInvoke.snapshot(), [{ name: '127.0.0.1 (two)', instance: 'two', remoteAddress: '127.0.0.1', state: 'serving', endpoints: [{ endpoint: 'app.inner:443', busy: 0, waiting: 0 }] }])
})
