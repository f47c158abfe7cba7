/**
 * Which of some certificates is the key's own, and which lead up from it.
 */
import type { KeyObject } from 'node:crypto'
import { opensslView, parseCertificate, type Certificate } from '../x509/certificate.ts'

/**
 * Reads one complete certificate.
 *
 * @param fault makes the error of the format that the certificate was in
 */
export function readCertificate (der: Uint8Array, fault: (what: string) => Error): Certificate {
  try {
    return parseCertificate(der)
  } catch (error) {
    throw fault((error as Error).message)
  }
}

/** The same certificates without repetitions. */
export function distinct (certificates: readonly Certificate[]): Certificate[] {
  return [...new Map(certificates.map(certificate => [certificate.fingerprint256, certificate])).values()]
}

/** Issuers of a certificate. */
export interface Issuers {
  /** One way up, next issuer first, the root last when it is known. */
  readonly chain: readonly Certificate[]
  /** Every certificate on any way up: a CA that is cross-signed has more than one. */
  readonly all: ReadonlySet<Certificate>
}

/** Finds the issuers of `own` among `known`, names and signatures checked. Of several ways up, the order of `known` decides. */
export function issuersAmong (own: Certificate, known: readonly Certificate[]): Issuers {
  const all = new Set<Certificate>()
  const others = known.filter(certificate => certificate.fingerprint256 !== own.fingerprint256)
  const walk = (certificate: Certificate): Certificate[] => {
    const issuers = others.filter(candidate => candidate !== certificate && !all.has(candidate) && isIssuedBy(certificate, candidate))
    for (const issuer of issuers) all.add(issuer)
    // every way is walked for the sake of `all`; a root ends the chain, though it may be cross-signed too
    const ways = issuers.map(issuer => [issuer, ...walk(issuer)])
    const [way = []] = ways
    return way[0] !== undefined && isSelfSigned(way[0]) ? way.slice(0, 1) : way
  }
  return { chain: walk(own), all }
}

/** Self-issued and signed with its own key. */
function isSelfSigned (certificate: Certificate): boolean {
  return isIssuedBy(certificate, certificate)
}

function isIssuedBy (certificate: Certificate, issuer: Certificate): boolean {
  const x509 = opensslView(certificate)
  const publicKey = publicKeyOf(issuer)
  return publicKey !== null && x509.checkIssued(opensslView(issuer)) && x509.verify(publicKey)
}

/** The public key of a certificate, `null` when it is of a kind that OpenSSL does not know. */
export function publicKeyOf (certificate: Certificate): KeyObject | null {
  try {
    return opensslView(certificate).publicKey
  } catch {
    return null
  }
}
