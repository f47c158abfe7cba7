import type { X509Certificate } from 'node:crypto'
import { parseCertificate } from '../x509/certificate.ts'
import type { PeerCertificate } from './peer.ts'

/**
 * The names of a verified certificate.
 *
 * @returns `null` for one that cannot be read exactly: it counts as none
 * @see RFC 6125 section 6.4.4: the common name is a host name only where there are no alternative names
 */
export function peerCertificate (x509: X509Certificate): PeerCertificate | null {
  try {
    const { subject, issuer, fingerprint256, notAfter } = parseCertificate(x509.raw)
    const matching = { subject: x509.subjectAltName === undefined ? 'always' : 'never', wildcards: true, partialWildcards: false, multiLabelWildcards: false } as const
    return { subject, issuer, fingerprint256, notAfter, isFor: host => x509.checkHost(host, matching) !== undefined }
  } catch {
    return null
  }
}
