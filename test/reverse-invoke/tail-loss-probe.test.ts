import { EventEmitter, once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { allowProbes, probeOf, TailLossProbe } from '../../src/reverse-invoke/tail-loss-probe.ts'
import { manualClock } from '../helpers/manual-clock.ts'

/** A connection that only counts, and time that stands still. */
function setUp () {
  const clock = manualClock()
  const written: string[] = []
  const connection = Object.assign(new EventEmitter(), { free: true, bytesRead: 0, writable: true, writableLength: 0, write: (chunk: Buffer) => written.push(String(chunk)) })
  const probe = new TailLossProbe(connection as unknown as Socket, () => connection.free, clock.after)
  return { connection, probe, written, pass: clock.advance }
}

t.test('two empty lines behind a message that nothing is answered to, and no more', async t => {
  const { probe, written, pass } = setUp()
  pass(1000)
  t.same(written, [], 'nothing before a message')
  probe.spoken()
  pass(1)
  t.same(written, [])
  pass(1)
  t.same(written, ['\r\n'])
  pass(19)
  t.same(written, ['\r\n'])
  pass(1)
  t.same(written, ['\r\n', '\r\n'])
  pass(10_000)
  t.equal(written.length, 2)
})

t.test('nothing behind a message that was answered, or when the connection is gone', async t => {
  const rows: Array<[string, (connection: ReturnType<typeof setUp>['connection']) => unknown, number]> = [
    ['an answer', connection => { connection.bytesRead += 17 }, 0],
    ['empty lines of the other side are no answer', connection => { connection.bytesRead += 4 }, 2],
    ['the connection ended', connection => { connection.writable = false }, 0],
    ['no message may begin there now', connection => { connection.free = false }, 0],
    ['the connection was closed', connection => connection.emit('close'), 0],
    ['the message has not left yet: its own end will follow', connection => { connection.writableLength = 1 }, 0]
  ]
  for (const [what, happen, lines] of rows) {
    const { connection, probe, written, pass } = setUp()
    probe.spoken()
    happen(connection)
    pass(2)
    pass(20)
    t.equal(written.length, lines, what)
  }
})

t.test('an answer that came while the process was busy is read first', async t => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connection = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [other] = await once(server, 'connection') as [Socket]
  t.teardown(() => {
    connection.destroy()
    other.destroy()
    server.close()
  })
  const read = once(connection, 'data')
  other.write('HTTP/1.1 200 OK')
  new TailLossProbe(connection).spoken()
  for (const end = performance.now() + 5; performance.now() < end;);
  await read
  await new Promise(setImmediate)
  t.equal(connection.bytesWritten, 0)
})

t.test('another message begins the time anew', async t => {
  const { connection, probe, written, pass } = setUp()
  probe.spoken()
  pass(1)
  connection.bytesRead += 17
  probe.spoken()
  pass(1)
  t.same(written, [])
  pass(1)
  t.same(written, ['\r\n'])
})

t.test('of messages that are answered after about as long each, one in ten is probed, within bounds', async t => {
  const rows: Array<[answerMs: (index: number) => number, least: number, most: number]> = [
    [() => 1, 0, 0],
    [index => 2 + index % 5, 50, 250],
    [() => 100, 2000, 2000]
  ]
  for (const [answerMs, least, most] of rows) {
    const { connection, probe, written, pass } = setUp()
    for (let index = 0; index < 1000; index++) {
      probe.spoken()
      for (let ms = answerMs(index); ms > 0; ms--) pass(1)
      connection.bytesRead += 100
    }
    t.ok(written.length >= least && written.length <= most, `${written.length} of 1000`)
  }
})

t.test('however slow the answers were, it is not put off for long', async t => {
  const { connection, probe, written, pass } = setUp()
  for (let index = 0; index < 100; index++) {
    probe.spoken()
    pass(5000)
    connection.bytesRead += 100
  }
  const before = written.length
  probe.spoken()
  pass(8)
  t.equal(written.length - before, 1)
})

t.test('only where it was allowed', async t => {
  const connection = new EventEmitter() as unknown as Socket
  t.equal(probeOf(connection), null)
  t.equal(allowProbes(connection), connection)
  t.ok(probeOf(connection) instanceof TailLossProbe)
})
