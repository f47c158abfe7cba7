import { channel } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { Client } from 'undici'
import { errors } from '../errors.ts'
import type { Connect } from './connector.ts'
import { probeOf, type TailLossProbe } from '../reverse-invoke/tail-loss-probe.ts'
import { ContinueFilter } from './continue-filter.ts'
import type { PoolExchange } from './exchange.ts'

/** Settings of every connection of a pool. */
export interface ConnectionOptions {
  readonly origin: string
  readonly connect: Connect
  /** The socket that `connect` will hand out first, where there is one already. */
  readonly ready?: Socket
  readonly keepAliveTimeoutMs: number
  readonly maxHeaderBytes: number
  /** Called when the connection is lost while nothing runs on it. */
  readonly onLost: (connection: UpstreamConnection) => void
}

interface CreatedRequest { readonly request: { readonly headers: string[] } }

const requestCreated = channel('undici:request:create')

/**
 * One connection to a server: an undici client that holds at most one socket and carries one request at a time. With clients of
 * our own, and not undici's pool, it is known which requests shared a socket.
 */
export class UpstreamConnection {
  /** The client connection that this one belongs to for good; `null`: it serves everybody. */
  owner: object | null = null
  /** Requests that are running or queued here. */
  running = 0
  /** The socket that is in use or ready to be, or was the last one. */
  socket: Socket | null
  readonly #client: Client
  /** Not undici's yet. */
  #ready: Socket | null
  #sentOnSocket = 0
  #answers = new ContinueFilter()
  #probe: TailLossProbe | null = null

  constructor ({ origin, connect, ready, keepAliveTimeoutMs, maxHeaderBytes, onLost }: ConnectionOptions) {
    this.socket = this.#ready = ready ?? null
    this.#client = new Client(origin, {
      connect: (_options, callback) => connect((error, socket) => {
        if (socket === null) callback(error ?? new errors.UPSTREAM_UNREACHABLE(), null)
        else callback(null, this.#prepare(socket))
      }),
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: keepAliveTimeoutMs,
      // a hint of the server makes the time shorter, never longer
      keepAliveMaxTimeout: keepAliveTimeoutMs,
      keepAliveTimeoutThreshold: 1000,
      maxHeaderSize: maxHeaderBytes
    })
    const onGone = (): void => { if (this.running === 0) onLost(this) }
    this.#client.on('disconnect', onGone).on('connectionError', onGone)
  }

  /** Sends a request here, after those that are running. */
  send (exchange: PoolExchange): void {
    this.running++
    exchange.connection = this
    if (exchange.options.zeroLength === true) this.#withZeroLength(exchange)
    else this.#client.dispatch(exchange.options, exchange)
  }

  #prepare (socket: Socket): Socket {
    this.#sentOnSocket = 0
    this.#ready = null
    this.socket = socket
    this.#probe = probeOf(socket)
    const answers = new ContinueFilter()
    this.#answers = answers
    const read = socket.read.bind(socket)
    socket.read = size => {
      const chunk = read(size) as Buffer | null
      return chunk === null ? null : answers.filter(chunk)
    }
    return socket
  }

  /** Counts a request that is about to be written; `true` when the socket carried another one before. */
  countRequest (): boolean {
    this.#answers.expectAnswer()
    return this.#sentOnSocket++ > 0
  }

  /** The last byte of a request was written. */
  asked (): void {
    this.#probe?.spoken()
  }

  /** Whether there is no open socket: none could be made, or it has been closed. */
  get isLost (): boolean {
    return this.socket === null || this.socket.destroyed
  }

  /** Whether a byte came since the last request was written. */
  get answered (): boolean {
    return this.#answers.answered
  }

  /** Ends the connection at once, with whatever runs on it: `error` is why. */
  destroy (error: Error = new errors.UPSTREAM_STOPPED()): void {
    this.#client.destroy(error, () => {})
    this.#ready?.destroy()
  }

  /**
   * undici drops `Content-Length: 0` for methods that it expects no body of. Its message about a new request is the documented place
   * where a field can be added; it is published within `dispatch`, so that it can only be this request's.
   */
  #withZeroLength (exchange: PoolExchange): void {
    const add = (message: unknown): void => { (message as CreatedRequest).request.headers.push('Content-Length', '0') }
    requestCreated.subscribe(add)
    try {
      this.#client.dispatch(exchange.options, exchange)
    } finally {
      requestCreated.unsubscribe(add)
    }
  }
}
