import { Readable, type Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { ExchangeHandler, ExchangeOptions } from './exchange.ts'
import { isClosed } from './failure.ts'
import type { ProviderLink } from './reverse-invoke-link.ts'

type Controller = Dispatcher.DispatchController
type Fields = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2]

/** What an exchange asks the sender it came from. */
export interface ExchangeRouter {
  /** The provider with the least to do, none of `excluded`. */
  choose (excluded: ReadonlySet<ProviderLink>): ProviderLink | undefined
  sendTo (link: ProviderLink, options: ExchangeOptions, handler: ExchangeHandler): void
}

/**
 * One request on its way over reverse invoke. As long as nothing of it was sent it goes from provider to provider; when it was, it is
 * sent again once at most, if it may be (see `ExchangeHandler.sendAgain`).
 */
export class ReverseInvokeExchange implements ExchangeHandler {
  readonly #router: ExchangeRouter
  readonly #options: ExchangeOptions
  readonly #handler: ExchangeHandler
  /** Where it runs now. */
  #link: ProviderLink | null = null
  readonly #tried = new Set<ProviderLink>()
  /** Whether something of it was sent to {@link #link}. */
  #started = false
  /** Whether a second attempt was made after a connection had been closed. */
  #again = false

  constructor (router: ExchangeRouter, options: ExchangeOptions, handler: ExchangeHandler) {
    this.#router = router
    this.#options = options
    this.#handler = handler
  }

  get cancelled (): boolean {
    return this.#handler.cancelled === true
  }

  /** Sends it to one provider. */
  sendTo (link: ProviderLink): void {
    this.#leave()
    this.#started = false
    this.#tried.add(link)
    this.#link = link
    link.running++
    this.#router.sendTo(link, this.#options, this)
  }

  sendAgain (): boolean {
    const link = this.#secondChoice()
    if (link === undefined) return false
    this.#options.fresh = true
    this.sendTo(link)
    return true
  }

  /** Another provider, or the same once more. */
  #secondChoice (): ProviderLink | undefined {
    if (this.#again) return undefined
    this.#again = true
    return this.#router.choose(this.#tried) ?? this.#router.choose(new Set())
  }

  #leave (): void {
    if (this.#link !== null) this.#link.running--
    this.#link = null
  }

  onRequestStart (controller: Controller, context: unknown): void {
    this.#started = true
    this.#handler.onRequestStart?.(controller, context)
  }

  onResponseStart (controller: Controller, statusCode: number, fields: Fields, statusText?: string): void {
    this.#handler.onResponseStart?.(controller, statusCode, fields, statusText)
  }

  onResponseData (controller: Controller, chunk: Buffer): void {
    this.#handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd (controller: Controller, trailers: Fields): void {
    this.#leave()
    this.#handler.onResponseEnd?.(controller, trailers)
  }

  onRequestUpgrade (controller: Controller, statusCode: number, fields: Fields, socket: Duplex): void {
    socket.once('close', () => { this.#leave() })
    this.#handler.onRequestUpgrade?.(controller, statusCode, fields, socket)
  }

  onResponseError (controller: Controller, error: Error): void {
    this.#leave()
    const next = this.#isUnsent ? this.#router.choose(this.#tried) ?? (isClosed(error) ? this.#secondChoice() : undefined) : undefined
    if (next === undefined) this.#handler.onResponseError?.(controller, error)
    else this.sendTo(next)
  }

  get #isUnsent (): boolean {
    const { body } = this.#options
    return !this.#started && !this.cancelled && (body === undefined || body === null || !Readable.isDisturbed(body as Readable))
  }
}
