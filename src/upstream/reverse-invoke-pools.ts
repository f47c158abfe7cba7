import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Identity } from '../pse/identity.ts'
import type { Provider, ProviderSource } from '../reverse-invoke/provider.ts'
import type { RevocationCheck } from '../revocation/revocation-lists.ts'
import { PerServer } from './per-server.ts'
import type { UpstreamPool } from './pool.ts'
import type { UpstreamPoolsOptions } from './pools.ts'
import { ProviderLink } from './reverse-invoke-link.ts'
import { ReverseInvokeSender } from './reverse-invoke-sender.ts'
import type { Pools } from './sender.ts'
import type { UpstreamServer } from './server.ts'

/** Bounds and times as for servers that are dialled, each for one provider; and where the connections come from. */
export interface ReverseInvokePoolsOptions extends Omit<UpstreamPoolsOptions, 'connector'> {
  readonly source: ProviderSource
  /** Judges the certificates of servers with TLS, on resumed sessions too. Default `null`: none is judged. */
  readonly revocation?: RevocationCheck | null
}

/**
 * The connections of a gateway that opens none (`wdisp/reverse_invoke`): every one of them was opened by an initiator that has registered
 * the server's address. Per provider and server there is one pool.
 */
export class ReverseInvokePools implements Pools {
  readonly #options: ReverseInvokePoolsOptions
  readonly #senders = new PerServer(server => this.#senderFor(server))
  readonly #links = new Map<Provider, ProviderLink>()
  #stopped = false

  constructor (options: ReverseInvokePoolsOptions) {
    this.#options = options
  }

  /** The sender of a server, made on first use. A request for a server that nobody serves fails at once, with REVERSE_INVOKE_NOT_REGISTERED (503). */
  dispatcherFor (server: UpstreamServer): ReverseInvokeSender {
    return this.#senders.of(server)
  }

  /** Opens a byte stream to a server: the `connect` of the router (PROT=ROUTER). See {@link ReverseInvokeSender.connectStream}. */
  async connectStream (server: UpstreamServer, signal: AbortSignal): Promise<Socket> {
    return await this.dispatcherFor(server).connectStream(signal)
  }

  #senderFor (server: UpstreamServer): ReverseInvokeSender {
    const { source, ...pools } = this.#options
    const endpoint = { host: server.host.toLowerCase(), port: server.port }
    return new ReverseInvokeSender({
      server,
      pools: { ...pools, connectTimeoutMs: pools.connectTimeoutMs ?? 5000, revocation: pools.revocation ?? null },
      links: () => source.providersOf(endpoint).map(provider => this.#linkTo(provider))
    })
  }

  #linkTo (provider: Provider): ProviderLink {
    let link = this.#links.get(provider)
    if (link === undefined) {
      link = new ProviderLink(provider, { stopped: this.#stopped, onGone: () => { this.#links.delete(provider) } })
      this.#links.set(provider, link)
    }
    return link
  }

  /** Nothing to do: no name was resolved for any of these connections. */
  refresh (): void {}

  retireIdentity (identity: Identity): void {
    for (const sender of this.#senders.forget(identity)) {
      for (const link of this.#links.values()) link.poolOf(sender)?.retire()
    }
  }

  endThose (predicate: (socket: Duplex) => boolean): void {
    for (const pool of this.#active()) pool.endThose(predicate)
  }

  endTunnels (): void {
    for (const pool of this.#active()) pool.endTunnels()
  }

  async close (): Promise<void> {
    this.#stop()
    await Promise.all(this.#active().map(async pool => { await pool.close() }))
  }

  destroy (): void {
    this.#stop()
    for (const pool of this.#active()) pool.destroy(null, () => {})
  }

  #stop (): void {
    this.#stopped = true
    for (const link of this.#links.values()) link.registry.stopped = true
  }

  #active (): Array<UpstreamPool> {
    return [...this.#links.values()].flatMap(({ registry }) => [...registry.active])
  }
}
