/** Whether the certificate of a back end was revoked. */
import type { TLSSocket } from 'node:tls'
import { errors } from '../errors.ts'
import type { Identity } from '../pse/identity.ts'
import type { RevocationCheck, RevocationFinding } from '../revocation/revocation-lists.ts'
import { PeerPaths } from '../tls/peer-path.ts'

/** The client PSE of a connection. */
const identities = new WeakMap<object, Identity>()

/** Issuers that back ends have sent, kept for resumed sessions, by the identity whose trust list verified them. */
const paths = new WeakMap<Identity, PeerPaths>()

/**
 * Judges the certificate of a back end.
 *
 * @param socket a client-side socket whose handshake has ended well
 * @param identity the client PSE that the connection was made with
 * @returns POSTERN_ERR_UPSTREAM_REVOKED when the connection must not be used, else `null`
 */
export function refusalOf (socket: TLSSocket, identity: Identity, revocation: RevocationCheck): Error | null {
  identities.set(socket, identity)
  const finding = revocation.judge(pathsOf(identity).pathOf(socket))
  return finding === null ? null : new errors.UPSTREAM_REVOKED(textOf(finding))
}

/**
 * Whether the certificate of a back end is refused by now, for connections that were judged when they were made. Others, those without
 * TLS among them, are not refused.
 */
export function isRefused (socket: object, revocation: RevocationCheck): boolean {
  const identity = identities.get(socket)
  return identity !== undefined && revocation.judge(pathsOf(identity).pathOf(socket as TLSSocket)) !== null
}

function pathsOf (identity: Identity): PeerPaths {
  let known = paths.get(identity)
  if (known === undefined) paths.set(identity, known = new PeerPaths(identity))
  return known
}

function textOf (finding: RevocationFinding): string {
  const { subject, issuer, serialNumber } = finding
  const what = finding.status === 'revoked' ? `revoked on ${finding.date.toISOString()}, ${finding.reason}` : `not known whether it was revoked, ${finding.why}`
  return `${what}; ${subject}, serial number ${serialNumber}, issued by ${issuer}`
}
