import type { X509Certificate } from 'node:crypto'
import net, { type Socket } from 'node:net'
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls'
import { errors } from '../errors.ts'
import type { CertificatePath } from '../revocation/check.ts'
import type { RevocationCheck } from '../revocation/revocation-lists.ts'
import { rememberPeer } from '../tls/session-peer.ts'
import { refusalOf, rememberPath, serverPathOf } from './peer-check.ts'
import type { UpstreamServer, UpstreamTls } from './server.ts'
import { tlsClientOptions } from './tls-client.ts'

/** Called once, never before the call of the connector has returned: undici's client waits for ever otherwise. */
export type ConnectCallback = (error: Error | null, socket: Socket | null) => void

/** Makes one connection to one server. */
export type Connect = (callback: ConnectCallback) => void

/** Where connections to a server come from: dialled, or taken from somewhere else. Called once per pool; what it returns may keep state. */
export type Connector = (server: UpstreamServer, options: { readonly connectTimeoutMs: number }) => Connect

/**
 * Makes a connector that dials: TCP, or TLS with the client PSE. The time covers name resolution, TCP and TLS together. TLS sessions
 * are resumed within one pool, so that a session never serves another identity or another expected name.
 *
 * @param revocation judges the certificate of the back end after each handshake, on resumed sessions too; `null`: none is judged
 */
export function dialer (revocation: RevocationCheck | null): Connector {
  return ({ host, port, tls: settings }, { connectTimeoutMs }) => {
    const address = { host, port, autoSelectFamily: true, allowHalfOpen: true }
    const secure = settings === null ? null : tlsClient({ host, tls: settings }, revocation)
    return callback => {
      const socket = secure === null ? net.connect(address) : secure(address)
      socket.setNoDelay(true).setKeepAlive(true, 60_000)
      whenConnected(socket, { event: secure === null ? 'connect' : 'secureConnect', timeoutMs: connectTimeoutMs }, callback)
    }
  }
}

/** {@link dialer} without a check of revocation. */
export const dial: Connector = dialer(null)

/** Calls back when a socket is connected, or cannot be in time. */
export function whenConnected (socket: Socket, { event, timeoutMs }: { event: 'connect' | 'secureConnect', timeoutMs: number }, callback: ConnectCallback): void {
  const timer = setTimeout(() => socket.destroy(new errors.UPSTREAM_CONNECT_TIMEOUT()), timeoutMs)
  const end = (error: Error | null): void => {
    clearTimeout(timer)
    socket.off('error', end)
    callback(error, error === null ? socket : null)
  }
  // refused and destroyed: the error follows
  socket.once(event, () => { if (!socket.destroyed) end(null) }).once('error', end)
}

/**
 * Makes TLS connections to one server, over an address or over a socket. What is returned keeps the session for the next connection.
 *
 * @param revocation as for {@link dialer}
 */
export function tlsClient (server: { readonly host: string, readonly tls: UpstreamTls }, revocation: RevocationCheck | null): (over: ConnectionOptions) => TLSSocket {
  const options = tlsClientOptions(server)
  const { identity } = server.tls
  let session: Session | undefined
  return over => {
    // a session shows no certificate: to be judged it has to come with the one that it was made with
    const offered = session?.peer.path === null ? undefined : session
    const socket = tls.connect({ ...over, ...options, ...(offered === undefined ? {} : { session: offered.ticket }) })
    const peer: Peer = { path: null, certificate: undefined }
    // Node hands a session over only after the certificate of the connection was accepted
    socket.on('session', ticket => { session = { ticket, peer } })
    // a session that the server no longer wants must not be offered for ever
    const forget = (): void => { session = undefined }
    socket.once('error', forget).once('secureConnect', () => {
      peer.certificate = socket.isSessionReused() ? offered?.peer.certificate : socket.getPeerX509Certificate()
      if (peer.certificate !== undefined) rememberPeer(socket, peer.certificate)
      peer.path = socket.isSessionReused() ? offered?.peer.path as CertificatePath : serverPathOf(socket, identity)
      rememberPath(socket, peer.path, identity)
      const refusal = revocation === null ? null : refusalOf(peer.path, revocation)
      if (refusal !== null) socket.destroy(refusal)
      if (!socket.destroyed) socket.off('error', forget)
    })
    return socket
  }
}

/** The other side of a connection, for the sessions that come from it. */
interface Peer {
  /** `null` until the handshake has ended. */
  path: CertificatePath | null
  /** `undefined` until the handshake has ended. */
  certificate: X509Certificate | undefined
}

interface Session {
  readonly ticket: Buffer
  readonly peer: Peer
}
