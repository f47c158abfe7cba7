/** Who is at the other end of a connection to the registration port. */
import type { NameDifference } from '../x509/name-pattern.ts'

/** The verified certificate of an initiator. */
export interface PeerCertificate {
  readonly subject: string
  readonly issuer: string
  readonly fingerprint256: string
  readonly notAfter: Date
  /** Whether the certificate is for this host: by its DNS names, or by its common name where it has no alternative names at all. */
  isFor (host: string): boolean
}

/** The other end of a connection. */
export interface Peer {
  /** IP address; IPv4 in IPv6 form as IPv4. */
  readonly address: string
  /** `null`: the connection has no TLS. */
  readonly certificate: PeerCertificate | null
}

/** What a ticket is bound to: the very certificate, or the address where there is none. */
export function bindingOf ({ address, certificate }: Peer): string {
  return certificate === null ? `address ${address}` : `certificate ${certificate.fingerprint256}`
}

/** What an instance id is unique within. A renewed certificate has the names of the old one and still replaces its registration. */
export function scopeOf ({ address, certificate }: Peer): string {
  return certificate === null ? `address ${address}` : JSON.stringify([certificate.subject, certificate.issuer])
}

/** Fields of log lines. */
export function peerForLog ({ address, certificate }: Peer): { remoteAddress: string, subject?: string, issuer?: string } {
  return { remoteAddress: address, ...certificate === null ? {} : { subject: certificate.subject, issuer: certificate.issuer } }
}

/** Where a certificate differs from the rule that comes nearest. */
export interface PeerMismatch extends NameDifference {
  readonly rule: string
  readonly part: 'subject' | 'issuer'
  readonly dnSeen: string
  readonly dnExpected: string
}
