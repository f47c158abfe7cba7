/** The certificates that the other side of a TLS connection sent. */
import type { X509Certificate } from 'node:crypto'
import { parseCertificate, type Certificate } from '../x509/certificate.ts'

/** A peer may send more; what is behind the first ones is no chain that anybody can use. */
const maxSentCertificates = 16

/** The certificates that were sent behind the peer's own, in its order. Empty on a resumed session. */
export function sentIssuers (leaf: X509Certificate): X509Certificate[] {
  const sent: X509Certificate[] = []
  for (let next = leaf.issuerCertificate; next !== undefined && sent.length < maxSentCertificates; next = next.issuerCertificate) sent.push(next)
  return sent
}

/** A certificate that OpenSSL read and we cannot name exactly counts as none: nothing is forwarded that was not understood. */
export function parsed (x509: X509Certificate): Certificate | null {
  try {
    return parseCertificate(x509.raw)
  } catch {
    return null
  }
}
