/**
 * PROT=ROUTER: end-to-end TLS. The byte stream goes to a server of the system and back untouched; clients of one (masked) address
 * stay on one server. No URL, no field, no access log: there is nothing to see.
 */
import { connect as connectTcp, Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger, FastifyServerFactory } from 'fastify'
import Type, { type Static } from 'typebox'
import { maskAddress, parseAddressMask, type AddressMask } from '../src/dispatch/address-mask.ts'
import { ClientTable } from '../src/dispatch/client-table.ts'
import { ServerSet } from '../src/dispatch/server-set.ts'
import { errors } from '../src/errors.ts'
import { arrivalOf } from '../src/http/reversed-connection.ts'
import { checkOptions } from '../src/options.ts'
import { isMomentary } from '../src/upstream/failure.ts'
import type { UpstreamServer } from '../src/upstream/server.ts'

/** Options of the router that are JSON. */
export const RouterOptionsSchema = Type.Object({
  stickyMask: Type.String({ description: 'IPv4 client addresses that are equal under this mask stay on one server.', default: '255.255.240.0', 'x-sap': { parameter: 'wdisp/HTTPS/sticky_mask' } }),
  stickyIpv6Bits: Type.Integer({ description: 'Leading bits of IPv6 client addresses that count in the same way; 64 is one network of one site.', default: 64, minimum: 0, maximum: 128 }),
  maxClients: Type.Integer({ description: 'Masked addresses that are remembered; the one that was idle longest makes room.', default: 50_000, minimum: 1, maximum: 10_000_000, 'x-sap': { parameter: 'wdisp/HTTPS/max_client_ip_entries' } }),
  contextTimeoutMs: Type.Integer({ description: 'A masked address without a connection is forgotten after this time, in milliseconds.', default: 3_600_000, minimum: 0, 'x-sap': { parameter: 'wdisp/HTTPS/context_timeout', unit: 's' } }),
  connectTimeoutMs: Type.Integer({ description: 'Time for one server to accept a connection, in milliseconds.', default: 5000, minimum: 1, maximum: 3_600_000, 'x-sap': { parameter: 'icm/conn_timeout', unit: 'ms' } }),
  retryAfterMs: Type.Integer({ description: 'Time until a server that failed is tried again, in milliseconds. Only for `servers`.', default: 10_000, minimum: 100, maximum: 3_600_000 }),
  drainTimeoutMs: Type.Integer({ description: 'Time that open connections get when the listener closes, in milliseconds.', default: 30_000, minimum: 0, maximum: 3_600_000 })
}, { additionalProperties: false })

/** Opens the byte stream to a server; rejects when that is not possible, or `signal` fires. */
export type RouterConnect = (server: UpstreamServer, signal: AbortSignal) => Promise<Duplex>

/** Where a connection may go, by the local address it arrived on; `null`: nowhere. `DispatchTable.forConnection` fits. */
export type RouterSystems = (local: { readonly localAddress: string | undefined, readonly localPort: number | undefined }) => { readonly system: string, readonly servers: ServerSet } | null

/** Options of the router: the servers of its one system, or a table that several listeners share. */
export type RouterOptions = Partial<Static<typeof RouterOptionsSchema>> & {
  readonly servers?: readonly UpstreamServer[]
  readonly systems?: RouterSystems
  readonly logger?: Pick<FastifyBaseLogger, 'debug' | 'warn'>
  /** The transport; TCP by default. */
  readonly connect?: RouterConnect
}

/** What a router has done so far. */
export interface RouterCounts {
  /** Connections that are open now. */
  readonly open: number
  readonly accepted: number
  /** Connections for which no server was found. */
  readonly refused: number
  /** Attempts on a server that failed. */
  readonly failures: number
}

/** The first bytes of a client are kept for another server until the first one has answered; beyond this many there is no second try. */
const firstFlightBytes = 32 * 1024
const keepAliveProbeMs = 60_000
/** A client whose server has ended may send for this long after its last byte, in milliseconds. */
const halfClosedMs = 60_000

/**
 * The server factory of a Fastify instance that routes TLS connections; `app.server` is a {@link RouterServer}.
 *
 * @throws POSTERN_ERR_OPTIONS_INVALID
 * @example
 * ```ts
 * const app = Fastify({ serverFactory: routerServerFactory({ servers }) })
 * await app.listen({ port: 443 })
 * ```
 */
export function routerServerFactory (options: RouterOptions): FastifyServerFactory {
  const { servers, systems, logger, connect, ...json } = options
  const resolved = checkOptions('router', RouterOptionsSchema, json)
  const mask = parseAddressMask(resolved.stickyMask, resolved.stickyIpv6Bits)
  if (mask === null) throw new errors.OPTIONS_INVALID('router', '/stickyMask must be four decimal bytes, for instance 255.255.240.0')
  if ((servers === undefined) === (systems === undefined)) throw new errors.OPTIONS_INVALID('router', 'options must have either servers or systems')
  const now = (): number => performance.now()
  const set = new ServerSet(servers ?? [], { retryAfterMs: resolved.retryAfterMs, now })
  const context: Context = {
    ...resolved,
    mask,
    systems: systems ?? (() => ({ system: 'router', servers: set })),
    clients: new ClientTable({ maxEntries: resolved.maxClients, idleMs: resolved.contextTimeoutMs, now }),
    logger,
    connect: connect ?? tcpConnect(resolved.connectTimeoutMs)
  }
  // Fastify uses listen, close, address and events of a server, which a net.Server has
  return (() => new RouterServer(context)) as unknown as FastifyServerFactory
}

type Context = Static<typeof RouterOptionsSchema> & {
  readonly mask: AddressMask
  readonly systems: RouterSystems
  readonly clients: ClientTable<UpstreamServer>
  readonly logger: RouterOptions['logger']
  readonly connect: RouterConnect
}

/** A server that routes connections. Closing lets open ones end, for a bounded time. */
export class RouterServer extends Server {
  readonly #context: Context
  readonly #routes = new Set<Route>()
  #accepted = 0
  #refused = 0
  #failures = 0

  /** Made by {@link routerServerFactory}. */
  constructor (context: Context) {
    // half open: a side that has sent all may still receive
    super({ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveProbeMs })
    this.#context = context
    this.on('connection', (client: Socket) => { this.#accept(client) })
  }

  get counts (): RouterCounts {
    return { open: this.#routes.size, accepted: this.#accepted, refused: this.#refused, failures: this.#failures }
  }

  override close (callback?: (error?: Error) => void): this {
    const deadline = setTimeout(() => { this.closeAllConnections() }, this.#context.drainTimeoutMs)
    this.once('close', () => { clearTimeout(deadline) })
    return super.close(callback)
  }

  /** Ends every connection at once. */
  closeAllConnections (): void {
    for (const route of this.#routes) route.destroy()
  }

  /** As an HTTP server's: a connection of which nothing is seen is never known to be idle. */
  closeIdleConnections (): void {}

  #accept (client: Socket): void {
    this.#accepted++
    const { systems, clients, mask, logger } = this.#context
    const key = maskAddress(client.remoteAddress ?? '', mask)
    const route = new Route(client, this.#context.connect)
    this.#routes.add(route)
    client.once('close', () => { this.#routes.delete(route) })
    const found = systems(arrivalOf(client))
    route.run({
      next: tried => found?.servers.choose(clients.serverOf(key), tried) ?? null,
      failed: (server, error) => {
        this.#failures++
        const reason = error.code ?? 'connect failed'
        if (!isMomentary(error)) found?.servers.failed(server, reason)
        logger?.warn({ system: found?.system, upstream: server.origin, reason }, 'server failed')
      },
      opened: server => {
        found?.servers.succeeded(server)
        clients.opened(key, server)
        client.once('close', () => { clients.closed(key) })
      }
    }).then(outcome => {
      if (outcome === 'refused') this.#refused++
      logger?.debug({ system: found?.system, outcome, bytesRead: client.bytesRead, bytesWritten: client.bytesWritten }, 'connection ended')
    }, (error: unknown) => {
      client.destroy()
      logger?.warn({ err: error }, 'connection ended')
    })
  }
}

/** What a route asks and reports while it looks for a server. */
interface Choice {
  next (tried: ReadonlySet<UpstreamServer>): UpstreamServer | null
  failed (server: UpstreamServer, error: Error & { readonly code?: string }): void
  /** The server has answered. */
  opened (server: UpstreamServer): void
}

type Outcome = 'done' | 'refused' | 'aborted'

/** One client connection on its way to a server. */
class Route {
  readonly #client: Socket
  readonly #connect: RouterConnect
  readonly #abort = new AbortController()
  readonly #onData = (chunk: Buffer): void => { this.#receive(chunk) }
  readonly #onEnd = (): void => {
    this.#clientEnded = true
    this.#attached?.end()
  }

  #upstream: Duplex | null = null
  /** The server that gets what the client says, while none has answered. */
  #attached: Duplex | null = null
  /** What the client has said so far. */
  #firstFlight: Buffer[] = []
  #saidBytes = 0
  #isFlightWhole = true
  #clientEnded = false

  constructor (client: Socket, connect: RouterConnect) {
    this.#client = client
    this.#connect = connect
    client.on('error', () => { this.destroy() })
    client.once('close', () => { this.#clientClosed() })
    // read from the start: the end of a connection is seen by readers only
    client.on('data', this.#onData).on('end', this.#onEnd)
  }

  /** Breaks both sides: neither may take the end of this connection for the end of the other side's words. */
  destroy (): void {
    this.#abort.abort()
    breakOff(this.#client)
    if (this.#upstream !== null) breakOff(this.#upstream)
  }

  /** Tries one server after the other until one answers, then passes bytes until both sides have ended. */
  async run (choice: Choice): Promise<Outcome> {
    const tried = new Set<UpstreamServer>()
    for (let server = choice.next(tried); server !== null; server = choice.next(tried)) {
      tried.add(server)
      const upstream = await this.#open(server, choice)
      if (this.#abort.signal.aborted) return 'aborted'
      if (upstream === null) continue
      if (await this.#awaitAnswer(upstream)) {
        choice.opened(server)
        await this.#pass(upstream)
        return 'done'
      }
      // a client that said nothing, or left, gets no answer from any server; and none of this is held against the server, or else
      // everybody could take it out
      if (this.#abort.signal.aborted || this.#clientEnded || this.#saidBytes === 0) return this.#end('aborted')
      // what was said is not at hand any more
      if (!this.#isFlightWhole) break
    }
    return this.#end('refused')
  }

  #end (outcome: Outcome): Outcome {
    this.#client.destroySoon()
    return outcome
  }

  async #open (server: UpstreamServer, choice: Choice): Promise<Duplex | null> {
    try {
      const upstream = await this.#connect(server, this.#abort.signal)
      this.#upstream = upstream
      if (this.#abort.signal.aborted) breakOff(upstream)
      return upstream
    } catch (error) {
      if (!this.#abort.signal.aborted) choice.failed(server, error as Error)
      return null
    }
  }

  /**
   * Sends what the client says and waits for the first byte of the answer.
   *
   * @returns false when the server went away without one; the client has seen nothing of it then
   */
  async #awaitAnswer (upstream: Duplex): Promise<boolean> {
    const client = this.#client
    const onDrain = (): void => { client.resume() }
    upstream.on('drain', onDrain)
    for (const chunk of this.#firstFlight) upstream.write(chunk)
    if (this.#clientEnded) upstream.end()
    this.#attached = upstream
    if (!upstream.writableNeedDrain) client.resume()
    const answered = await firstByteOf(upstream)
    this.#attached = null
    upstream.off('drain', onDrain)
    if (answered) {
      client.pause()
      client.off('data', this.#onData).off('end', this.#onEnd)
      this.#firstFlight = []
    }
    return answered
  }

  #receive (chunk: Buffer): void {
    this.#saidBytes += chunk.length
    const upstream = this.#attached
    if (upstream === null) {
      this.#firstFlight.push(chunk)
      if (this.#saidBytes > firstFlightBytes) this.#client.pause()
      return
    }
    if (this.#saidBytes <= firstFlightBytes) this.#firstFlight.push(chunk)
    else {
      this.#firstFlight = []
      this.#isFlightWhole = false
    }
    if (!upstream.write(chunk)) this.#client.pause()
  }

  async #pass (upstream: Duplex): Promise<void> {
    const client = this.#client
    const closed = client.closed ? null : new Promise<void>(resolve => { client.once('close', resolve) })
    upstream.once('end', () => { client.setTimeout(halfClosedMs, () => { this.destroy() }) })
    upstream.once('close', () => { this.#endWith(upstream) })
    if (upstream.closed) this.#endWith(upstream)
    if (!this.#clientEnded) client.pipe(upstream)
    upstream.pipe(client)
    await closed
  }

  /** The server's side is closed: an answer that has come whole is still delivered, a broken one is broken for the client too. */
  #endWith (upstream: Duplex): void {
    if (upstream.readableEnded) this.#client.resume()
    else this.destroy()
  }

  /** The client's side is closed: what it has sent is still delivered. */
  #clientClosed (): void {
    const upstream = this.#upstream
    if (upstream === null || !this.#client.readableEnded || !upstream.readableEnded || !upstream.writableEnded) this.destroy()
  }
}

/** By a reset where the connection is TCP; one over a data connection of reverse invoke has TLS below it, which knows none. */
function breakOff (stream: Duplex & Partial<Pick<Socket, 'resetAndDestroy'>>): void {
  if (stream.resetAndDestroy === undefined || 'encrypted' in stream) stream.destroy()
  else stream.resetAndDestroy()
}

/** Waits until there is something to read, without taking it. */
async function firstByteOf (upstream: Duplex): Promise<boolean> {
  return await new Promise(resolve => {
    const settle = (answered: boolean): void => {
      upstream.off('readable', onReadable).off('close', onGone).off('end', onGone)
      resolve(answered)
    }
    const onReadable = (): void => { if (upstream.readableLength > 0) settle(true) }
    const onGone = (): void => { settle(false) }
    // stays: an error after this point shows as a close
    upstream.on('error', onGone)
    upstream.on('readable', onReadable).on('end', onGone).on('close', onGone)
  })
}

/** TCP to the server, with a bound on the time to connect. */
function tcpConnect (timeoutMs: number): RouterConnect {
  return async ({ host, port }, signal) => await new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveProbeMs })
    const timer = setTimeout(() => { socket.destroy(new errors.ROUTER_CONNECT_TIMEOUT()) }, timeoutMs)
    const onAbort = (): void => { socket.destroy(new errors.ROUTER_CONNECT_TIMEOUT()) }
    signal.addEventListener('abort', onAbort, { once: true })
    const settled = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    socket.once('connect', () => {
      settled()
      resolve(socket)
    })
    socket.once('error', error => {
      settled()
      reject(error)
    })
  })
}
