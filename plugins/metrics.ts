/**
 * Counts requests, their duration and open connections of one listener. Cheap: nothing is looked up per request but the status class.
 */
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import Type, { type Static } from 'typebox'
import { onceEnded } from '../src/http/exchange-end.ts'
import { checkOptions } from '../src/options.ts'

/** Options of the plugin `metrics` that are JSON. */
export const MetricsOptionsSchema = Type.Object({
  listener: Type.String({ description: 'Name of the listener, the label of its numbers.', minLength: 1, examples: ['icm/server_port_0'] })
}, { additionalProperties: false })

/** Options of the plugin `metrics`. */
export type MetricsOptions = Static<typeof MetricsOptionsSchema> & {
  /** May be shared by listeners. */
  readonly registry: Registry
}

const classes = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'] as const

const plugin: FastifyPluginAsync<MetricsOptions> = async (fastify, { registry, ...json }) => {
  const { listener } = checkOptions('metrics', MetricsOptionsSchema, json)
  const { requests, duration, connections } = instruments(registry)
  const byClass = classes.map(statusClass => requests.labels({ listener, class: statusClass }))
  const seconds = duration.labels({ listener })
  const open = connections.labels({ listener })
  open.set(0)

  fastify.server.on('connection', socket => {
    open.inc()
    socket.once('close', () => { open.dec() })
  })
  fastify.addHook('onRequest', (request, { raw }, done) => {
    const start = performance.now()
    onceEnded(request.raw, raw, () => {
      byClass[raw.headersSent || raw.statusCode === 101 ? Math.min(5, Math.floor(raw.statusCode / 100)) : 0]?.inc()
      seconds.observe((performance.now() - start) / 1000)
    })
    done()
  })
}

interface Instruments {
  readonly requests: Counter<'listener' | 'class'>
  readonly duration: Histogram<'listener'>
  readonly connections: Gauge<'listener'>
}

/** Listeners that share a registry share its metrics and differ by label. */
const instrumentsOf = new WeakMap<Registry, Instruments>()

function instruments (registry: Registry): Instruments {
  let made = instrumentsOf.get(registry)
  if (made === undefined) {
    const registers = [registry]
    made = {
      requests: new Counter({ name: 'postern_requests_total', help: 'Requests by class of the status; none: the client left before an answer.', labelNames: ['listener', 'class'], registers }),
      duration: new Histogram({ name: 'postern_request_duration_seconds', help: 'Time from the head of a request to the end of its answer.', labelNames: ['listener'], registers, buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60] }),
      connections: new Gauge({ name: 'postern_open_connections', help: 'Open client connections.', labelNames: ['listener'], registers })
    }
    instrumentsOf.set(registry, made)
  }
  return made
}

/**
 * A counter of failures of back-end servers by cause. Hand the result over as `onFailure` of the `DispatchTable`.
 */
export function countUpstreamFailures (registry: Registry): (failure: { readonly system: string, readonly reason: string }) => void {
  const failures = new Counter({ name: 'postern_upstream_failures_total', help: 'Failures of back-end servers by system and cause.', labelNames: ['system', 'cause'], registers: [registry] })
  return ({ system, reason }) => { failures.labels({ system, cause: /^[\w -]{1,40}$/.test(reason) ? reason : 'other' }).inc() }
}

/** The counting plugin. */
export const metrics = fp(plugin, { name: 'postern/metrics', fastify: '5.x' })
export default metrics
