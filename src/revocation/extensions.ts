import { errors } from '../errors.ts'
import { tags } from '../x509/der.ts'
import { crlTags, type DerScan } from './der-scan.ts'

/** An extension of a certificate, a list or an entry (RFC 5280 section 4.1). */
export interface Extension {
  /** Content bytes of the object identifier, hexadecimal. */
  readonly oid: string
  readonly critical: boolean
  /** Content of the OCTET STRING. */
  readonly value: Buffer
}

/** Object identifiers of the extensions that are understood, as in {@link Extension.oid}. */
export const extensionOids = {
  keyUsage: '551d0f', // 2.5.29.15
  crlNumber: '551d14', // 2.5.29.20
  reasonCode: '551d15', // 2.5.29.21
  invalidityDate: '551d18', // 2.5.29.24
  deltaCrlIndicator: '551d1b', // 2.5.29.27
  issuingDistributionPoint: '551d1c', // 2.5.29.28
  certificateIssuer: '551d1d', // 2.5.29.29
  crlDistributionPoints: '551d1f', // 2.5.29.31
  authorityKeyIdentifier: '551d23' // 2.5.29.35
} as const

/**
 * Reads the extensions in the current element, a SEQUENCE of them.
 *
 * @throws POSTERN_ERR_X509_DER_INVALID, also when an extension occurs twice: nobody could say which one counts
 */
export function readExtensions (sequence: DerScan): Map<string, Extension> {
  if (sequence.tag !== tags.sequence) throw new errors.X509_DER_INVALID('extensions that are no sequence')
  const list = sequence.inside()
  const extensions = new Map<string, Extension>()
  while (list.next()) {
    if (list.tag !== tags.sequence) throw new errors.X509_DER_INVALID('an extension that is no sequence')
    const extension = readExtension(list.inside())
    if (extensions.has(extension.oid)) throw new errors.X509_DER_INVALID('an extension twice')
    extensions.set(extension.oid, extension)
  }
  return extensions
}

function readExtension (fields: DerScan): Extension {
  const oid = fields.take(tags.objectIdentifier).content.toString('hex')
  fields.take(crlTags.boolean, crlTags.octetString)
  const hasCritical = fields.tag === crlTags.boolean
  const critical = hasCritical && fields.content.some(byte => byte !== 0)
  if (hasCritical) fields.take(crlTags.octetString)
  const { content } = fields
  fields.finish()
  return { oid, critical, value: content }
}
