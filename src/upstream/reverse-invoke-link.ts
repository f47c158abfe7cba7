import { errors } from '../errors.ts'
import type { Provider, ProviderState } from '../reverse-invoke/provider.ts'
import type { PoolRegistry, UpstreamPool } from './pool.ts'

/** What this side has with one provider: its pools, and how much runs there. */
export class ProviderLink {
  readonly provider: Provider
  /** Requests, upgraded connections and streams that are under way. */
  running = 0
  readonly registry: PoolRegistry
  /** By what they were made for. Those without connections are kept in memory by nothing else. */
  readonly #pools = new WeakMap<object, UpstreamPool>()
  readonly #onGone: (link: ProviderLink) => void

  constructor (provider: Provider, { stopped, onGone }: { readonly stopped: boolean, readonly onGone: (link: ProviderLink) => void }) {
    this.provider = provider
    this.registry = { active: new Set(), stopped }
    this.#onGone = onGone
    provider.onChange(state => { this.#changed(state) })
  }

  /** The pool that was made for `user`, or is made now. */
  poolFor (user: object, make: (link: ProviderLink) => UpstreamPool): UpstreamPool {
    let pool = this.#pools.get(user)
    if (pool === undefined) this.#pools.set(user, pool = make(this))
    return pool
  }

  /** The pool that was made for `user` before. */
  poolOf (user: object): UpstreamPool | undefined {
    return this.#pools.get(user)
  }

  #changed (state: ProviderState): void {
    if (state === 'draining') this.#drain()
    else if (state === 'gone') this.#break()
  }

  /** What runs may end; who waits looks for another provider. */
  #drain (): void {
    for (const pool of [...this.registry.active]) {
      pool.close(() => {})
      pool.failWaiting(new errors.REVERSE_INVOKE_GONE())
    }
  }

  #break (): void {
    this.#onGone(this)
    // as if the other side had closed them: requests that may be sent twice go to another provider
    for (const pool of [...this.registry.active]) pool.destroy(new errors.UPSTREAM_CLOSED(), () => {})
  }
}
