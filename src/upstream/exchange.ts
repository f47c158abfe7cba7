import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { UpstreamConnection } from './connection.ts'
import { hasConnectionChallenge, hasConnectionCredentials } from './connection-auth.ts'
import { isClosed } from './failure.ts'

type Controller = Dispatcher.DispatchController
type Fields = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2]

/** What undici's `dispatch` takes, and what a gateway says besides. */
export interface ExchangeOptions extends Dispatcher.DispatchOptions {
  /** The client's connection: one that carries NTLM or Negotiate is bound to it. */
  readonly clientConnection?: Duplex
  /** Write `Content-Length: 0`, whatever the method. */
  readonly zeroLength?: boolean
  /** The request was sent before, by the caller: it must not meet another stale connection. */
  fresh?: boolean
  /** Always the same for one server: undici drops a connection whose name changes. */
  servername?: string
}

/** A handler that may lose interest before its request was written. */
export interface ExchangeHandler extends Dispatcher.DispatchHandler {
  readonly cancelled?: boolean
  /**
   * Called in place of `onResponseError` when the connection was closed before a byte of the answer came to a request that may be sent
   * twice. With it the pool sends nothing again by itself.
   *
   * @returns false: the caller does not send it again either, the error follows
   */
  sendAgain? (): boolean
}

/** What an exchange tells the pool it came from. */
export interface ExchangeOwner {
  bind (connection: UpstreamConnection, clientConnection: Duplex | undefined): void
  release (exchange: PoolExchange): void
  detach (exchange: PoolExchange, socket: Duplex): void
  sendAgain (exchange: PoolExchange): void
}

/** Methods that may be sent twice (RFC 9110 section 9.2.2; QUERY and the safe ones of WebDAV among them). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY', 'PROPFIND', 'REPORT', 'SEARCH'])

/**
 * One request on its way: stands between undici and the handler, and knows what the pool must know: whether the socket was used
 * before, whether a byte was answered, and when the connection is free again.
 */
export class PoolExchange implements Dispatcher.DispatchHandler {
  connection: UpstreamConnection | null = null
  /** Set for the second attempt: it must not meet another stale connection. */
  fresh = false
  /** Ends the wait for a free connection. */
  timer: NodeJS.Timeout | undefined
  readonly options: ExchangeOptions
  readonly handler: ExchangeHandler
  readonly #pool: ExchangeOwner
  #reused = false

  constructor (pool: ExchangeOwner, options: ExchangeOptions, handler: ExchangeHandler) {
    this.#pool = pool
    this.options = options
    this.handler = handler
    this.fresh = options.fresh === true
  }

  /** Whether the request carries credentials for its connection. */
  get authenticatesConnection (): boolean {
    return hasConnectionCredentials(this.options.headers)
  }

  onRequestStart (controller: Controller, context: unknown): void {
    this.#reused = (this.connection as UpstreamConnection).countRequest()
    this.handler.onRequestStart?.(controller, context)
  }

  onRequestSent (): void {
    const { method, upgrade } = this.options
    // behind a request that may change the protocol nothing may come that belongs to HTTP
    if (method !== 'CONNECT' && (upgrade === undefined || upgrade === null)) this.connection?.asked()
  }

  onResponseStart (controller: Controller, statusCode: number, fields: Fields, statusText?: string): void {
    if (hasConnectionChallenge(controller.rawHeaders)) this.#pool.bind(this.connection as UpstreamConnection, this.options.clientConnection)
    this.handler.onResponseStart?.(controller, statusCode, fields, statusText)
  }

  onResponseData (controller: Controller, chunk: Buffer): void {
    this.handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd (controller: Controller, trailers: Fields): void {
    this.handler.onResponseEnd?.(controller, trailers)
    this.#pool.release(this)
  }

  onResponseError (controller: Controller, error: Error): void {
    const repeatable = this.#mayBeSentAgain(error)
    if (repeatable && this.handler.sendAgain === undefined && this.#reused && !this.fresh) {
      this.#pool.sendAgain(this)
      return
    }
    this.#pool.release(this)
    if (!repeatable || this.handler.sendAgain?.() !== true) this.handler.onResponseError?.(controller, error)
  }

  onRequestUpgrade (controller: Controller, statusCode: number, fields: Fields, socket: Duplex): void {
    this.#pool.detach(this, socket)
    this.handler.onRequestUpgrade?.(controller, statusCode, fields, socket)
  }

  /** Ends the exchange without a connection. */
  fail (error: Error): void {
    this.handler.onResponseError?.(null as unknown as Controller, error)
  }

  /**
   * Once, on a new connection, if the server had closed this one before it said anything. The pool does so where the connection was used
   * before: then the server most likely never saw the request.
   *
   * @see RFC 9110 section 9.2.2
   */
  #mayBeSentAgain (error: Error): boolean {
    const { method, body, upgrade } = this.options
    return this.connection?.answered === false && this.handler.cancelled !== true &&
      (body === undefined || body === null) && (upgrade === undefined || upgrade === null) &&
      IDEMPOTENT.has(method) && isClosed(error)
  }
}
