import t from 'tap'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { Registry } from 'prom-client'
import { countUpstreamFailures, metrics, type MetricsOptions } from '../../plugins/metrics.ts'
import { buildRawClient } from '../helpers/raw-client.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`

t.test('counts requests by class, their time, and open connections, per listener', async t => {
  const registry = new Registry()
  const listeners = await Promise.all(['icm/server_port_0', 'icm/server_port_1'].map(async listener => {
    const app = Fastify()
    t.teardown(async () => { await app.close() })
    await app.register(metrics, { registry, listener })
    app.get('/', async () => 'x')
    app.get('/hijacked', (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(502).end()
    })
    app.get('/never', (_request, reply) => { reply.hijack() })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return { app, port: (app.server.address() as AddressInfo).port }
  }))
  const [one, two] = listeners as [typeof listeners[0], typeof listeners[0]]
  for (const target of ['/', '/', '/none', '/hijacked']) await rawExchange(t, one, get(target))
  const client = await buildRawClient(t, two.port)
  client.send(get('/never'))
  const [request] = await once(two.app.server, 'request')
  t.match(await registry.metrics(), 'postern_open_connections{listener="icm/server_port_1"} 1')
  const closed = once(request.socket, 'close')
  client.socket.destroy()
  await closed
  const text = await registry.metrics()
  for (const line of [
    'postern_requests_total{listener="icm/server_port_0",class="2xx"} 2', 'postern_requests_total{listener="icm/server_port_0",class="4xx"} 1',
    'postern_requests_total{listener="icm/server_port_0",class="5xx"} 1', 'postern_requests_total{listener="icm/server_port_1",class="none"} 1',
    'postern_request_duration_seconds_count{listener="icm/server_port_0"} 4', 'postern_open_connections{listener="icm/server_port_1"} 0'
  ]) t.match(text, line)
})

t.test('counts failures of servers by cause, with a bounded set of words', async t => {
  const registry = new Registry()
  const count = countUpstreamFailures(registry)
  count({ system: 'wdisp/system_0', reason: 'connect timeout' })
  count({ system: 'wdisp/system_0', reason: 'connect timeout' })
  count({ system: 'wdisp/system_0', reason: 'something with "an address" in it' })
  const text = await registry.metrics()
  t.match(text, 'postern_upstream_failures_total{system="wdisp/system_0",cause="connect timeout"} 2')
  t.match(text, 'postern_upstream_failures_total{system="wdisp/system_0",cause="other"} 1')
})

t.test('checks its options', async t => {
  for (const wrong of [{}, { listener: '' }, { listener: 'a', more: 1 }]) {
    await t.rejects(async () => { await Fastify().register(metrics, { registry: new Registry(), ...wrong } as MetricsOptions) }, { code: 'POSTERN_ERR_OPTIONS_INVALID' })
  }
})
