import { tags } from '../x509/der.ts'
import { opensslView, type Certificate } from '../x509/certificate.ts'
import { contextTag, crlTags, DerScan } from './der-scan.ts'
import { readDistributionPoints } from './distribution-points.ts'
import { extensionOids, readExtensions, type Extension } from './extensions.ts'

/** What only revocation asks a certificate. */
export interface CertificateFacts {
  /** Content bytes of the serial number: lists are searched by them, so that no two numbers can look the same. */
  readonly serialNumber: Buffer
  readonly isCa: boolean
  /** Whether it may sign lists: its key usage says so, or it has none. */
  readonly signsLists: boolean
  /** Names of the lists that it belongs to. */
  readonly distributionPoints: ReadonlySet<string>
}

/** The certificates of issuers come again with each connection. */
const known = new WeakMap<Certificate, CertificateFacts>()

/**
 * Reads what revocation asks a certificate.
 *
 * @throws POSTERN_ERR_X509_DER_INVALID when an extension is damaged that OpenSSL had no reason to read
 */
export function factsOf (certificate: Certificate): CertificateFacts {
  let facts = known.get(certificate)
  if (facts === undefined) known.set(certificate, facts = readFacts(certificate))
  return facts
}

function readFacts (certificate: Certificate): CertificateFacts {
  const fields = new DerScan(certificate.der).take(tags.sequence).inside().take(tags.sequence).inside()
  const version = contextTag(0, { constructed: true })
  if (fields.take(version, tags.integer).tag === version) fields.take(tags.integer)
  const serialNumber = fields.content
  const extensions = extensionsBehind(fields)
  const points = extensions.get(extensionOids.crlDistributionPoints)
  return {
    serialNumber,
    isCa: opensslView(certificate).ca,
    signsLists: mayItSign(extensions.get(extensionOids.keyUsage)),
    distributionPoints: points === undefined ? new Set() : readDistributionPoints(points.value)
  }
}

function extensionsBehind (fields: DerScan): Map<string, Extension> {
  while (fields.next()) {
    if (fields.tag === contextTag(3, { constructed: true })) return readExtensions(fields.inside().take(tags.sequence))
  }
  return new Map()
}

/** Bit 6 of the key usage, cRLSign (RFC 5280 section 4.2.1.3). The first byte of the BIT STRING counts its unused bits. */
function mayItSign (keyUsage: Extension | undefined): boolean {
  if (keyUsage === undefined) return true
  const { content } = new DerScan(keyUsage.value).take(crlTags.bitString)
  // without a second byte no bit is set
  return ((content[1] as number) & 0x02) !== 0
}
