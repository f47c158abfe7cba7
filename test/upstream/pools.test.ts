import t from 'tap'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { UpstreamPools } from '../../src/upstream/pools.ts'
import { serverAt } from '../helpers/forward.ts'
import { buildRawBackend, ok } from '../helpers/raw-backend.ts'

t.test('is a dispatcher for undici\'s own functions', async t => {
  const backend = await buildRawBackend(t)
  const pools = new UpstreamPools()
  t.teardown(() => pools.destroy())
  const pool = pools.dispatcherFor(serverAt(backend.port))
  const { statusCode, body } = await pool.request({ path: '/x', method: 'GET' })
  t.equal(statusCode, 200)
  t.equal(await body.text(), 'ok')
  t.equal(pools.dispatcherFor(serverAt(backend.port)), pool, 'one pool per server')
})

t.test('gives a connection with NTLM and no known client to nobody else', async t => {
  const backend = await buildRawBackend(t)
  const pools = new UpstreamPools()
  t.teardown(() => pools.destroy())
  const pool = pools.dispatcherFor(serverAt(backend.port))
  for (const headers of [{ authorization: 'NTLM x' }, {}]) await (await pool.request({ path: '/', method: 'GET', headers })).body.dump()
  t.strictSame(backend.requests.map(({ connection }) => connection), [0, 1])
})

t.test('closes idle connections on demand', async t => {
  const backend = await buildRawBackend(t)
  const pools = new UpstreamPools()
  t.teardown(() => pools.destroy())
  await (await pools.dispatcherFor(serverAt(backend.port)).request({ path: '/', method: 'GET' })).body.dump()
  pools.refresh()
  await once(backend.sockets[0] as Socket, 'close')
})

t.test('ends in order: running exchanges end, waiting ones are served, new ones are refused', async t => {
  const backend = await buildRawBackend(t, { onRequest: () => {} })
  const pools = new UpstreamPools({ maxConnections: 1 })
  const pool = pools.dispatcherFor(serverAt(backend.port))
  const idle = pools.dispatcherFor({ ...serverAt(backend.port), origin: `http://localhost:${backend.port}` })
  const first = pool.request({ path: '/1', method: 'GET' })
  const second = pool.request({ path: '/2', method: 'GET' })
  await backend.request(0)
  const closed = pools.close()
  await t.rejects(pool.request({ path: '/3', method: 'GET' }), { code: 'POSTERN_ERR_UPSTREAM_STOPPED' })
  await t.rejects(idle.request({ path: '/3', method: 'GET' }), { code: 'POSTERN_ERR_UPSTREAM_STOPPED' })
  backend.sockets[0]?.write(ok)
  t.equal(await (await first).body.text(), 'ok')
  const { socket } = await backend.request(1)
  socket.write(ok)
  t.equal(await (await second).body.text(), 'ok')
  await closed
  await pools.close()
})

t.test('ends at once: running and waiting exchanges fail', async t => {
  const backend = await buildRawBackend(t, { onRequest: () => {} })
  const pools = new UpstreamPools({ maxConnections: 1 })
  const pool = pools.dispatcherFor(serverAt(backend.port))
  const exchanges = Promise.all(['/1', '/2'].map(async path => { await t.rejects(pool.request({ path, method: 'GET' }), { code: 'POSTERN_ERR_UPSTREAM_STOPPED' }) }))
  await backend.request(0)
  pools.destroy()
  await exchanges
  await once(backend.sockets[0] as Socket, 'close')
})

t.test('one pool can be closed and destroyed by itself, as a dispatcher', async t => {
  const backend = await buildRawBackend(t)
  const pool = new UpstreamPools().dispatcherFor(serverAt(backend.port))
  await (await pool.request({ path: '/', method: 'GET' })).body.dump()
  await new Promise<void>(resolve => pool.close(resolve))
  await pool.destroy()
  await new Promise<void>(resolve => pool.destroy(resolve))
  await pool.close()
})

t.test('a second attempt does not meet another stale connection', async t => {
  let stale = false
  const backend = await buildRawBackend(t, { onRequest: ({ socket, connection }) => { if (stale && connection < 2) socket.destroy(); else if (connection >= 2) socket.write(ok) } })
  const pools = new UpstreamPools({ maxConnections: 2 })
  t.teardown(() => pools.destroy())
  const pool = pools.dispatcherFor(serverAt(backend.port))
  const both = [pool.request({ path: '/', method: 'GET' }), pool.request({ path: '/', method: 'GET' })]
  await backend.request(1)
  for (const socket of backend.sockets) socket.write(ok)
  for (const answer of both) await (await answer).body.dump()
  stale = true
  t.equal(await (await pool.request({ path: '/', method: 'GET' })).body.text(), 'ok')
  t.equal(backend.requests.length, 4)
})

t.test('a connection that could not be made is not one for those who wait', async t => {
  const backend = await buildRawBackend(t)
  await backend.stop()
  const pools = new UpstreamPools({ maxConnections: 1 })
  t.teardown(() => pools.destroy())
  const pool = pools.dispatcherFor(serverAt(backend.port))
  await Promise.all(['/1', '/2', '/3'].map(async path => { await t.rejects(pool.request({ path, method: 'GET' }), { code: 'ECONNREFUSED' }) }))
})

t.test('a connection that was lost is not one for those who wait', async t => {
  let lost = 0
  const backend = await buildRawBackend(t, { onRequest: ({ socket, connection }) => { if (connection < 2) { lost++; socket.destroy() } else socket.write(ok) } })
  const pools = new UpstreamPools({ maxConnections: 1 })
  t.teardown(() => pools.destroy())
  const pool = pools.dispatcherFor(serverAt(backend.port))
  const outcomes = await Promise.allSettled([1, 2, 3].map(async number => await (await pool.request({ path: `/${number}`, method: 'POST' })).body.text()))
  t.same(outcomes.map(({ status }) => status), ['rejected', 'rejected', 'fulfilled'])
  t.equal(lost, 2)
})
