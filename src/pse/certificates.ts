/**
 * Which of some certificates is the key's own, and which lead up from it.
 */
import { errors } from '../errors.ts'
import { opensslView, parseCertificate, publicKeyOf, type Certificate } from '../x509/certificate.ts'
import { isSelfSigned } from '../x509/chain.ts'

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

/**
 * Signatures that are checked for one certificate. A file can have thousands of certificates of one name, each of which may have
 * issued each other, and a signature takes up to some milliseconds.
 */
const maxSignatureChecks = 64

/**
 * Finds the issuers of `own` among `known`, names and signatures checked. Of several ways up, the order of `known` decides.
 *
 * @throws POSTERN_ERR_IDENTITY_CHAIN when it takes too much work: what leads up is no trust, so an incomplete answer would make trust of it
 */
export function issuersAmong (own: Certificate, known: readonly Certificate[], file: string): Issuers {
  const all = new Set<Certificate>()
  const others = known.filter(certificate => certificate.fingerprint256 !== own.fingerprint256)
  let checks = 0
  const isIssuedBy = (certificate: Certificate, issuer: Certificate): boolean => {
    if (!opensslView(certificate).checkIssued(opensslView(issuer))) return false
    if (++checks > maxSignatureChecks) throw new errors.IDENTITY_CHAIN(file, maxSignatureChecks)
    const publicKey = publicKeyOf(issuer)
    return publicKey !== null && opensslView(certificate).verify(publicKey)
  }
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
