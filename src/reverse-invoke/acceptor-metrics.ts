/** Numbers of the acceptor's side for `/metrics`. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** A registered endpoint, as it is counted. */
export interface EndpointCount {
  readonly endpoint: string
  readonly idle: number
  readonly busy: number
  readonly waiting: number
}

/** What the gauges read when somebody asks. */
export interface CountedRegistrations {
  snapshot (): readonly { readonly state: 'serving' | 'draining', readonly endpoints: readonly EndpointCount[] }[]
}

/** A limit of the acceptor, as its counter and its log lines call it. */
export type Limit = 'registrations' | 'endpoints' | 'message size' | 'message rate' | 'tickets' | 'waiting' | 'connections' | 'unregistered'

/** The numbers of all acceptors that share a registry. */
export interface AcceptorMetrics {
  /** Registrations that were taken. */
  readonly registered: Counter
  /** By error code without its prefix, lower case. */
  readonly refused: Counter<'reason'>
  readonly ended: Counter<'reason'>
  readonly replaced: Counter
  readonly ticketsRefused: Counter<'reason'>
  readonly limits: Counter<'limit'>
  /** Seconds that callers waited for a data connection. */
  readonly wait: Histogram
  /** Tables that the gauges count. */
  readonly tables: Set<CountedRegistrations>
}

const metricsOf = new WeakMap<Registry, AcceptorMetrics>()

/** Makes the numbers, or returns those that another acceptor made in this registry. */
export function acceptorMetrics (registry: Registry): AcceptorMetrics {
  let metrics = metricsOf.get(registry)
  if (metrics === undefined) {
    metrics = create(registry)
    metricsOf.set(registry, metrics)
  }
  return metrics
}

function create (registry: Registry): AcceptorMetrics {
  const registers = [registry]
  const tables = new Set<CountedRegistrations>()
  createGauges(registry, tables)
  return {
    tables,
    registered: new Counter({ name: 'postern_reverse_invoke_registered_total', help: 'Registrations of initiators that were taken.', registers }),
    refused: new Counter({ name: 'postern_reverse_invoke_refused_total', help: 'Refused registrations and connections by reason.', labelNames: ['reason'], registers }),
    ended: new Counter({ name: 'postern_reverse_invoke_ended_total', help: 'Registrations that ended, by reason.', labelNames: ['reason'], registers }),
    replaced: new Counter({ name: 'postern_reverse_invoke_replaced_total', help: 'Registrations that a newer one of the same instance replaced.', registers }),
    ticketsRefused: new Counter({ name: 'postern_reverse_invoke_tickets_refused_total', help: 'Data connections refused because of their ticket, by reason.', labelNames: ['reason'], registers }),
    limits: new Counter({ name: 'postern_reverse_invoke_limit_reached_total', help: 'How often a limit refused or held back something.', labelNames: ['limit'], registers }),
    wait: new Histogram({ name: 'postern_reverse_invoke_wait_seconds', help: 'Time from asking for a data connection to having one or giving up.', registers, buckets: [0.0005, 0.002, 0.01, 0.05, 0.2, 0.5, 1, 2, 5] })
  }
}

function createGauges (registry: Registry, tables: ReadonlySet<CountedRegistrations>): void {
  const registers = [registry]
  const rows = () => [...tables].flatMap(table => table.snapshot())
  const byState = (name: string, help: string, state: 'serving' | 'draining') => new Gauge({
    name,
    help,
    registers,
    collect () { this.set(rows().filter(row => row.state === state).length) }
  })
  byState('postern_reverse_invoke_registrations', 'Registrations that are served.', 'serving')
  byState('postern_reverse_invoke_registrations_draining', 'Registrations that finish what runs.', 'draining')
  const perEndpoint = (name: string, help: string, key: 'idle' | 'busy' | 'waiting') => new Gauge({
    name,
    help,
    labelNames: ['endpoint'],
    registers,
    collect () {
      this.reset()
      for (const row of rows().flatMap(({ endpoints }) => endpoints)) this.inc({ endpoint: row.endpoint }, row[key])
    }
  })
  perEndpoint('postern_reverse_invoke_pool_idle', 'Data connections that wait for use, by endpoint.', 'idle')
  perEndpoint('postern_reverse_invoke_pool_busy', 'Data connections that were handed out, by endpoint.', 'busy')
  perEndpoint('postern_reverse_invoke_pool_waiting', 'Callers that wait for a data connection, by endpoint.', 'waiting')
}
