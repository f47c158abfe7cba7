import { Dispatcher } from 'undici'
import type { ExchangeHandler, ExchangeOptions } from './exchange.ts'
import type { Pools, Sender } from './sender.ts'
import type { UpstreamServer } from './server.ts'

/**
 * Sends to a server by the pool that it has at the time of each request: for who asks for a dispatcher once and keeps it, while the
 * identity of the server may be replaced. The pools belong to somebody else, who closes them.
 */
export class FollowingSender extends Dispatcher implements Sender {
  readonly #pools: Pools
  readonly #server: UpstreamServer

  constructor (pools: Pools, server: UpstreamServer) {
    super()
    this.#pools = pools
    this.#server = server
  }

  override dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#pools.dispatcherFor(this.#server).dispatch(options, handler)
  }

  send (options: ExchangeOptions, handler: ExchangeHandler): void {
    this.#pools.dispatcherFor(this.#server).send(options, handler)
  }
}
