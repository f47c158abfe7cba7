/** Whether the certificate of a back end was revoked. */
import type { TLSSocket } from 'node:tls'
import { errors } from '../errors.ts'
import type { Identity } from '../pse/identity.ts'
import type { CertificatePath } from '../revocation/check.ts'
import type { RevocationCheck, RevocationFinding } from '../revocation/revocation-lists.ts'
import { PeerPaths } from '../tls/peer-path.ts'

/** Issuers by the identity whose trust list verified them. */
const issuers = new WeakMap<Identity, PeerPaths>()

/** The paths of connections that were judged. */
const paths = new WeakMap<object, CertificatePath>()

/**
 * The path of a back end's certificate, from a full handshake that has ended well. A resumed session shows a client no certificate
 * at all: the path of the connection that the session is from has to be kept with the session.
 *
 * @param identity the client PSE that the connection was made with
 */
export function serverPathOf (socket: TLSSocket, identity: Identity): CertificatePath {
  let known = issuers.get(identity)
  if (known === undefined) issuers.set(identity, known = new PeerPaths(identity))
  return known.pathOf(socket)
}

/**
 * Judges the certificate of a back end.
 *
 * @returns POSTERN_ERR_UPSTREAM_REVOKED when the connection must not be used, else `null`
 */
export function refusalOf (socket: TLSSocket, path: CertificatePath, revocation: RevocationCheck): Error | null {
  paths.set(socket, path)
  const finding = revocation.judge(path)
  return finding === null ? null : new errors.UPSTREAM_REVOKED(textOf(finding))
}

/**
 * Whether the certificate of a back end is refused by now, for connections that were judged when they were made. Others, those without
 * TLS among them, are not refused.
 */
export function isRefused (socket: object, revocation: RevocationCheck): boolean {
  const path = paths.get(socket)
  return path !== undefined && revocation.judge(path) !== null
}

function textOf (finding: RevocationFinding): string {
  const { subject, issuer, serialNumber } = finding
  const what = finding.status === 'revoked' ? `revoked on ${finding.date.toISOString()}, ${finding.reason}` : `not known whether it was revoked, ${finding.why}`
  return `${what}; ${subject}, serial number ${serialNumber}, issued by ${issuer}`
}
