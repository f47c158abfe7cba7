/** Gives each connection of a port to the identity that its client names, and knows afterwards which one that was. */
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Identity } from '../pse/identity.ts'
import type { RevocationCheck, RevocationFinding } from '../revocation/revocation-lists.ts'
import { hasVerifiedCertificate } from './connection.ts'
import { peekClientHello } from './peek.ts'
import { PortIdentity } from './port-identity.ts'
import type { TlsSettings } from './secure-context.ts'
import { normalizeServerName, ServerNames } from './server-name.ts'

/** A connection that did not become a TLS connection. */
export interface HandshakeFailure {
  /** Error code of Node or OpenSSL, or OpenSSL's verdict on the certificate: `CERT_HAS_EXPIRED`. No text of the peer's. */
  readonly reason: string
  readonly remoteAddress: string | undefined
  /** With the reasons CERT_REVOKED and CERT_STATUS_UNKNOWN: the certificate, and what was found out about it. */
  readonly finding?: RevocationFinding
}

/** What to do with the outcome of handshakes. */
export interface AcceptorEvents {
  /** A handshake has ended well. */
  readonly secured: (socket: TLSSocket) => void
  /** A connection was closed before its handshake ended. */
  readonly failed: (failure: HandshakeFailure) => void
}

/** Settings of a {@link TlsAcceptor}. */
export interface AcceptorOptions extends TlsSettings {
  /** Time for a handshake. A user may have to choose a certificate and to type the PIN of a smart card in it. */
  readonly handshakeTimeoutMs: number
  /** The clock; the system's by default. */
  readonly now?: () => Date
  /** Judges client certificates after each handshake, on resumed sessions too. `null` or left out: none is judged. */
  readonly revocation?: RevocationCheck | null | undefined
}

/** A ClientHello needs nobody's attention: it is there at once or not at all. */
const maxClientHelloMs = 10_000

/**
 * The TLS side of a port, without the port. With one identity, connections go to its server as they are; with several, the server name
 * of the ClientHello decides, and what is no ClientHello goes to the default identity, whose TLS library refuses it.
 */
export class TlsAcceptor {
  readonly #options: AcceptorOptions
  readonly #events: AcceptorEvents
  #identities: readonly PortIdentity[]
  #names: ServerNames
  /** What a handshake was made with. */
  readonly #handshakes = new WeakMap<object, Handshake>()
  readonly #connections = new Set<Duplex>()
  readonly #secured = new Set<TLSSocket>()
  #closing = false

  /**
   * @param identities the first is the default; it serves clients that name no host or an unknown one
   * @throws POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY, POSTERN_ERR_TLS_CONTEXT
   */
  constructor (identities: readonly Identity[], options: AcceptorOptions, events: AcceptorEvents) {
    this.#options = options
    this.#events = events
    this.#identities = identities.map((identity, index) => this.#listen(new PortIdentity(identity, options), index))
    this.#names = namesOf(this.#identities)
  }

  /**
   * Puts identities in the places of the present ones: the next handshake uses the new ones, and no session of an old one is resumed.
   * Connections and handshakes that are under way go on; whether their client is still trusted, {@link isRefused} tells.
   *
   * @param identities as many as there are, in their order; those that are the same objects stay as they are
   * @throws POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY, POSTERN_ERR_TLS_CONTEXT; nothing is replaced then
   */
  replaceIdentities (identities: readonly Identity[]): void {
    this.#use(identities.map((identity, index) => {
      const present = this.#identities[index] as PortIdentity
      return identity === present.identity ? present : this.#listen(new PortIdentity(identity, this.#options, present), index)
    }))
  }

  /** No session that was made so far is resumed any more: whoever comes back is verified anew. */
  forgetSessions (): void {
    this.#use(this.#identities.map((present, index) => this.#listen(new PortIdentity(present.identity, this.#options, present), index)))
  }

  #use (identities: readonly PortIdentity[]): void {
    this.#identities = identities
    this.#names = namesOf(identities)
  }

  /** Takes a new connection. */
  accept (connection: Duplex): void {
    // refused by somebody who saw it first, for instance by an access control list
    if (connection.destroyed) return
    if (this.#closing) {
      connection.destroy()
      return
    }
    // read now: a failed connection does not tell any more where it came from, unless it was asked before
    const remoteAddress = remoteAddressOf(connection)
    this.#connections.add(connection)
    connection.once('close', () => this.#connections.delete(connection))
    if (this.#identities.length === 1) return this.#handshake(connection, 0)
    peekClientHello(connection, Math.min(maxClientHelloMs, this.#options.handshakeTimeoutMs), peeked => {
      if (peeked.state === 'lost') return this.#events.failed({ reason: peeked.reason, remoteAddress })
      const name = peeked.state === 'complete' && peeked.serverName !== null ? normalizeServerName(peeked.serverName) : null
      this.#handshake(connection, this.#names.indexOf(name))
    })
  }

  /**
   * Whether a request for `host` may be answered on this connection: the identity for `host` has to be the one that the handshake was
   * made with, since that one's trust list verified the client.
   *
   * @param host without port; `null` for a request without a host, which counts as one for the default identity
   */
  serves (host: string | null, socket: object): boolean {
    if (this.#identities.length === 1) return true
    return this.#handshakes.get(socket)?.index === this.#names.indexOf(host === null ? null : normalizeServerName(host))
  }

  /** The connections whose handshake has ended and for which `predicate` holds: for those that somebody wants to end. */
  connectionsThat (predicate: (socket: TLSSocket) => boolean): TLSSocket[] {
    return [...this.#secured].filter(predicate)
  }

  /**
   * Whether the client of this connection would be refused now: trust list and revocation lists may have been replaced since its
   * handshake. `false` for connections of others, and for clients without a certificate that was verified.
   */
  isRefused (socket: TLSSocket): boolean {
    const handshake = this.#handshakes.get(socket)
    return handshake !== undefined && (!this.#isTrusted(socket, handshake) || this.#findingOf(socket, handshake.index) !== null)
  }

  /** Ends the handshakes that are under way and takes no more. Connections whose handshake has ended stay. */
  close (): void {
    this.#closing = true
    const secured = new Set([...this.#secured].map(endpointsOf))
    for (const connection of this.#connections) {
      if (!secured.has(endpointsOf(connection))) connection.destroy()
    }
  }

  #listen (entry: PortIdentity, index: number): PortIdentity {
    const { server } = entry
    server.on('secureConnection', socket => { this.#secure(socket, { entry, index }) })
    server.on('tlsClientError', (error: Error & { code?: string }, socket) => {
      this.#events.failed({ reason: String(socket.authorizationError ?? error.code), remoteAddress: remoteAddressOf(socket) })
      socket.destroy()
    })
    return entry
  }

  #handshake (connection: Duplex, index: number): void {
    (this.#identities[index] as PortIdentity).server.handshake(connection)
  }

  #secure (socket: TLSSocket, handshake: Handshake): void {
    const refusal = this.#refusalOf(socket, handshake)
    if (refusal !== null) {
      this.#events.failed({ ...refusal, remoteAddress: remoteAddressOf(socket) })
      socket.destroy()
      return
    }
    if (this.#closing) {
      socket.destroy()
      return
    }
    this.#handshakes.set(socket, handshake)
    this.#secured.add(socket)
    socket.once('close', () => this.#secured.delete(socket))
    this.#events.secured(socket)
  }

  #refusalOf (socket: TLSSocket, handshake: Handshake): Pick<HandshakeFailure, 'reason' | 'finding'> | null {
    // OpenSSL demands a certificate in full handshakes only; a resumed session carries the verdict of an earlier time
    if (this.#options.verifyClient === 2 && !hasVerifiedCertificate(socket, this.#options.now?.())) return { reason: 'CERT_HAS_EXPIRED' }
    // it may have begun before the trust list was replaced
    if (!this.#isTrusted(socket, handshake)) return { reason: 'CERT_UNTRUSTED' }
    const finding = this.#findingOf(socket, handshake.index)
    return finding === null ? null : { reason: finding.status === 'revoked' ? 'CERT_REVOKED' : 'CERT_STATUS_UNKNOWN', finding }
  }

  /** Whether the present trust list accepts what the one of the handshake has accepted. */
  #isTrusted (socket: TLSSocket, { entry, index }: Handshake): boolean {
    const present = this.#identities[index] as PortIdentity
    if (present.identity === entry.identity || present.paths.trustsAllOf(entry.paths)) return true
    const at = this.#options.now?.() ?? new Date()
    return !hasVerifiedCertificate(socket, at) || present.paths.accepts(entry.paths.pathOf(socket, at), at)
  }

  /**
   * With `verify_client` 1, too, a client with a revoked certificate is refused and not served as if it had none: it has asked to be
   * known by a certificate that somebody else may have by now.
   */
  #findingOf (socket: TLSSocket, index: number): RevocationFinding | null {
    const { revocation, now } = this.#options
    const at = now?.() ?? new Date()
    if (!revocation || !hasVerifiedCertificate(socket, at)) return null
    return revocation.judge((this.#identities[index] as PortIdentity).paths.pathOf(socket, at), at)
  }
}

interface Handshake {
  readonly entry: PortIdentity
  /** Position of the identity. */
  readonly index: number
}

function namesOf (identities: readonly PortIdentity[]): ServerNames {
  return new ServerNames(identities.map(({ identity: { certificate } }) => certificate as Buffer))
}

/** Where a connection comes from. A TLS socket whose handshake failed has lost it; the connection below it, which Node keeps there, has not. */
function remoteAddressOf (connection: Endpoint & { _parent?: Endpoint | null }): string | undefined {
  return connection.remoteAddress ?? connection._parent?.remoteAddress
}

/** The same for a TLS socket and for the connection below it. */
function endpointsOf ({ remoteAddress, remotePort, localAddress, localPort }: Endpoint): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

/** What a TCP connection has, and another stream has not. */
interface Endpoint extends Duplex {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
}
