/** Counters of the initiators of a process. */
import { Counter, Gauge, Registry } from 'prom-client'
import type { Reason } from './failure.ts'

/** What came of an attempt to open a data connection. */
export type DialOutcome = 'opened' | 'abandoned' | 'expired' | 'too-many' | Reason

/** The numbers of one initiator. */
export interface InitiatorMetrics {
  /** A registration was lost, or an attempt to get one failed. */
  reconnect (reason: Reason): void
  dialled (outcome: DialOutcome): void
  /** A request or CONNECT was refused on a data connection. */
  refused (code: string): void
  /** Data connections that are open now. */
  open (connections: number): void
  /** Replicas behind an address that this side is registered with now. */
  registered (address: string, replicas: number): void
}

interface Instruments {
  readonly reconnects: Counter<'client' | 'reason'>
  readonly dials: Counter<'client' | 'outcome'>
  readonly refusals: Counter<'client' | 'code'>
  readonly connections: Gauge<'client'>
  readonly registered: Gauge<'client' | 'acceptor'>
}

/** Initiators that share a registry share its instruments and differ by label. */
const instrumentsOf = new WeakMap<Registry, Instruments>()

/**
 * Counters of an initiator.
 *
 * @param client name of the initiator, the label of its numbers
 */
export function initiatorMetrics (registry: Registry | undefined, client: string): InitiatorMetrics {
  const { reconnects, dials, refusals, connections, registered } = instruments(registry ?? new Registry())
  return {
    reconnect: reason => { reconnects.labels({ client, reason }).inc() },
    dialled: outcome => { dials.labels({ client, outcome }).inc() },
    refused: code => { refusals.labels({ client, code }).inc() },
    open: count => { connections.labels({ client }).set(count) },
    registered: (acceptor, count) => { registered.labels({ client, acceptor }).set(count) }
  }
}

function instruments (registry: Registry): Instruments {
  let made = instrumentsOf.get(registry)
  if (made === undefined) {
    const registers = [registry]
    made = {
      reconnects: new Counter({ name: 'postern_reverse_invoke_reconnects_total', help: 'Registrations that were lost or did not come about, by reason.', labelNames: ['client', 'reason'], registers }),
      dials: new Counter({ name: 'postern_reverse_invoke_dials_total', help: 'Data connections that were asked for, by outcome.', labelNames: ['client', 'outcome'], registers }),
      refusals: new Counter({ name: 'postern_reverse_invoke_requests_refused_total', help: 'Requests refused on data connections, by error code.', labelNames: ['client', 'code'], registers }),
      connections: new Gauge({ name: 'postern_reverse_invoke_data_connections', help: 'Data connections that are open on the side of the initiator.', labelNames: ['client'], registers }),
      registered: new Gauge({ name: 'postern_reverse_invoke_registered', help: 'Replicas behind the address of an acceptor that this side is registered with.', labelNames: ['client', 'acceptor'], registers })
    }
    instrumentsOf.set(registry, made)
  }
  return made
}
