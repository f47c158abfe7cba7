import type { Identity } from '../pse/identity.ts'
import type { UpstreamServer } from './server.ts'

/** Servers without TLS have no identity; they share this key. */
const NO_IDENTITY = {}

/**
 * Something that there is once per server and identity, made on first use. A renewed identity is another object and gets things of its
 * own; what belongs to the old one is not kept in memory by this.
 */
export class PerServer<T extends object> {
  readonly #byServer = new WeakMap<UpstreamServer, T>()
  readonly #byIdentity = new WeakMap<Identity | typeof NO_IDENTITY, Map<string, T>>()
  readonly #make: (server: UpstreamServer) => T

  constructor (make: (server: UpstreamServer) => T) {
    this.#make = make
  }

  /** The one of this server. */
  of (server: UpstreamServer): T {
    let found = this.#byServer.get(server)
    if (found === undefined) this.#byServer.set(server, found = this.#equal(server))
    return found
  }

  /** Servers that are alike share one. */
  #equal (server: UpstreamServer): T {
    const identity = server.tls?.identity ?? NO_IDENTITY
    let known = this.#byIdentity.get(identity)
    if (known === undefined) this.#byIdentity.set(identity, known = new Map())
    const { origin, host, port, tls } = server
    const key = JSON.stringify([origin, host, port, tls?.presentCertificate, tls?.serverName, tls?.ignoreHostMismatch, tls?.settings])
    let found = known.get(key)
    if (found === undefined) known.set(key, found = this.#make(server))
    return found
  }
}
