import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { UnregisteredConnections } from '../../src/reverse-invoke/unregistered-connections.ts'
import { manualClock } from '../helpers/manual-clock.ts'

/** A port whose connections are bounded, and connections to it from any address of the loopback network. */
async function build (t: Test, max: number) {
  const clock = manualClock()
  const refused: string[] = []
  const connections = new UnregisteredConnections({ max, timeoutMs: 1000, clock, onRefused: (address, reason) => { refused.push(`${String(address)} ${reason}`) } })
  const server = net.createServer(socket => {
    socket.on('error', () => {})
    connections.add(socket)
    if (!socket.destroyed) socket.write('in')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { connections.close(); server.close() })
  const dial = async (localAddress: string): Promise<{ socket: Socket, isIn: boolean }> => {
    const socket = net.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', localAddress })
    socket.on('error', () => {})
    t.teardown(() => { socket.destroy() })
    const isIn = await Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)])
    return { socket, isIn }
  }
  return { clock, connections, refused, dial }
}

t.test('one host cannot keep the others out', async t => {
  const { clock, connections, refused, dial } = await build(t, 4)
  const greedy = []
  for (let count = 0; count < 4; count++) greedy.push(await dial('127.0.0.2'))
  t.equal((await dial('127.0.0.2')).isIn, false, 'its own further ones are refused')
  const evicted = once(greedy[0]!.socket, 'close')
  t.equal((await dial('127.0.0.3')).isIn, true)
  await evicted
  t.equal((await dial('127.0.0.2')).isIn, false)
  t.equal((await dial('127.0.0.3')).isIn, true)
  t.equal(connections.size, 4)
  t.equal((await dial('127.0.0.3')).isIn, false, 'two and two: nobody has more than the newcomer')
  const last = await dial('127.0.0.4')
  t.equal(last.isIn, true, 'who has none gets in')
  t.same(refused, ['127.0.0.2 limit', '127.0.0.2 limit', '127.0.0.2 limit', '127.0.0.2 limit', '127.0.0.3 limit', '127.0.0.2 limit'])
  const closed = once(last.socket, 'close')
  clock.advance(1000)
  await closed
  t.equal(connections.size, 0)
  t.equal(clock.pending, 0, 'no timer is left of those that made room')
  t.equal((await dial('127.0.0.2')).isIn, true)
})

t.test('what has become something does not count', async t => {
  const { clock, connections, dial } = await build(t, 1)
  const { socket } = await dial('127.0.0.2')
  const { localAddress: remoteAddress, localPort: remotePort } = socket
  connections.established({ remoteAddress, remotePort })
  t.equal((await dial('127.0.0.2')).isIn, true)
  clock.advance(1000)
  t.equal(socket.destroyed, false)
})
