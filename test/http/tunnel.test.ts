import t from 'tap'
import { once } from 'node:events'
import { PassThrough, duplexPair, type Duplex } from 'node:stream'
import { splice, watchForEnd } from '../../src/http/tunnel.ts'

function pairs (): [Duplex, Duplex, Duplex, Duplex] {
  const [client, inner] = duplexPair()
  const [outer, server] = duplexPair()
  splice(inner, outer)
  return [client, inner, outer, server]
}

t.test('passes bytes and ends both ways', async t => {
  const [client, , , server] = pairs()
  client.write('to')
  t.equal(String(await once(server, 'data')), 'to')
  server.write('fro')
  t.equal(String(await once(client, 'data')), 'fro')
  const ended = once(client, 'end')
  const late = once(client, 'data')
  client.end()
  server.resume()
  await once(server, 'end')
  server.end('late')
  t.equal(String(await late), 'late')
  await ended
})

t.test('an error destroys the other side', async t => {
  const [, inner, outer] = pairs()
  inner.destroy(new Error('broken'))
  await once(outer, 'close')
  t.ok(outer.destroyed)
})

t.test('closing without an end destroys the other side', async t => {
  const [, inner, outer] = pairs()
  outer.destroy()
  await once(inner, 'close')
  t.ok(inner.destroyed)
})

t.test('a watch takes no bytes, and tells the end once nothing is left', async t => {
  const connection = new PassThrough()
  let gone = 0
  const end = watchForEnd(connection, () => { gone++ })
  connection.write('kept')
  await new Promise(resolve => setImmediate(resolve))
  t.equal(gone, 0)
  end()
  t.equal(String(connection.read()), 'kept')

  const other = new PassThrough()
  const told = new Promise<void>(resolve => { watchForEnd(other, resolve) })
  other.end()
  await told
})
