import type { Identity } from '../pse/identity.ts'
import { dial, type Connector } from './connector.ts'
import { UpstreamPool, type PoolRegistry } from './pool.ts'
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

/** Servers without TLS have no identity; they share this key. */
const NO_IDENTITY = {}

/**
 * The connection pools of a gateway: one per server and identity. A renewed identity is another object and gets pools of its own; the
 * connections of the old one end with their exchanges or by their idle time, and nothing here keeps its key in memory after that.
 */
export class UpstreamPools {
  readonly #options: Required<UpstreamPoolsOptions>
  readonly #byServer = new WeakMap<UpstreamServer, UpstreamPool>()
  readonly #byIdentity = new WeakMap<Identity | typeof NO_IDENTITY, Map<string, UpstreamPool>>()
  readonly #registry: PoolRegistry = { active: new Set(), stopped: false }

  constructor (options: UpstreamPoolsOptions = {}) {
    this.#options = { ...DEFAULTS, ...options }
  }

  /** The pool of a server, made on first use. Usable wherever undici takes a dispatcher: verified TLS and the client PSE come with it. */
  dispatcherFor (server: UpstreamServer): UpstreamPool {
    let pool = this.#byServer.get(server)
    if (pool === undefined) this.#byServer.set(server, pool = this.#poolOf(server))
    return pool
  }

  #poolOf (server: UpstreamServer): UpstreamPool {
    const identity = server.tls?.identity ?? NO_IDENTITY
    let pools = this.#byIdentity.get(identity)
    if (pools === undefined) this.#byIdentity.set(identity, pools = new Map())
    const { origin, host, port, tls } = server
    const key = JSON.stringify([origin, host, port, tls?.presentCertificate, tls?.serverName, tls?.ignoreHostMismatch, tls?.settings])
    let pool = pools.get(key)
    if (pool === undefined) pools.set(key, pool = this.#create(server))
    return pool
  }

  #create (server: UpstreamServer): UpstreamPool {
    const { connector, connectTimeoutMs, maxConnections, maxTlsConnections, ...options } = this.#options
    return new UpstreamPool({
      ...options,
      maxConnections: server.tls === null ? maxConnections : maxTlsConnections,
      origin: server.origin,
      serverName: fixedServerName(server),
      connect: connector(server, { connectTimeoutMs }),
      waitTimeoutMs: connectTimeoutMs,
      registry: this.#registry
    })
  }

  /** Closes idle connections, so that names are resolved anew (SIGHUP). */
  refresh (): void {
    for (const pool of [...this.#registry.active]) pool.closeIdle()
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
