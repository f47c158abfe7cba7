import net, { type Socket } from 'node:net'
import tls, { type TLSSocket } from 'node:tls'
import { errors } from '../errors.ts'
import type { RevocationCheck } from '../revocation/revocation-lists.ts'
import { refusalOf } from './peer-check.ts'
import type { UpstreamServer } from './server.ts'
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
  return (server, { connectTimeoutMs }) => {
    const open = server.tls === null ? tcp(server) : overTls(server, server.tls, revocation)
    return callback => {
      const socket = open()
      const timer = setTimeout(() => socket.destroy(new errors.UPSTREAM_CONNECT_TIMEOUT()), connectTimeoutMs)
      const end = (error: Error | null): void => {
        clearTimeout(timer)
        socket.off('error', end)
        callback(error, error === null ? socket : null)
      }
      socket.setNoDelay(true).setKeepAlive(true, 60_000)
      // refused and destroyed: the error follows
      socket.once(server.tls === null ? 'connect' : 'secureConnect', () => { if (!socket.destroyed) end(null) }).once('error', end)
    }
  }
}

/** {@link dialer} without a check of revocation. */
export const dial: Connector = dialer(null)

function tcp ({ host, port }: UpstreamServer): () => Socket {
  return () => net.connect({ host, port, autoSelectFamily: true, allowHalfOpen: true })
}

function overTls ({ host, port }: UpstreamServer, settings: NonNullable<UpstreamServer['tls']>, revocation: RevocationCheck | null): () => Socket {
  const options = { host, port, ...tlsClientOptions({ host, tls: settings }), autoSelectFamily: true, allowHalfOpen: true }
  let session: Buffer | undefined
  const check = (socket: TLSSocket): void => {
    const refusal = revocation === null ? null : refusalOf(socket, settings.identity, revocation)
    if (refusal !== null) socket.destroy(refusal)
  }
  return () => {
    const socket = tls.connect(session === undefined ? options : { ...options, session })
    // Node hands a session over only after the certificate of the connection was accepted
    socket.on('session', fresh => { session = fresh })
    // a session that the server no longer wants must not be offered for ever
    const forget = (): void => { session = undefined }
    socket.once('error', forget).once('secureConnect', () => {
      check(socket)
      if (!socket.destroyed) socket.off('error', forget)
    })
    return socket
  }
}
