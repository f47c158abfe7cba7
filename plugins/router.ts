/**
 * PROT=ROUTER: end-to-end TLS. The byte stream goes to a server of the system and back untouched; clients of one (masked) address
 * stay on one server. No URL, no field, no access log: there is nothing to see.
 */
import { connect as connectTcp, Server, type Socket } from 'node:net'
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
import { StreamRoute, type StreamConnect } from '../src/upstream/stream-route.ts'

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

/** The transport of a router. */
export type RouterConnect = StreamConnect

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

const keepAliveProbeMs = 60_000

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
  readonly #routes = new Set<StreamRoute>()
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
    const route = new StreamRoute(client, this.#context.connect)
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
