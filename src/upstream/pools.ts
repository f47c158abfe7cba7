import type { Duplex } from 'node:stream'
import { dial, type Connector } from './connector.ts'
import type { Identity } from '../pse/identity.ts'
import { PerServer } from './per-server.ts'
import { UpstreamPool, type PoolOptions, type PoolRegistry } from './pool.ts'
import type { Pools } from './sender.ts'
import type { UpstreamServer } from './server.ts'
import { fixedServerName } from './tls-client.ts'

/** Bounds and times of the connections to back ends. */
export interface UpstreamPoolsOptions {
  /** Name resolution, TCP and TLS together, and the wait for a free connection. Default 5000 (`icm/conn_timeout`). */
  readonly connectTimeoutMs?: number
  /** Connections to one HTTP server, idle, busy and upgraded ones. Default 2000. */
  readonly maxConnections?: number
  /** The same for one HTTPS server with one identity. Default 2000. */
  readonly maxTlsConnections?: number
  /** Requests per (server, identity) that wait for a free connection. Default 1000 (`icm/req_queue_len`). */
  readonly maxWaiting?: number
  /** Idle time after which a connection is closed. Default 30 000. */
  readonly keepAliveTimeoutMs?: number
  /** Largest header of an answer. Default 65 536. */
  readonly maxHeaderBytes?: number
  /** One request per connection (`wdisp/additional_conn_close`). Default false. */
  readonly closeAfterResponse?: boolean
  /** Where connections come from. Default: {@link dial}. */
  readonly connector?: Connector
}

const DEFAULTS = {
  connectTimeoutMs: 5000,
  maxConnections: 2000,
  maxTlsConnections: 2000,
  maxWaiting: 1000,
  keepAliveTimeoutMs: 30_000,
  maxHeaderBytes: 65_536,
  closeAfterResponse: false,
  connector: dial
} satisfies Required<UpstreamPoolsOptions>

/**
 * The connection pools of a gateway: one per server and identity. A renewed identity is another object and gets pools of its own; the
 * connections of the old one end with their exchanges or by their idle time, and nothing here keeps its key in memory after that.
 */
export class UpstreamPools implements Pools {
  readonly #options: Required<UpstreamPoolsOptions>
  readonly #pools = new PerServer(server => this.#create(server))
  readonly #registry: PoolRegistry = { active: new Set(), stopped: false }

  constructor (options: UpstreamPoolsOptions = {}) {
    this.#options = { ...DEFAULTS, ...options }
  }

  /** The pool of a server, made on first use. Usable wherever undici takes a dispatcher: verified TLS and the client PSE come with it. */
  dispatcherFor (server: UpstreamServer): UpstreamPool {
    return this.#pools.of(server)
  }

  #create (server: UpstreamServer): UpstreamPool {
    const { connector, connectTimeoutMs } = this.#options
    return new UpstreamPool({ ...settingsOf(server, this.#options), connect: connector(server, { connectTimeoutMs }), connectFirst: false, registry: this.#registry })
  }

  /** Closes idle connections, so that names are resolved anew (SIGHUP). */
  refresh (): void {
    for (const pool of [...this.#registry.active]) pool.closeIdle()
  }

  retireIdentity (identity: Identity): void {
    for (const pool of this.#pools.forget(identity)) pool.retire()
  }

  /**
   * Ends the connections for which `predicate` holds: idle ones now, the others behind the exchanges that they have, upgraded ones at
   * once. With `isRefused` of `peer-check.ts`: those whose back end has a certificate that was revoked meanwhile.
   */
  endThose (predicate: (socket: Duplex) => boolean): void {
    for (const pool of [...this.#registry.active]) pool.endThose(predicate)
  }

  /** Ends upgraded connections: nothing else does, and they have no last exchange. */
  endTunnels (): void {
    for (const pool of [...this.#registry.active]) pool.endTunnels()
  }

  /** Ends in order; resolves when the last exchange and the last upgraded connection have ended. */
  async close (): Promise<void> {
    this.#registry.stopped = true
    await Promise.all([...this.#registry.active].map(async pool => { await pool.close() }))
  }

  /** Ends everything at once. */
  destroy (): void {
    this.#registry.stopped = true
    for (const pool of [...this.#registry.active]) pool.destroy(null, () => {})
  }
}

/** The settings of the pool of a server, without where its connections come from. */
export function settingsOf (server: UpstreamServer, options: UpstreamPoolsOptions): Omit<PoolOptions, 'connect' | 'connectFirst' | 'registry'> {
  const { connectTimeoutMs, maxConnections, maxTlsConnections, maxWaiting, keepAliveTimeoutMs, maxHeaderBytes, closeAfterResponse } = { ...DEFAULTS, ...options }
  return {
    origin: server.origin,
    serverName: fixedServerName(server),
    maxConnections: server.tls === null ? maxConnections : maxTlsConnections,
    waitTimeoutMs: connectTimeoutMs,
    maxWaiting,
    keepAliveTimeoutMs,
    maxHeaderBytes,
    closeAfterResponse
  }
}
