import { errors } from '../errors.ts'
import type { PoolExchange } from './exchange.ts'

/** Bounds of the line. */
export interface WaitingLimits {
  readonly maxWaiting: number
  /** How long a request waits, in milliseconds. */
  readonly waitTimeoutMs: number
}

/** The requests that wait for a free connection of a pool, in the order in which they came. */
export class WaitingLine {
  readonly #limits: WaitingLimits
  readonly #exchanges = new Set<PoolExchange>()

  constructor (limits: WaitingLimits) {
    this.#limits = limits
  }

  get size (): number {
    return this.#exchanges.size
  }

  get first (): PoolExchange | undefined {
    const [first] = this.#exchanges
    return first
  }

  /**
   * @param coming connections on their way: as many requests do not count as waiting
   * @returns false when the line is full: the exchange has failed
   */
  add (exchange: PoolExchange, coming: number): boolean {
    const { maxWaiting, waitTimeoutMs } = this.#limits
    if (this.#exchanges.size - coming >= maxWaiting) {
      exchange.fail(new errors.UPSTREAM_BUSY())
      return false
    }
    this.#exchanges.add(exchange)
    exchange.timer = setTimeout(() => {
      this.#exchanges.delete(exchange)
      exchange.fail(new errors.UPSTREAM_BUSY())
    }, waitTimeoutMs)
    return true
  }

  /** @returns false when it does not wait any more */
  remove (exchange: PoolExchange): boolean {
    clearTimeout(exchange.timer)
    return this.#exchanges.delete(exchange)
  }

  /** Takes out the next request that still wants an answer. */
  next (): PoolExchange | undefined {
    for (const exchange of this.#exchanges) {
      this.remove(exchange)
      if (exchange.handler.cancelled !== true) return exchange
      exchange.fail(new errors.FORWARD_CLIENT_GONE())
    }
    return undefined
  }
}
