import type { Socket } from 'node:net'
import type { AcceptorMetrics, EndpointCount } from './acceptor-metrics.ts'
import type { Clock } from './clock.ts'
import { ConnectionPool, type PoolLimits, type PoolOwner } from './connection-pool.ts'
import { endpointText, type Endpoint } from './endpoint.ts'
import { bindingOf, scopeOf, type Peer } from './peer.ts'
import type { MessageFromAcceptor } from './messages.ts'
import type { Tickets } from './tickets.ts'

/** What a registration is made of. */
export interface RegistrationOptions {
  readonly peer: Peer
  readonly instance: string
  readonly endpoints: readonly Endpoint[]
  /** It only looks whether all of it works, and is sent no request. */
  readonly check: boolean
  readonly limits: PoolLimits & { readonly maxTickets: number, readonly maxConnections: number }
  readonly tickets: Tickets<ConnectionPool>
  readonly clock: Clock
  readonly metrics: AcceptorMetrics
  /** Sends a message on the control channel. */
  readonly send: (message: MessageFromAcceptor) => void
  /** An idle connection was lost. */
  readonly onLost: (endpoint: string, reason: string) => void
  /** Nothing runs any more after {@link Registration.drain}. */
  readonly onDrained: () => void
}

/** A registration as the health endpoint shows it. */
export interface RegistrationSnapshot {
  readonly name: string
  readonly instance: string
  readonly remoteAddress: string
  readonly state: 'serving' | 'draining'
  /** Milliseconds since it was taken. */
  readonly ageMs: number
  readonly endpoints: readonly EndpointCount[]
}

const maxTicketsPerMessage = 256

/** One initiator with what it serves here: a pool per endpoint, and all its data connections. */
export class Registration implements PoolOwner {
  readonly name: string
  readonly binding: string
  /** What a newer registration must have too in order to replace this one. */
  readonly key: string
  readonly pools: readonly ConnectionPool[]
  /** Whether requests may be sent to it. */
  readonly serves: boolean
  readonly clock: Clock
  readonly metrics: AcceptorMetrics
  readonly #options: RegistrationOptions
  readonly #connections = new Set<Socket>()
  readonly #since: number
  #state: 'serving' | 'draining' | 'gone' = 'serving'
  /** A limit has granted less than was asked for. */
  #heldBack = false

  constructor (options: RegistrationOptions) {
    const { peer, instance, endpoints, limits } = options
    this.#options = options
    this.serves = !options.check
    this.clock = options.clock
    this.metrics = options.metrics
    this.name = `${peer.certificate?.subject ?? peer.address} (${instance})`
    this.binding = bindingOf(peer)
    this.key = registrationKey(peer, instance)
    this.#since = this.clock.now()
    this.pools = endpoints.map(endpoint => new ConnectionPool(endpoint, this, limits))
  }

  get state (): 'serving' | 'draining' | 'gone' { return this.#state }

  /** Asks for the first idle connections. */
  start (): void {
    for (const pool of this.pools) pool.refill()
  }

  /** @inheritdoc */
  ask (pool: ConnectionPool, count: number): number {
    const { limits, metrics, tickets, send } = this.#options
    const outstanding = this.pools.reduce((sum, one) => sum + one.outstanding, 0)
    const byTickets = limits.maxTickets - outstanding
    const byConnections = limits.maxConnections - this.#connections.size - outstanding
    if (count > byTickets) metrics.limits.inc({ limit: 'tickets' })
    if (count > byConnections) metrics.limits.inc({ limit: 'connections' })
    const granted = Math.max(0, Math.min(count, byTickets, byConnections))
    this.#heldBack ||= granted < count
    const endpoint = endpointText(pool.endpoint)
    for (let left = granted; left > 0; left -= maxTicketsPerMessage) {
      send({ type: 'want', endpoint, tickets: Array.from({ length: Math.min(left, maxTicketsPerMessage) }, () => tickets.issue(pool)) })
    }
    return granted
  }

  /** @inheritdoc */
  lost (pool: ConnectionPool, reason: string): void {
    this.#options.onLost(endpointText(pool.endpoint), reason)
  }

  /** @inheritdoc */
  opened (socket: Socket): void {
    this.#connections.add(socket)
    socket.once('close', () => { this.#closed(socket) })
  }

  #closed (socket: Socket): void {
    this.#connections.delete(socket)
    this.#finishDrain()
    this.freed()
  }

  /** @inheritdoc */
  freed (): void {
    if (!this.#heldBack) return
    this.#heldBack = false
    for (const pool of this.pools) pool.refillSoon()
  }

  /** Takes nothing new; what runs may end, and then `onDrained` is called. */
  drain (): void {
    if (this.#state !== 'serving') return
    this.#leave('draining')
    this.#finishDrain()
  }

  #finishDrain (): void {
    if (this.#state === 'draining' && this.#connections.size === 0) this.#options.onDrained()
  }

  /** Breaks everything. */
  end (): void {
    if (this.#state === 'gone') return
    this.#leave('gone')
    for (const socket of this.#connections) socket.destroy()
  }

  #leave (state: 'draining' | 'gone'): void {
    this.#state = state
    for (const pool of this.pools) {
      this.#options.tickets.revoke(pool)
      pool.leave(state)
    }
  }

  /** For the health endpoint. */
  snapshot (): RegistrationSnapshot {
    const { peer, instance } = this.#options
    return {
      name: this.name,
      instance,
      remoteAddress: peer.address,
      state: this.#state === 'serving' ? 'serving' : 'draining',
      ageMs: Math.round(this.clock.now() - this.#since),
      endpoints: this.pools.map(pool => pool.count())
    }
  }
}

/** The same initiator process with the same certificate has the same key. */
export function registrationKey (peer: Peer, instance: string): string {
  return JSON.stringify([scopeOf(peer), instance])
}
