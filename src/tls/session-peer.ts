import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

/** Certificates of servers by their connections. */
const peers = new WeakMap<TLSSocket, X509Certificate>()

/**
 * Notes the certificate of a server: where Node is the client, it shows it on full handshakes only. Who keeps a session keeps the
 * certificate with it, and hands it in for each connection on which the session was resumed.
 */
export function rememberPeer (socket: TLSSocket, certificate: X509Certificate): void {
  peers.set(socket, certificate)
}

/** The certificate of the other side, whether the handshake was a full one or not. Not verified by being there. */
export function peerCertificateOf (socket: TLSSocket): X509Certificate | undefined {
  return socket.getPeerX509Certificate() ?? peers.get(socket)
}
