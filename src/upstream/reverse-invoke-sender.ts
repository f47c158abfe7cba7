import type { Socket } from 'node:net'
import type { Dispatcher } from 'undici'
import { errors } from '../errors.ts'
import { endpointText } from '../reverse-invoke/endpoint.ts'
import { EndingDispatcher } from './ending-dispatcher.ts'
import type { ExchangeHandler, ExchangeOptions } from './exchange.ts'
import { isClosed } from './failure.ts'
import { UpstreamPool } from './pool.ts'
import { settingsOf, type UpstreamPoolsOptions } from './pools.ts'
import { takeConnection, takeFrom, type TakeOptions } from './reverse-invoke-connect.ts'
import { ReverseInvokeExchange, type ExchangeRouter } from './reverse-invoke-exchange.ts'
import type { ProviderLink } from './reverse-invoke-link.ts'
import { openStream } from './reverse-invoke-stream.ts'
import type { Sender } from './sender.ts'
import type { UpstreamServer } from './server.ts'

/** What a sender is made of. */
export interface SenderOptions {
  readonly server: UpstreamServer
  readonly pools: UpstreamPoolsOptions & TakeOptions
  /** The providers that serve the server's pseudo address now. */
  readonly links: () => readonly ProviderLink[]
}

/** Sends requests to whoever has registered the address of a server: to the one that has the least to do, among equals in turn. */
export class ReverseInvokeSender extends EndingDispatcher implements Sender, ExchangeRouter {
  readonly #options: SenderOptions
  readonly #makePool = (link: ProviderLink): UpstreamPool => this.#poolOn(link)
  #turn = 0
  #stopped = false

  constructor (options: SenderOptions) {
    super()
    this.#options = options
  }

  /** Sends a request; the answer, or an error of ours, goes to `handler`. The options are copied. */
  override dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.send({ ...options }, handler)
    return true
  }

  send (options: ExchangeOptions, handler: ExchangeHandler): void {
    const links = this.#stopped ? [] : this.#options.links()
    const link = this.#boundTo(options, links) ?? this.choose(nobody, links)
    if (link !== undefined) new ReverseInvokeExchange(this, options, handler).sendTo(link)
    else handler.onResponseError?.(null as never, this.#stopped ? new errors.UPSTREAM_STOPPED() : new errors.REVERSE_INVOKE_NOT_REGISTERED())
  }

  sendTo (link: ProviderLink, options: ExchangeOptions, handler: ExchangeHandler): void {
    link.poolFor(this, this.#makePool).send(options, handler)
  }

  /** NTLM and Negotiate keep a client on the provider that has its connection. */
  #boundTo ({ clientConnection }: ExchangeOptions, links: readonly ProviderLink[]): ProviderLink | undefined {
    if (clientConnection === undefined || links.length < 2) return undefined
    return links.find(link => link.poolOf(this)?.isBound(clientConnection))
  }

  choose (excluded: ReadonlySet<ProviderLink>, links = this.#options.links()): ProviderLink | undefined {
    let best: ProviderLink | undefined
    let next = this.#turn
    for (let step = 0; step < links.length; step++) {
      const index = (this.#turn + step) % links.length
      const link = links[index] as ProviderLink
      if (excluded.has(link) || (best !== undefined && link.running >= best.running)) continue
      best = link
      next = index + 1
    }
    this.#turn = next
    return best
  }

  #poolOn (link: ProviderLink): UpstreamPool {
    const { server, pools } = this.#options
    return new UpstreamPool({
      ...settingsOf(server, pools),
      connect: takeFrom(link.provider, server, pools),
      connectFirst: true,
      // once for the data connection, once for what is done inside; the cause is known after that
      waitTimeoutMs: 2 * pools.connectTimeoutMs,
      registry: link.registry
    })
  }

  /**
   * Opens a byte stream to the server, whatever `tls` says: it is for who speaks TLS himself.
   *
   * @throws POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED, what the provider's `take` throws, REVERSE_INVOKE_STREAM (502), UPSTREAM_CONNECT_TIMEOUT
   * (504), FORWARD_CLIENT_GONE when `signal` fires
   */
  async connectStream (signal: AbortSignal): Promise<Socket> {
    const tried = new Set<ProviderLink>()
    const closedOnce = new Set<ProviderLink>()
    let failure: Error = new errors.REVERSE_INVOKE_NOT_REGISTERED()
    for (let link = this.choose(tried); link !== undefined && !signal.aborted; link = this.choose(tried)) {
      try {
        return await this.#streamOn(link, signal)
      } catch (error) {
        failure = error as Error
        // a connection that was idle may have been closed at the other end
        if (isClosed(failure) && !closedOnce.has(link)) closedOnce.add(link)
        else tried.add(link)
      }
    }
    throw isClosed(failure) ? new errors.REVERSE_INVOKE_GONE({ cause: failure }) : failure
  }

  async #streamOn (link: ProviderLink, signal: AbortSignal): Promise<Socket> {
    link.running++
    try {
      const stream = await orAborted(this.#openStream(link), signal)
      stream.once('close', () => { link.running-- })
      return stream
    } catch (error) {
      link.running--
      throw error
    }
  }

  async #openStream ({ provider }: ProviderLink): Promise<Socket> {
    const connection = await takeConnection(provider)
    const { stream } = await openStream(connection, { authority: endpointText(provider.endpoint), timeoutMs: this.#options.pools.connectTimeoutMs, isClient: false })
    return stream
  }

  #pools (): UpstreamPool[] {
    return this.#options.links().map(link => link.poolOf(this)).filter(pool => pool !== undefined)
  }

  protected override async endInOrder (): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#pools().map(async pool => { await pool.close() }))
  }

  protected override endNow (): void {
    this.#stopped = true
    for (const pool of this.#pools()) pool.destroy(null, () => {})
  }
}

const nobody: ReadonlySet<ProviderLink> = new Set()

/** A stream that comes too late is closed. */
async function orAborted (opening: Promise<Socket>, signal: AbortSignal): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(new errors.FORWARD_CLIENT_GONE())
      opening.then(stream => { stream.on('error', () => {}).destroy() }, () => {})
    }
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    opening.finally(() => { signal.removeEventListener('abort', onAbort) }).then(resolve, reject)
  })
}
