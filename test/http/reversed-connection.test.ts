import { once } from 'node:events'
import { createServer, Socket, type AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import t from 'tap'
import { arrivalOf, markReversed, reversedConnection } from '../../src/http/reversed-connection.ts'

const listener = { localAddress: '10.0.0.1', localPort: 44300 }

t.test('a client\'s connection has arrived where it is', async t => {
  const server = createServer(socket => socket.end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new Socket().connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => { client.destroy(); server.close() })
  const [socket] = await once(server, 'connection') as [Socket]
  t.equal(reversedConnection(socket), null)
  t.strictSame(arrivalOf(socket), { localAddress: '127.0.0.1', localPort: (server.address() as AddressInfo).port })
})

t.test('a reversed connection has arrived at the listener it was marked with', async t => {
  const socket = new Socket()
  markReversed(socket, listener)
  t.equal(reversedConnection(socket), listener)
  t.equal(arrivalOf(socket), listener)
})

t.test('TLS inside a reversed connection has arrived there too, but is not reversed itself', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = new Socket().on('error', () => {}).connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  const { localAddress, localPort } = socket
  const inner = new TLSSocket(socket, { isServer: true }).on('error', () => {})
  t.teardown(() => { inner.destroy(); server.close() })
  t.strictSame(arrivalOf(inner), { localAddress, localPort })
  markReversed(socket, listener)
  t.equal(arrivalOf(inner), listener)
  t.equal(reversedConnection(inner), null)
})
