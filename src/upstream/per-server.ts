import type { Identity } from '../pse/identity.ts'
import type { UpstreamServer } from './server.ts'

/** Servers without TLS have no identity; they share this key. */
const NO_IDENTITY = {}

/**
 * Something that there is once per server and identity, made on first use. A renewed identity is another object and gets things of its
 * own; what belongs to the old one is not kept in memory by this.
 */
export class PerServer<T extends object> {
  #byServer = new WeakMap<UpstreamServer, { readonly identity: object, readonly value: T }>()
  readonly #byIdentity = new WeakMap<object, Map<string, T>>()
  readonly #make: (server: UpstreamServer) => T

  /** @param make gets the server with the identity that it has now, and keeps */
  constructor (make: (server: UpstreamServer) => T) {
    this.#make = make
  }

  /** The one of this server and the identity that it has now. */
  of (server: UpstreamServer): T {
    const identity = server.tls?.identity ?? NO_IDENTITY
    const found = this.#byServer.get(server)
    if (found?.identity === identity) return found.value
    const value = this.#equal(fixed(server), identity)
    this.#byServer.set(server, { identity, value })
    return value
  }

  /** Lets go of what was made for an identity, and returns it. */
  forget (identity: Identity): T[] {
    const known = [...this.#byIdentity.get(identity)?.values() ?? []]
    this.#byIdentity.delete(identity)
    // entries of servers that nobody asks for would keep it
    this.#byServer = new WeakMap()
    return known
  }

  /** Servers that are alike share one. */
  #equal (server: UpstreamServer, identity: object): T {
    let known = this.#byIdentity.get(identity)
    if (known === undefined) this.#byIdentity.set(identity, known = new Map())
    const { origin, host, port, tls } = server
    const key = JSON.stringify([origin, host, port, tls?.presentCertificate, tls?.serverName, tls?.ignoreHostMismatch, tls?.settings])
    let found = known.get(key)
    if (found === undefined) known.set(key, found = this.#make(server))
    return found
  }
}

/** The identity of a server may be replaced; whoever has connections needs the one that they were made with. */
function fixed (server: UpstreamServer): UpstreamServer {
  return server.tls === null ? server : { ...server, tls: { ...server.tls } }
}
