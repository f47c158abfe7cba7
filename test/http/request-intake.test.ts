import type { IncomingMessage } from 'node:http'
import { mock } from 'node:test'
import { Readable } from 'node:stream'
import { EventEmitter, once } from 'node:events'
import t, { type Test } from 'tap'
import { watchIntake } from '../../src/http/request-intake.ts'

const silenceMs = 1000

/** A body that a test feeds, with the clock in its hand. */
function build (t: Test, limits: { silenceMs: number | null, maxBytes: number | null } = { silenceMs, maxBytes: null }) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => { mock.timers.reset() })
  const socket = new EventEmitter()
  const body = Object.assign(new Readable({ read () {} }), { socket })
  const faults: Array<string | undefined> = []
  watchIntake(body as unknown as IncomingMessage, limits, error => { faults.push((error as NodeJS.ErrnoException).code) })
  const feed = async (text: string | null): Promise<void> => {
    const arrived = text === null ? once(body, 'end') : once(body, 'data')
    body.push(text)
    await arrived
  }
  const read = async (): Promise<void> => {
    const flowing = once(body, 'resume')
    body.on('data', () => {})
    await flowing
  }
  return { body, socket, faults, feed, read, pass: (ms: number) => { mock.timers.tick(ms) } }
}

t.test('time runs from the first read on, and each part starts it anew', async t => {
  const { faults, feed, read, pass } = build(t)
  pass(silenceMs * 5)
  await read()
  for (let part = 0; part < 4; part++) {
    pass(silenceMs - 1)
    await feed('part')
  }
  t.strictSame(faults, [])
  pass(silenceMs)
  t.strictSame(faults, ['POSTERN_ERR_HTTP_REQUEST_TIMEOUT'])
  pass(silenceMs * 5)
  t.equal(faults.length, 1, 'once')
})

t.test('it stands still while the reader holds the body back', async t => {
  const { body, faults, read, feed, pass } = build(t)
  await read()
  body.once('data', () => { body.pause() })
  await feed('part')
  pass(silenceMs * 5)
  t.strictSame(faults, [])
  body.resume()
  await once(body, 'resume')
  pass(silenceMs - 1)
  t.strictSame(faults, [])
  pass(1)
  t.strictSame(faults, ['POSTERN_ERR_HTTP_REQUEST_TIMEOUT'])
})

t.test('it ends with the body', async t => {
  for (const end of ['end', 'close'] as const) {
    const { body, faults, read, feed, pass } = build(t)
    await read()
    if (end === 'end') await feed(null)
    else {
      body.destroy()
      await once(body, 'close')
    }
    pass(silenceMs * 5)
    t.strictSame(faults, [], end)
    t.equal(body.listenerCount('pause') + body.listenerCount('resume'), 0)
    mock.timers.reset()
  }
})

t.test('it ends with the connection, which is the only event of a request that was answered before its end', async t => {
  const { body, socket, faults, read, pass } = build(t)
  await read()
  socket.emit('close')
  pass(silenceMs * 5)
  t.strictSame(faults, [])
  t.equal(body.listenerCount('data'), 1, 'the reader\'s own')
})

t.test('nothing of it stays at a connection that goes on', async t => {
  const { socket, read, feed } = build(t)
  await read()
  t.equal(socket.listenerCount('close'), 1)
  await feed(null)
  t.equal(socket.listenerCount('close'), 0)
})

t.test('bytes are counted, with and without a limit of time', async t => {
  for (const limit of [silenceMs, null]) {
    const { faults, read, feed, pass } = build(t, { silenceMs: limit, maxBytes: 8 })
    await read()
    await feed('12345678')
    t.strictSame(faults, [])
    await feed('9')
    t.strictSame(faults, ['POSTERN_ERR_FORWARD_BODY_TOO_LARGE'])
    await feed('10')
    pass(silenceMs * 5)
    t.equal(faults.length, 1)
    mock.timers.reset()
  }
})

t.test('without limits nothing happens', async t => {
  const { faults, read, feed, pass } = build(t, { silenceMs: null, maxBytes: null })
  await read()
  await feed('x'.repeat(1000))
  pass(1e9)
  t.strictSame(faults, [])
})
