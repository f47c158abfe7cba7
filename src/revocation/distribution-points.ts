/** Distribution points: names by which a CA divides its certificates among several lists. */
import { tags } from '../x509/der.ts'
import { contextTag, DerScan } from './der-scan.ts'

const constructed = { constructed: true }

/**
 * Reads the full names of a `DistributionPointName`: each is the encoded GeneralName in hexadecimal. `null` for a name relative to the
 * issuer, which nobody uses and which is not supported.
 *
 * @param choice at `[0]` of a DistributionPoint or an IssuingDistributionPoint
 * @throws POSTERN_ERR_X509_DER_INVALID
 * @see RFC 5280 section 4.2.1.13
 */
export function readFullNames (choice: DerScan): string[] | null {
  const outer = choice.inside().take(contextTag(0, constructed), contextTag(1, constructed))
  if (outer.tag === contextTag(1, constructed)) return null
  const names: string[] = []
  const list = outer.inside()
  while (list.next()) names.push(list.encoded.toString('hex'))
  return names
}

/**
 * Reads the extension cRLDistributionPoints of a certificate. Points whose list is made by somebody else than the certificate's issuer
 * are left out: such lists are not supported.
 *
 * @throws POSTERN_ERR_X509_DER_INVALID
 */
export function readDistributionPoints (value: Buffer): Set<string> {
  const names = new Set<string>()
  const points = new DerScan(value).take(tags.sequence).inside()
  while (points.next()) {
    for (const name of namesOfPoint(points.inside())) names.add(name)
  }
  return names
}

function namesOfPoint (fields: DerScan): string[] {
  let names: string[] = []
  while (fields.next()) {
    if (fields.tag === contextTag(0, constructed)) names = readFullNames(fields) ?? []
    if (fields.tag === contextTag(2, constructed)) return []
  }
  return names
}
