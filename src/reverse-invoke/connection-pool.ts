import type { Socket } from 'node:net'
import { errors } from '../errors.ts'
import type { AcceptorMetrics, EndpointCount } from './acceptor-metrics.ts'
import type { Clock } from './clock.ts'
import { endpointText, type Endpoint } from './endpoint.ts'
import { watchIdle } from './idle-connection.ts'
import type { Provider, ProviderState } from './provider.ts'
import type { TicketOwner } from './tickets.ts'

/** Settings of a pool. */
export interface PoolLimits {
  /** Idle connections that are kept ready. */
  readonly poolSize: number
  /** Callers that may wait. */
  readonly maxWaiting: number
  /** How long a caller waits, in milliseconds. */
  readonly waitTimeoutMs: number
}

/** What a pool needs of its registration. */
export interface PoolOwner {
  readonly name: string
  readonly binding: string
  readonly clock: Clock
  readonly metrics: AcceptorMetrics
  /** Asks the initiator for connections. Returns for how many; fewer where a limit is reached. */
  ask (pool: ConnectionPool, count: number): number
  /** An idle connection has been lost. */
  lost (pool: ConnectionPool, reason: string): void
  /** A data connection was opened. */
  opened (socket: Socket): void
  /** There is room again below the limits. */
  freed (): void
}

interface Waiter {
  readonly since: number
  readonly resolve: (socket: Socket) => void
  readonly reject: (error: Error) => void
  cancelTimer: () => void
}

interface Idle {
  readonly socket: Socket
  readonly stopWatch: () => void
}

/** Connections that were lost unused are asked for again after this time, so that an initiator that drops each one costs little. */
const refillAfterLossMs = 1000

/** The data connections of one registration for one endpoint: what is idle, who waits, how many are on their way. */
export class ConnectionPool implements Provider, TicketOwner {
  readonly endpoint: Endpoint
  readonly #owner: PoolOwner
  readonly #limits: PoolLimits
  readonly #idle: Idle[] = []
  readonly #waiting = new Set<Waiter>()
  readonly #listeners: Array<(state: ProviderState) => void> = []
  #state: ProviderState = 'serving'
  #outstanding = 0
  #busy = 0
  #refillScheduled = false
  #cancelRefill: (() => void) | null = null

  constructor (endpoint: Endpoint, owner: PoolOwner, limits: PoolLimits) {
    this.endpoint = endpoint
    this.#owner = owner
    this.#limits = limits
  }

  get name (): string { return this.#owner.name }
  get binding (): string { return this.#owner.binding }
  get state (): ProviderState { return this.#state }
  /** Tickets that are on their way. */
  get outstanding (): number { return this.#outstanding }
  get waiting (): number { return this.#waiting.size }

  /** Its numbers. */
  count (): EndpointCount {
    return { endpoint: endpointText(this.endpoint), idle: this.#idle.length, busy: this.#busy, waiting: this.#waiting.size }
  }

  onChange (listener: (state: ProviderState) => void): void {
    this.#listeners.push(listener)
  }

  /** @inheritdoc */
  async take (): Promise<Socket> {
    const { metrics, clock } = this.#owner
    if (this.#state !== 'serving') throw new errors.REVERSE_INVOKE_GONE()
    const ready = this.#takeIdle()
    if (ready !== null) {
      metrics.wait.observe(0)
      this.refillSoon()
      return ready
    }
    if (this.#waiting.size >= this.#limits.maxWaiting) {
      metrics.limits.inc({ limit: 'waiting' })
      throw new errors.REVERSE_INVOKE_BUSY()
    }
    return await new Promise((resolve, reject) => {
      const waiter: Waiter = { since: clock.now(), resolve, reject, cancelTimer: () => {} }
      waiter.cancelTimer = clock.after(this.#limits.waitTimeoutMs, () => { this.#giveUp(waiter, new errors.REVERSE_INVOKE_NO_CONNECTION()) })
      this.#waiting.add(waiter)
      this.refillSoon()
    })
  }

  /** The connection that came last: the surest to be alive. */
  #takeIdle (): Socket | null {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      idle.stopWatch()
      if (usable(idle.socket)) return this.#handOut(idle.socket)
      idle.socket.destroy()
    }
    return null
  }

  #handOut (socket: Socket): Socket {
    this.#busy++
    socket.once('close', () => { this.#busy-- })
    return socket
  }

  #giveUp (waiter: Waiter, error: Error): void {
    waiter.cancelTimer()
    this.#waiting.delete(waiter)
    this.#observe(waiter)
    waiter.reject(error)
  }

  #observe ({ since }: Waiter): void {
    this.#owner.metrics.wait.observe((this.#owner.clock.now() - since) / 1000)
  }

  /** Takes a connection that the initiator has opened with a ticket. */
  attach (socket: Socket): void {
    this.#outstanding--
    this.#owner.opened(socket)
    this.#owner.freed()
    const [waiter] = this.#waiting
    if (socket.readableLength > 0) {
      socket.destroy()
      this.#owner.lost(this, 'sent data')
      this.#refillLater()
    } else if (this.#state !== 'serving' || (waiter === undefined && this.#idle.length >= this.#limits.poolSize)) {
      socket.destroy()
    } else if (waiter === undefined) {
      this.#keep(socket)
    } else {
      waiter.cancelTimer()
      this.#waiting.delete(waiter)
      this.#observe(waiter)
      waiter.resolve(this.#handOut(socket))
    }
  }

  #keep (socket: Socket): void {
    const idle: Idle = {
      socket,
      stopWatch: watchIdle(socket, reason => {
        this.#idle.splice(this.#idle.indexOf(idle), 1)
        socket.destroy()
        this.#owner.lost(this, reason)
        this.#refillLater()
      })
    }
    this.#idle.push(idle)
  }

  /** A ticket was not used in time. */
  expired (): void {
    this.#outstanding--
    this.#owner.freed()
    this.refillSoon()
  }

  /** Asks for what is missing. Callers of one moment make one message. */
  refillSoon (): void {
    if (this.#refillScheduled) return
    this.#refillScheduled = true
    setImmediate(() => {
      this.#refillScheduled = false
      this.refill()
    })
  }

  #refillLater (): void {
    if (this.#waiting.size > 0) this.refillSoon()
    else this.#cancelRefill ??= this.#owner.clock.after(refillAfterLossMs, () => { this.#cancelRefill = null; this.refill() })
  }

  /** Asks for what is missing now. */
  refill (): void {
    if (this.#state !== 'serving') return
    const missing = this.#waiting.size + this.#limits.poolSize - this.#idle.length - this.#outstanding
    if (missing > 0) this.#outstanding += this.#owner.ask(this, missing)
  }

  /** Leaves `serving` for good: who waits is refused, what is idle is closed. */
  leave (state: 'draining' | 'gone'): void {
    if (this.#state === 'gone' || this.#state === state) return
    this.#state = state
    this.#outstanding = 0
    this.#cancelRefill?.()
    for (const waiter of [...this.#waiting]) this.#giveUp(waiter, new errors.REVERSE_INVOKE_GONE())
    for (const { socket, stopWatch } of this.#idle.splice(0)) {
      stopWatch()
      socket.destroy()
    }
    for (const listener of this.#listeners) listener(state)
  }
}

function usable (socket: Socket): boolean {
  return !socket.destroyed && socket.readable && socket.writable && !socket.readableEnded
}
