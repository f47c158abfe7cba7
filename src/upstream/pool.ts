import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { errors } from '../errors.ts'
import { UpstreamConnection } from './connection.ts'
import type { Connect } from './connector.ts'
import { EndingDispatcher } from './ending-dispatcher.ts'
import { PoolExchange, type ExchangeHandler, type ExchangeOptions, type ExchangeOwner } from './exchange.ts'
import { readyConnect } from './ready-connect.ts'
import type { Sender } from './sender.ts'
import { WaitingLine } from './waiting-line.ts'

/** Settings of one pool. */
export interface PoolOptions {
  readonly origin: string
  readonly serverName: string
  readonly connect: Connect
  /**
   * A request is put on a connection that is there, and not on one that is still being made: it takes whichever is free first. For
   * connections that may be a long time coming while others become free.
   */
  readonly connectFirst: boolean
  /** Connections, idle, busy and upgraded ones together. */
  readonly maxConnections: number
  /** Requests that wait for a free connection; one more is refused. */
  readonly maxWaiting: number
  /** How long a request waits for a free connection, in milliseconds. */
  readonly waitTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly maxHeaderBytes: number
  /** One request per connection. */
  readonly closeAfterResponse: boolean
  readonly registry: PoolRegistry
}

/** What the pools of one gateway share. */
export interface PoolRegistry {
  /** The pools that have connections. */
  readonly active: Set<UpstreamPool>
  /** Set when no request is taken any more. */
  stopped: boolean
}

/** Methods that undici expects no body of, although they have one: without `reset: false` it would close the connection after each. */
const WITH_BODY = new Set(['ACL', 'LOCK', 'MERGE', 'MKCALENDAR', 'MKCOL', 'REPORT', 'SEARCH'])

/**
 * The connections to one server with one identity. A `Dispatcher`, so that everything that runs on undici can use it.
 *
 * The connection that was used last is used next: few connections stay warm and the others end by their idle time.
 */
export class UpstreamPool extends EndingDispatcher implements ExchangeOwner, Sender {
  readonly #options: PoolOptions
  readonly #connections = new Set<UpstreamConnection>()
  readonly #idle: UpstreamConnection[] = []
  readonly #waiting: WaitingLine
  /** Connections that are being made for who waits. */
  #coming = 0
  readonly #bound = new WeakMap<object, UpstreamConnection>()
  readonly #detached = new Set<Duplex>()
  readonly #onEmpty: Array<() => void> = []
  #stopped = false
  #retired = false

  constructor (options: PoolOptions) {
    super()
    this.#options = options
    this.#waiting = new WaitingLine(options)
  }

  /** Sends a request; the answer, or an error of ours, goes to `handler`. The options are copied. */
  override dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.send({ ...options }, handler)
    return true
  }

  /** As {@link dispatch}, with options that the pool may keep. */
  send (options: ExchangeOptions, handler: ExchangeHandler): void {
    options.servername = this.#options.serverName
    if (this.#options.closeAfterResponse) options.reset = true
    else if (WITH_BODY.has(options.method)) options.reset = false
    const exchange = new PoolExchange(this, options, handler)
    if (this.#isStopped) exchange.fail(new errors.UPSTREAM_STOPPED())
    else this.#start(exchange)
  }

  #start (exchange: PoolExchange): void {
    const connection = this.#boundTo(exchange.options.clientConnection) ?? this.#free(exchange)
    if (connection === undefined) this.#wait(exchange)
    else this.#put(exchange, connection)
  }

  #put (exchange: PoolExchange, connection: UpstreamConnection): void {
    if (connection.owner === null && exchange.authenticatesConnection) this.bind(connection, exchange.options.clientConnection)
    connection.send(exchange)
  }

  #boundTo (clientConnection: Duplex | undefined): UpstreamConnection | undefined {
    return clientConnection === undefined ? undefined : this.#bound.get(clientConnection)
  }

  #free ({ fresh }: PoolExchange): UpstreamConnection | undefined {
    if (!fresh) return this.#idle.pop() ?? this.#open()
    const stale = this.#idle[0]
    if (stale !== undefined && this.#isFull) this.#drop(stale)
    return this.#open()
  }

  #open (): UpstreamConnection | undefined {
    return this.#options.connectFirst || this.#isFull ? undefined : this.#add(this.#options.connect)
  }

  get #isFull (): boolean {
    return this.#connections.size + this.#coming >= this.#options.maxConnections
  }

  #add (connect: Connect, ready?: Socket): UpstreamConnection {
    const connection = new UpstreamConnection({ ...this.#options, connect, ...(ready === undefined ? {} : { ready }), onLost: lost => this.#drop(lost) })
    this.#connections.add(connection)
    this.#options.registry.active.add(this)
    return connection
  }

  /** Has a connection made for a request that waits, unless there are as many on their way as requests that wait. */
  #comeFor (exchange: PoolExchange): void {
    if (!this.#options.connectFirst || this.#coming >= this.#waiting.size || this.#isFull) return
    this.#coming++
    this.#options.registry.active.add(this)
    this.#options.connect((error, socket) => {
      this.#coming--
      if (socket === null) this.#notCome(exchange, error ?? new errors.UPSTREAM_UNREACHABLE())
      else this.#came(socket)
    })
  }

  #came (socket: Socket): void {
    const next = this.#waiting.next()
    if (next === undefined && this.#isEnding) {
      socket.destroy()
      this.#checkEmpty()
      return
    }
    const connection = this.#add(readyConnect(socket, { ...this.#options, onLost: () => this.#drop(connection) }), socket)
    if (next === undefined) this.#idle.push(connection)
    else this.#put(next, connection)
  }

  #notCome (exchange: PoolExchange, error: Error): void {
    // others are on their way for all who wait
    if (this.#coming >= this.#waiting.size) return this.#checkEmpty()
    if (this.#waiting.remove(exchange)) {
      this.#checkEmpty()
      exchange.fail(error)
    } else {
      // it was for a request that has found another connection, which somebody who waits was counting on
      this.#serveWaiting()
    }
  }

  get #isStopped (): boolean {
    return this.#stopped || this.#options.registry.stopped
  }

  /** No connection is kept for later. */
  get #isEnding (): boolean {
    return this.#isStopped || this.#retired
  }

  #wait (exchange: PoolExchange): void {
    const mayCome = this.#options.connectFirst && !this.#isFull
    if (this.#waiting.add(exchange, mayCome ? this.#coming + 1 : this.#coming)) this.#comeFor(exchange)
  }

  /** Keeps a connection for one client, from now on: NTLM and Negotiate have made it that client's. */
  bind (connection: UpstreamConnection, clientConnection: Duplex | undefined): void {
    if (connection.owner !== null) return
    // whose request says nothing of a client, or whose client has gone or has such a connection already, gets this one for one exchange
    if (clientConnection === undefined || clientConnection.destroyed || this.#bound.has(clientConnection)) {
      connection.owner = connection
      return
    }
    connection.owner = clientConnection
    this.#bound.set(clientConnection, connection)
    clientConnection.once('close', () => {
      this.#bound.delete(clientConnection)
      connection.owner = connection
      if (connection.running === 0) this.#drop(connection)
    })
  }

  /** Takes a connection back after an answer or an error. */
  release (exchange: PoolExchange): void {
    const { connection } = exchange
    if (connection === null || !this.#connections.has(connection)) return
    connection.running--
    if (connection.running > 0) return
    // one without a socket has failed, and undici may just be telling those who are on it: nobody else is put there
    if (this.#isEnding || this.#options.closeAfterResponse || connection.owner === connection || connection.isLost) this.#drop(connection)
    else if (connection.owner === null) this.#hand(connection)
  }

  #hand (connection: UpstreamConnection): void {
    const next = this.#waiting.next()
    if (next === undefined) this.#idle.push(connection)
    else this.#put(next, connection)
  }

  /** Sends an exchange again, on a connection that nothing was sent on. */
  sendAgain (exchange: PoolExchange): void {
    exchange.fresh = true
    const { connection } = exchange
    if (connection !== null && --connection.running === 0 && connection.owner === null) this.#drop(connection)
    this.#start(exchange)
  }

  /** A connection that changed its protocol counts until it is closed, and never carries a request again. */
  detach ({ connection }: PoolExchange, socket: Duplex): void {
    this.#detached.add(socket)
    socket.once('close', () => {
      this.#detached.delete(socket)
      if (connection !== null) this.#drop(connection)
    })
  }

  #drop (connection: UpstreamConnection, error?: Error): void {
    const index = this.#idle.indexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
    if (!this.#connections.delete(connection)) return
    // its client gets another one
    if (connection.owner !== null) this.#bound.delete(connection.owner)
    connection.destroy(error)
    this.#serveWaiting()
    this.#checkEmpty()
  }

  #checkEmpty (): void {
    if (this.#connections.size + this.#coming > 0) return
    this.#options.registry.active.delete(this)
    for (const done of this.#onEmpty.splice(0)) done()
  }

  #serveWaiting (): void {
    const { first } = this.#waiting
    if (first === undefined) return
    if (this.#options.connectFirst) return this.#comeFor(first)
    const connection = this.#open()
    if (connection === undefined) return
    const next = this.#waiting.next()
    if (next === undefined) this.#drop(connection)
    else this.#put(next, connection)
  }

  /** Closes the connections that are idle, so that the next requests resolve the server's name again. */
  closeIdle (): void {
    for (const connection of this.#idle.slice()) this.#drop(connection)
  }

  /**
   * Ends the connections for which `predicate` holds: idle ones now, the others behind the exchanges that they have, and those that
   * have changed their protocol at once.
   */
  endThose (predicate: (socket: Duplex) => boolean): void {
    for (const socket of this.#detached) {
      if (predicate(socket)) socket.destroy()
    }
    for (const connection of [...this.#connections]) {
      if (connection.socket === null || !predicate(connection.socket)) continue
      if (connection.running === 0) this.#drop(connection)
      else this.#retire(connection)
    }
  }

  /** Whom the connection was kept for gets another one. */
  #retire (connection: UpstreamConnection): void {
    if (connection.owner !== null) this.#bound.delete(connection.owner)
    connection.owner = connection
  }

  /** Ends the wait of all who wait for a connection. */
  failWaiting (error: Error): void {
    for (let next = this.#waiting.next(); next !== undefined; next = this.#waiting.next()) next.fail(error)
  }

  /** Whether a client has a connection here that is its own, by NTLM or Negotiate. */
  isBound (clientConnection: Duplex): boolean {
    return this.#bound.has(clientConnection)
  }

  /** Ends the connections that have changed their protocol. */
  endTunnels (): void {
    for (const socket of this.#detached) socket.destroy()
  }

  /**
   * Keeps no connection: idle ones end now, the others behind their exchange, upgraded ones when they like. For a pool that another one
   * has taken the place of: who has a request here or sends one again is still served.
   */
  retire (): void {
    this.#retired = true
    this.#dropUnused()
  }

  /** Those that belong to one client are not among the idle ones. */
  #dropUnused (): void {
    for (const connection of [...this.#connections]) if (connection.running === 0) this.#drop(connection)
  }

  /** Idle connections end now, the others with their exchange. */
  protected override async endInOrder (): Promise<void> {
    this.#stopped = true
    this.#dropUnused()
    await new Promise<void>(resolve => {
      this.#onEmpty.push(resolve)
      this.#checkEmpty()
    })
  }

  /** Upgraded connections end too. */
  protected override endNow (error: Error | undefined): void {
    this.#stopped = true
    this.failWaiting(error ?? new errors.UPSTREAM_STOPPED())
    this.endTunnels()
    for (const connection of [...this.#connections]) this.#drop(connection, error)
  }
}
