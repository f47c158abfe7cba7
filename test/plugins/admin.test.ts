import t from 'tap'
import Fastify from 'fastify'
import { Counter, Registry } from 'prom-client'
import { admin } from '../../plugins/admin.ts'

t.test('tells operators whether the gateway lives, is ready, and what it counts', async t => {
  const registry = new Registry()
  new Counter({ name: 'things_total', help: 'Things.', registers: [registry] }).inc(3)
  const state = { ready: false, reasons: ['the gateway is starting'] }
  const app = Fastify()
  await app.register(admin, { registry, ready: () => state })

  const live = await app.inject('/live')
  t.match(live, { statusCode: 200, headers: { 'cache-control': 'no-store', 'content-type': /application\/json/ } })
  t.strictSame(live.json(), { status: 'live' })

  const starting = await app.inject('/ready')
  t.match(starting, { statusCode: 503, headers: { 'cache-control': 'no-store' } })
  t.strictSame(starting.json(), { status: 'not ready', reasons: ['the gateway is starting'] })

  Object.assign(state, { ready: true, reasons: [] })
  const ready = await app.inject('/ready')
  t.equal(ready.statusCode, 200)
  t.strictSame(ready.json(), { status: 'ready', reasons: [] })

  const metrics = await app.inject('/metrics')
  t.match(metrics, { statusCode: 200, headers: { 'cache-control': 'no-store', 'content-type': /text\/plain; version=/ } })
  t.match(metrics.body, 'things_total 3')
})

t.test('adds its header to its own routes only', async t => {
  const app = Fastify()
  await app.register(admin, { registry: new Registry(), ready: () => ({ ready: true, reasons: [] }), prefix: '/operator' })
  app.get('/', async () => 'x')
  t.equal((await app.inject('/')).headers['cache-control'], undefined)
  t.equal((await app.inject('/operator/live')).statusCode, 200)
})
