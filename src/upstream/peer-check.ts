/** Whether the certificate of a back end was revoked. */
import type { TLSSocket } from 'node:tls'
import { errors } from '../errors.ts'
import type { Identity } from '../pse/identity.ts'
import type { CertificatePath } from '../revocation/check.ts'
import type { RevocationCheck, RevocationFinding } from '../revocation/revocation-lists.ts'
import { PeerPaths } from '../tls/peer-path.ts'

/** Issuers by the identity whose trust list verified them. */
const issuers = new WeakMap<Identity, PeerPaths>()

interface VerifiedPeer {
  readonly path: CertificatePath
  /** The client PSE that the connection was made with. */
  readonly identity: Identity
}

/** What is known of the back ends of connections. */
const peers = new WeakMap<object, VerifiedPeer>()

/**
 * The path of a back end's certificate, from a full handshake that has ended well. A resumed session shows a client no certificate
 * at all: the path of the connection that the session is from has to be kept with the session.
 *
 * @param identity the client PSE that the connection was made with
 */
export function serverPathOf (socket: TLSSocket, identity: Identity): CertificatePath {
  return pathsOf(identity).pathOf(socket)
}

function pathsOf (identity: Identity): PeerPaths {
  let known = issuers.get(identity)
  if (known === undefined) issuers.set(identity, known = new PeerPaths(identity))
  return known
}

/** Notes the path of a connection, for {@link isRefused} and {@link isUntrusted}. */
export function rememberPath (socket: TLSSocket, path: CertificatePath, identity: Identity): void {
  peers.set(socket, { path, identity })
}

/**
 * Judges the certificate of a back end.
 *
 * @returns POSTERN_ERR_UPSTREAM_REVOKED when the connection must not be used, else `null`
 */
export function refusalOf (path: CertificatePath, revocation: RevocationCheck): Error | null {
  const finding = revocation.judge(path)
  return finding === null ? null : new errors.UPSTREAM_REVOKED(textOf(finding))
}

/** Whether the certificate of a back end is refused by now. Connections without TLS are not. */
export function isRefused (socket: object, revocation: RevocationCheck): boolean {
  const peer = peers.get(socket)
  return peer !== undefined && revocation.judge(peer.path) !== null
}

/**
 * Whether the trust list that verified a back end has been replaced by one that does not accept it. Connections without TLS are not.
 *
 * @param presentOf the identity that is in the place of another one now; that one itself where it has not been replaced
 */
export function isUntrusted (socket: object, presentOf: (identity: Identity) => Identity): boolean {
  const peer = peers.get(socket)
  if (peer === undefined) return false
  const present = presentOf(peer.identity)
  return present !== peer.identity && !pathsOf(present).trustsAllOf(pathsOf(peer.identity)) && !pathsOf(present).accepts(peer.path)
}

function textOf (finding: RevocationFinding): string {
  const { subject, issuer, serialNumber } = finding
  const what = finding.status === 'revoked' ? `revoked on ${finding.date.toISOString()}, ${finding.reason}` : `not known whether it was revoked, ${finding.why}`
  return `${what}; ${subject}, serial number ${serialNumber}, issued by ${issuer}`
}
