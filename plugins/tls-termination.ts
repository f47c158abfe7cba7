/**
 * TLS termination: the server factory that a Fastify instance is created with, because a plugin cannot make a listener afterwards, and
 * the plugin that goes with it.
 */
import type { FastifyBaseLogger, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { RequestListener } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { Type, type Static } from 'typebox'
import { errors } from '../src/errors.ts'
import { hostsOfRequest } from '../src/tls/request-hosts.ts'
import { reversedConnection } from '../src/http/reversed-connection.ts'
import { checkOptions } from '../src/options.ts'
import type { Identity } from '../src/pse/identity.ts'
import type { RevocationCheck } from '../src/revocation/revocation-lists.ts'
import { TlsAcceptor, type HandshakeFailure } from '../src/tls/acceptor.ts'
import { ConnectionEnds } from '../src/tls/connection-ends.ts'
import { parseCertificate } from '../src/x509/certificate.ts'

const TlsVersionSchema = Type.Union([Type.Literal('TLSv1'), Type.Literal('TLSv1.1'), Type.Literal('TLSv1.2'), Type.Literal('TLSv1.3')])

/** The part of {@link TlsServerOptions} that is JSON. */
export const TlsServerOptionsSchema = Type.Object({
  verifyClient: Type.Union([Type.Literal(0), Type.Literal(1), Type.Literal(2)], {
    description: 'Whether clients are asked for a certificate: 0 no, 1 asked for and, if there is none that can be verified, served without, 2 demanded.',
    default: 1,
    'x-sap': { parameter: 'icm/HTTPS/verify_client' }
  }),
  ciphers: Type.Union([Type.String({ minLength: 1 }), Type.Null()], {
    description: 'Cipher list of OpenSSL for TLS 1.2 and below; suites of TLS 1.3 (TLS_...) may stand in it, and are all on otherwise. Null for the default of Node.',
    default: null,
    'x-sap': { parameter: 'ssl/ciphersuites' }
  }),
  groups: Type.Union([Type.String({ minLength: 1 }), Type.Null()], {
    description: 'Groups for the key exchange, separated by colons; null for the default of OpenSSL.',
    default: null,
    'x-sap': { parameter: 'ssl/ciphersuites' }
  }),
  minVersion: Type.Unsafe<Static<typeof TlsVersionSchema>>({
    ...TlsVersionSchema, description: 'Oldest version of TLS that is spoken.', default: 'TLSv1.2', 'x-sap': { parameter: 'ssl/ciphersuites' }
  }),
  maxVersion: Type.Union([Type.Literal('TLSv1.2'), Type.Literal('TLSv1.3')], {
    description: 'Newest version of TLS that is spoken.', default: 'TLSv1.3', 'x-sap': { parameter: 'ssl/ciphersuites' }
  }),
  sessionTimeoutSeconds: Type.Union([Type.Integer({ minimum: 1, maximum: 604_800 }), Type.Null()], {
    description: 'How long a session can be resumed; null for the default of OpenSSL.',
    default: null,
    'x-sap': { parameter: 'icm/ssl_config_<xx>', unit: 's' }
  }),
  handshakeTimeoutMs: Type.Integer({
    description: 'Time for a handshake. A user may have to choose a certificate and to type the PIN of a smart card in it.',
    default: 60_000,
    minimum: 1,
    maximum: 600_000
  })
}, { additionalProperties: false })

/** Options of {@link tlsServerFactory}. */
export interface TlsServerOptions extends Partial<Static<typeof TlsServerOptionsSchema>> {
  /** The first serves clients that name no host or an unknown one, the others by the names in their certificates (SAP: SNI_CREDS). */
  readonly identities: readonly TlsIdentity[]
  /** Judges client certificates after each handshake; `null` or left out: revocation is not checked. */
  readonly revocation?: RevocationCheck | null
  /** Limits and times of Node's HTTP server: `maxHeaderSize`, `headersTimeout`, `requestTimeout`, `keepAliveTimeout`, ... */
  readonly server?: Omit<ServerOptions, 'key' | 'cert' | 'ca' | 'pfx' | 'SNICallback' | 'requestCert' | 'rejectUnauthorized'>
}

/** An identity of a port. */
export interface TlsIdentity {
  /** For messages. */
  readonly name: string
  readonly identity: Identity
}

/** What a factory made: the acceptors of its servers. Fastify makes a second server where `localhost` has two addresses. */
interface Termination {
  readonly severalIdentities: boolean
  readonly acceptors: TlsAcceptor[]
  hasHooks: boolean
  failed: (failure: HandshakeFailure) => void
}

/** The TLS connections of an instance, for whoever replaces trust lists or revocation lists. */
export interface TlsConnections {
  /**
   * Ends the connections for which `predicate` holds, each behind the answer to the last request that was taken; upgraded ones at once.
   * Returns their number.
   */
  readonly endThose: (predicate: (socket: TLSSocket) => boolean) => number
  /** Ends, in the same way, the connections whose client would be refused now: by the trust list or by the revocation check. */
  readonly endRefused: () => number
  /** Whether the client of this connection would be refused now. */
  readonly isRefused: (socket: TLSSocket) => boolean
  /**
   * Puts identities in the places of the present ones: the next handshake uses the new ones, and no session of an old one is resumed. What
   * runs goes on; {@link TlsConnections.endRefused} ends what a new trust list no longer accepts.
   *
   * @param identities as many as the server was made with, in their order; the same object stays as it is
   * @throws POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY, POSTERN_ERR_TLS_CONTEXT; nothing is replaced then
   */
  readonly replaceIdentities: (identities: readonly Identity[]) => void
  /** No session that was made so far is resumed any more: for whoever replaces revocation lists. */
  readonly forgetSessions: () => void
  /** Calls `listener` for each handshake that failed because of the client's certificate: none, one that is not trusted, or a revoked one. */
  readonly onClientRefused: (listener: () => void) => void
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Set by the plugin tls-termination. */
    readonly tlsConnections: TlsConnections
  }
}

/** How the plugin finds the acceptors of the instance it is registered with. */
const terminations = new WeakMap<object, Termination>()

/**
 * Makes the `serverFactory` of a Fastify instance. Its server is an `https.Server` for all identities; the handshakes are done by
 * one TLS server per identity behind it. With several identities the plugin {@link tlsTermination} has to be registered on the instance,
 * or `listen` rejects with POSTERN_ERR_TLS_PLUGIN_MISSING.
 *
 * @throws POSTERN_ERR_OPTIONS_INVALID, POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY, POSTERN_ERR_TLS_CONTEXT when the factory is called by Fastify
 * @example const app = fastify({ serverFactory: tlsServerFactory({ identities: [{ name: 'server', identity }], verifyClient: 1 }) })
 */
export function tlsServerFactory ({ identities, server: serverOptions = {}, revocation, ...rest }: TlsServerOptions): (handler: RequestListener) => Server {
  const options = checkOptions('tls-termination', TlsServerOptionsSchema, rest)
  if (identities.length === 0) throw new errors.OPTIONS_INVALID('tls-termination', 'identities: expected at least one')
  const termination: Termination = { severalIdentities: identities.length > 1, acceptors: [], hasHooks: false, failed: () => {} }
  return handler => {
    // an empty list of CAs: this server makes no handshakes, and need not load the roots that Node brings along
    const server = createServer({ ...serverOptions, ca: [] }, handler)
    const acceptor = new TlsAcceptor(identities.map(({ identity }) => identity), { ...options, revocation }, {
      secured: socket => { server.emit('secureConnection', socket) },
      failed: failure => { termination.failed(failure) }
    })
    // its own listener would start a handshake without any identity
    server.removeAllListeners('connection').on('connection', connection => { acceptor.accept(connection) })
    server.prependListener('listening', () => { refuseWithoutHooks(server, termination) })
    termination.acceptors.push(acceptor)
    terminations.set(server, termination)
    return server
  }
}

/** `listen` rejects then. */
function refuseWithoutHooks (server: Server, { severalIdentities, hasHooks }: Termination): void {
  if (!severalIdentities || hasHooks) return
  server.emit('error', new errors.TLS_PLUGIN_MISSING())
  // before any connection is accepted, but after the other listeners, which want to know the address
  process.nextTick(() => { server.close() })
}

/**
 * The hooks of TLS termination: 421 where the host of a request belongs to another identity than its connection, a line for each failed
 * handshake (info where the client's certificate was the reason, else debug), and the end of open handshakes when the instance closes.
 *
 * @throws POSTERN_ERR_TLS_SERVER_MISSING when the instance was made without {@link tlsServerFactory}
 * @see RFC 9110 section 15.5.20 (421), RFC 6066 section 11.1
 */
const plugin: FastifyPluginAsync = async fastify => {
  const termination = terminations.get(fastify.server)
  if (termination === undefined) throw new errors.TLS_SERVER_MISSING()
  termination.hasHooks = true
  const refusalListeners: Array<() => void> = []
  termination.failed = failure => {
    reportFailure(failure, fastify.log)
    if (isAboutCertificate(failure)) for (const listener of refusalListeners) listener()
  }
  const ends = new ConnectionEnds()
  fastify.decorate('tlsConnections', { ...connectionsOf(termination, ends), onClientRefused: listener => { refusalListeners.push(listener) } })
  fastify.server.on('secureConnection', (socket: TLSSocket) => { reportUnverified(socket, fastify.log) })
  fastify.addHook('onRequest', (request, reply, done) => {
    done(ends.begin(request.raw, reply.raw) ? undefined : new errors.TLS_ENDING())
  })
  if (termination.severalIdentities) {
    fastify.addHook('onRequest', async request => {
      if (!isServed(request, termination)) throw new errors.TLS_MISDIRECTED()
    })
  }
  fastify.addHook('preClose', async () => {
    for (const acceptor of termination.acceptors) acceptor.close()
  })
}

function connectionsOf ({ acceptors }: Termination, ends: ConnectionEnds): Omit<TlsConnections, 'onClientRefused'> {
  const endThat = (acceptor: TlsAcceptor, predicate: (socket: TLSSocket) => boolean): number => {
    const sockets = acceptor.connectionsThat(predicate)
    for (const socket of sockets) ends.end(socket)
    return sockets.length
  }
  return {
    endThose: predicate => acceptors.reduce((sum, acceptor) => sum + endThat(acceptor, predicate), 0),
    endRefused: () => acceptors.reduce((sum, acceptor) => sum + endThat(acceptor, socket => acceptor.isRefused(socket)), 0),
    isRefused: socket => acceptors.some(acceptor => acceptor.isRefused(socket)),
    replaceIdentities: identities => { for (const acceptor of acceptors) acceptor.replaceIdentities(identities) },
    forgetSessions: () => { for (const acceptor of acceptors) acceptor.forgetSessions() }
  }
}

/** OpenSSL's words for a client certificate that is missing or cannot be verified. */
const aboutCertificate = /^(ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE$|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_|PATH_LENGTH)/

function isAboutCertificate ({ reason, finding }: HandshakeFailure): boolean {
  return finding !== undefined || aboutCertificate.test(reason)
}

function reportFailure (failure: HandshakeFailure, log: FastifyBaseLogger): void {
  const { reason, remoteAddress, finding } = failure
  // somebody whose certificate is not taken will ask why; scans and clients that leave are nobody's concern
  if (finding === undefined) log[isAboutCertificate(failure) ? 'info' : 'debug']({ reason, remoteAddress }, 'TLS handshake failed')
  else log.info({ ...finding, reason, remoteAddress, ...(finding.status === 'revoked' && { revocationReason: finding.reason }) }, 'client certificate refused')
}

/** A client that sends a certificate means to log on with it: when that cannot be, somebody will ask why. */
function reportUnverified (socket: TLSSocket, log: FastifyBaseLogger): void {
  const sent = socket.authorized ? undefined : socket.getPeerX509Certificate()
  if (sent === undefined) return
  const { subject, issuer } = namesOf(sent.raw)
  log.info({ reason: String(socket.authorizationError), subject, issuer, remoteAddress: socket.remoteAddress }, 'client certificate not verified: it counts as none')
}

function namesOf (der: Buffer): { subject: string | null, issuer: string | null } {
  try {
    return parseCertificate(der)
  } catch {
    return { subject: null, issuer: null }
  }
}

function isServed ({ raw, originalUrl }: FastifyRequest, { acceptors }: Termination): boolean {
  // no identity of this port was shown to anybody: what the client saw is the business of the gateway at the other end
  if (reversedConnection(raw.socket) !== null) return true
  const hosts = hostsOfRequest(raw.rawHeaders, originalUrl)
  return hosts !== null && acceptors.some(acceptor => hosts.every(host => acceptor.serves(host, raw.socket)))
}

export const tlsTermination = fp(plugin, { name: 'postern/tls-termination', fastify: '5.x' })
export default tlsTermination
