/**
 * The registration port of reverse invoke: initiators register here over a WebSocket, and open the connections on which this side sends
 * requests. For a Fastify instance of its own; its server gets all upgrades.
 */
import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as TlsServer, TLSSocket } from 'node:tls'
import websocket, { type WebsocketPluginOptions } from '@fastify/websocket'
import type { FastifyBaseLogger, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { Registry } from 'prom-client'
import type { WebSocket } from 'ws'
import { errors } from '../src/errors.ts'
import { checkOptions } from '../src/options.ts'
import { Acceptor } from '../src/reverse-invoke/acceptor.ts'
import { acceptorMetrics } from '../src/reverse-invoke/acceptor-metrics.ts'
import { ReverseInvokeAcceptorOptionsSchema, type ReverseInvokeAcceptorSettings } from '../src/reverse-invoke/acceptor-options.ts'
import { RegistrationAcl } from '../src/reverse-invoke/acl.ts'
import { AllowRules } from '../src/reverse-invoke/allow.ts'
import { systemClock, type Clock } from '../src/reverse-invoke/clock.ts'
import type { CodedError, ControlChannel, ControlSession } from '../src/reverse-invoke/control-session.ts'
import { isPlainUpgrade, readDataRequest } from '../src/reverse-invoke/data-request.ts'
import { peerCertificate } from '../src/reverse-invoke/peer-certificate.ts'
import type { Peer, PeerCertificate } from '../src/reverse-invoke/peer.ts'
import { Registrations } from '../src/reverse-invoke/registrations.ts'
import { RepeatedReport } from '../src/reverse-invoke/repeated-report.ts'
import { UnregisteredConnections } from '../src/reverse-invoke/unregistered-connections.ts'
import { controlPath, controlProtocol, dataPath, dataProtocol, replicaField, replicasField } from '../src/reverse-invoke/wire.ts'
import { hasVerifiedCertificate } from '../src/tls/connection.ts'

export { ReverseInvokeAcceptorOptionsSchema }

/** Options of the plugin `reverse-invoke-acceptor`. */
export type ReverseInvokeAcceptorOptions = Partial<ReverseInvokeAcceptorSettings> & {
  /** The table that registrations are entered in; the forward path looks there. Its own by default. */
  readonly registrations?: Registrations
  readonly metrics?: Registry
  readonly clock?: Clock
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Who is registered. */
    reverseInvoke: Registrations
    registrationPort: RegistrationConnections
  }
}

/** The connections of a registration port, for whoever replaces its trust list or revocation lists. */
export interface RegistrationConnections {
  /**
   * Ends the registrations whose control connection is one for which `predicate` holds: they get nothing new, and what runs on their
   * data connections may end, within `drainTimeoutMs`.
   */
  readonly endThose: (predicate: (socket: Socket) => boolean) => void
  /** Whether a connection is the control connection or a data connection of somebody, and ends with the registration. */
  readonly has: (socket: Socket) => boolean
}

/** Time for the other side to answer a closing handshake of WebSocket, in milliseconds. */
const closeTimeoutMs = 2000
/** Probes keep the entries of stateful firewalls alive, and find data connections whose other end is gone. */
const keepAliveProbeMs = 30_000
/** Whoever can connect at all must not fill the log: connections that became nothing are one line in this time, in milliseconds. */
const reportIntervalMs = 60_000
/** Time for the other side to read a refusal and to close, in milliseconds. */
const lingerMs = 1000

/**
 * @throws POSTERN_ERR_OPTIONS_INVALID, POSTERN_ERR_REVERSE_INVOKE_ACL at registration
 */
const plugin: FastifyPluginAsync<ReverseInvokeAcceptorOptions> = async (fastify, { registrations = new Registrations(), metrics = new Registry(), clock = systemClock, ...json }) => {
  const settings = checkOptions('reverse-invoke-acceptor', ReverseInvokeAcceptorOptionsSchema, json)
  const tls = fastify.server instanceof TlsServer
  const replica = settings.replica ?? randomUUID()
  const allow = new AllowRules(settings.allow)
  const refusals = new RepeatedReport(reportIntervalMs, () => clock.now())
  const port = new RegistrationPort({
    tls,
    replica,
    clock,
    maxMessageBytes: settings.maxMessageBytes,
    acceptor: new Acceptor({ ...settings, replica }, {
      acl: new RegistrationAcl(settings.acl, { tls }), allow, registrations, clock, metrics: acceptorMetrics(metrics), log: fastify.log
    }),
    unregistered: new UnregisteredConnections({
      max: settings.maxUnregistered,
      timeoutMs: settings.registerTimeoutMs,
      clock,
      onRefused: (remoteAddress, reason) => {
        if (reason === 'limit') acceptorMetrics(metrics).limits.inc({ limit: 'unregistered' })
        const times = refusals.count(reason)
        if (times !== null) fastify.log.warn({ remoteAddress, reason, ...times > 1 && { times } }, 'connection to the registration port closed: it has not registered')
      }
    })
  })
  fastify.decorate('reverseInvoke', registrations)
  fastify.decorate('registrationPort', { endThose: predicate => { port.endThose(predicate) }, has: socket => port.has(socket) })
  await fastify.register(websocket, {
    options: webSocketOptions(port.controlUpgrades, settings.maxMessageBytes),
    errorHandler: () => { /* the session has its own listener */ },
    preClose: (done: () => void) => {
      registrations.drain(settings.drainTimeoutMs).then(() => { port.close() }).then(done, done)
    }
  })
  fastify.websocketServer.on('headers', headers => { headers.push(`${replicaField}: ${replica}`, `${replicasField}: ${settings.replicas}`) })
  fastify.addHook('onRequest', async (_request, reply) => { reply.header(replicaField, replica) })
  fastify.get(controlPath, { websocket: true, logLevel: 'silent' }, (socket, request) => { port.control(socket, request.raw) })
  port.attach(fastify.server)
  fastify.addHook('onListen', async () => { reportStart(fastify.log, { tls, rules: allow.size, acl: settings.acl.length, replica, replicas: settings.replicas }) })
}

/** `closeTimeout` is not in the types of ws yet. */
function webSocketOptions (upgrades: EventEmitter, maxPayload: number): NonNullable<WebsocketPluginOptions['options']> & { readonly closeTimeout: number } {
  return {
    // the plugin listens for upgrades there, and sees what the port hands on instead of every upgrade of the server
    server: upgrades as Server,
    perMessageDeflate: false,
    maxPayload,
    closeTimeout: closeTimeoutMs,
    handleProtocols: () => controlProtocol
  }
}

interface StartFacts { readonly tls: boolean, readonly rules: number, readonly acl: number, readonly replica: string, readonly replicas: number }

function reportStart (log: FastifyBaseLogger, { tls, rules, acl, replica, replicas }: StartFacts): void {
  log.info({ tls, allowRules: rules, aclEntries: acl, replica, replicas }, 'registration port open')
  if (!tls) log.warn('registration without TLS: addresses are all that is known of initiators')
  if (rules === 0 || acl === 0) log.warn({ allowRules: rules, aclEntries: acl }, 'nobody may register anything: the list of hosts or the list of allow rules is empty')
}

interface PortParts {
  readonly tls: boolean
  readonly replica: string
  readonly acceptor: Acceptor
  readonly unregistered: UnregisteredConnections
  readonly maxMessageBytes: number
  readonly clock: Clock
}

/** The one place that sees the upgrades of the registration port. */
class RegistrationPort {
  /** WebSocket upgrades for the control path. */
  readonly controlUpgrades = new EventEmitter()
  readonly #parts: PortParts
  readonly #peers = new WeakMap<IncomingMessage, Peer>()
  readonly #sessions = new Map<Socket, ControlSession>()
  readonly #dataConnections = new WeakSet<Socket>()

  constructor (parts: PortParts) {
    this.#parts = parts
  }

  attach (server: Server): void {
    // in front of the listeners of HTTP and TLS, which leave a destroyed connection alone
    server.prependListener('connection', (socket: Socket) => { this.#parts.unregistered.add(socket) })
    server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => { this.#upgrade(request, stream, head) })
    server.on('connect', (request: IncomingMessage) => { this.#refuse(request, new errors.REVERSE_INVOKE_UPGRADE()) })
  }

  #upgrade (request: IncomingMessage, stream: Duplex, head: Buffer): void {
    stream.on('error', () => { stream.destroy() })
    try {
      const socket = request.socket
      // Node hands out another stream for a request with a body
      if (stream !== socket || !isPlainUpgrade(request.rawHeaders) || request.method !== 'GET') throw new errors.REVERSE_INVOKE_UPGRADE()
      const peer = this.#peerOf(socket)
      const protocol = request.headers.upgrade?.toLowerCase()
      if (request.url === controlPath && protocol === 'websocket') this.#controlUpgrade(request, head, peer)
      else if (request.url === dataPath && protocol === dataProtocol.toLowerCase()) this.#dataUpgrade(request, head, peer)
      else throw new errors.REVERSE_INVOKE_UPGRADE()
    } catch (error) {
      this.#refuse(request, error as CodedError)
    }
  }

  /** @throws POSTERN_ERR_REVERSE_INVOKE_CERTIFICATE (403), POSTERN_ERR_REVERSE_INVOKE_DENIED (403) */
  #peerOf (socket: Socket): Peer {
    const peer = { address: addressOf(socket), certificate: certificateOf(socket) }
    if (this.#parts.tls && peer.certificate === null) throw new errors.REVERSE_INVOKE_CERTIFICATE()
    this.#parts.acceptor.admit(peer)
    return peer
  }

  #controlUpgrade (request: IncomingMessage, head: Buffer, peer: Peer): void {
    const offered = request.headers['sec-websocket-protocol']?.split(',').map(name => name.trim())
    if (offered?.includes(controlProtocol) !== true) throw new errors.REVERSE_INVOKE_UPGRADE()
    if (this.controlUpgrades.listenerCount('upgrade') === 0) throw new errors.REVERSE_INVOKE_DRAINING()
    this.#peers.set(request, peer)
    this.#parts.unregistered.handshakeDone(request.socket)
    this.controlUpgrades.emit('upgrade', request, request.socket, head)
  }

  /** The WebSocket of a control channel is open. */
  control (socket: WebSocket, request: IncomingMessage): void {
    const peer = this.#peers.get(request)
    if (peer === undefined) return socket.terminate()
    const session = this.#parts.acceptor.open(channelOf(socket), peer, () => { this.#parts.unregistered.established(request.socket) })
    this.#sessions.set(request.socket, session)
    socket.on('message', (data, isBinary) => { session.message(isBinary ? null : String(data)) })
    socket.on('ping', () => { session.heartbeat() })
    socket.on('pong', () => { session.heartbeat() })
    socket.on('error', (error: Error & { code?: string }) => { session.closed(protocolError(error, this.#parts.maxMessageBytes)) })
    socket.on('close', () => {
      this.#sessions.delete(request.socket)
      session.closed()
    })
  }

  endThose (predicate: (socket: Socket) => boolean): void {
    for (const [socket, session] of [...this.#sessions]) {
      if (predicate(socket)) this.#parts.acceptor.expel(session)
    }
  }

  has (socket: Socket): boolean {
    return this.#sessions.has(socket) || this.#dataConnections.has(socket)
  }

  #dataUpgrade (request: IncomingMessage, head: Buffer, peer: Peer): void {
    const data = readDataRequest(request.headers)
    // bytes behind the request would be taken for the answer to a request that was not sent yet
    if (data === null || head.length > 0) throw new errors.REVERSE_INVOKE_UPGRADE()
    const take = this.#parts.acceptor.redeem(data, peer)
    const { socket } = request
    this.#parts.unregistered.established(socket)
    socket.setTimeout(0)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, keepAliveProbeMs)
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${dataProtocol}\r\n${replicaField}: ${this.#parts.replica}\r\n\r\n`)
    this.#dataConnections.add(socket)
    take(socket)
  }

  /** Answers and closes. The answer is neutral: its code says what was wrong, the log says why. */
  #refuse (request: IncomingMessage, error: CodedError & { readonly statusCode?: number }): void {
    const { acceptor, replica } = this.#parts
    const { socket } = request
    const statusCode = error.statusCode ?? 500
    socket.on('error', () => { socket.destroy() })
    acceptor.refused({ address: addressOf(socket), certificate: certificateOf(socket) }, error, request.url === dataPath ? 'data connection' : 'registration')
    const body = JSON.stringify({ statusCode, code: error.code, error: STATUS_CODES[statusCode], message: error.message })
    const head = [`HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}`, 'Connection: close', 'Content-Type: application/json; charset=utf-8', `Content-Length: ${body.length}`, `${replicaField}: ${replica}`]
    socket.once('end', () => { socket.destroy() })
    socket.resume()
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
    const cancel = this.#parts.clock.after(lingerMs, () => { socket.destroy() })
    socket.once('close', cancel)
  }

  /** Ends everything that is open. */
  close (): void {
    this.controlUpgrades.removeAllListeners()
    this.#parts.acceptor.close()
    this.#parts.unregistered.close()
  }
}

function addressOf (socket: Socket): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '')
}

function certificateOf (socket: Socket): PeerCertificate | null {
  if (!(socket instanceof TLSSocket) || !hasVerifiedCertificate(socket)) return null
  const certificate = socket.getPeerX509Certificate()
  return certificate === undefined ? null : peerCertificate(certificate)
}

function channelOf (socket: WebSocket): ControlChannel {
  return {
    send: text => { socket.send(text, () => { /* a failed send is followed by the end of the connection */ }) },
    ping: () => { socket.ping(undefined, undefined, () => {}) },
    close: (code, reason) => { socket.close(code, reason) },
    terminate: () => { socket.terminate() }
  }
}

/** What a violation of the WebSocket protocol means here; `null` for a lost connection. */
function protocolError ({ code = '' }: { readonly code?: string }, maxMessageBytes: number): CodedError | null {
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return new errors.REVERSE_INVOKE_MESSAGE_SIZE(maxMessageBytes)
  return code.startsWith('WS_ERR_') ? new errors.REVERSE_INVOKE_MESSAGE() : null
}

export const reverseInvokeAcceptor = fp(plugin, { name: 'postern/reverse-invoke-acceptor', fastify: '5.x' })
export default reverseInvokeAcceptor
