/** Which certificates of its issuer a list speaks of. */
import { errors } from '../errors.ts'
import { tags } from '../x509/der.ts'
import type { CertificateFacts } from './certificate-facts.ts'
import { contextTag, DerScan } from './der-scan.ts'
import { readFullNames } from './distribution-points.ts'

/** The scope of a list; without the extension issuingDistributionPoint it is every certificate of the issuer. */
export interface ListScope {
  /** The same for lists of the same scope, of which the newest counts. */
  readonly key: string
  /** Names, of which a certificate has to name one as its distribution point; `null`: no such condition. */
  readonly names: readonly string[] | null
  readonly only: 'users' | 'CAs' | null
  /** Why no certificate can be judged by the list. */
  readonly problem: string | null
}

/** Every certificate of the issuer. */
export const wholeScope: ListScope = { key: '', names: null, only: null, problem: null }

/**
 * Reads the extension issuingDistributionPoint.
 *
 * @throws POSTERN_ERR_X509_DER_INVALID
 * @see RFC 5280 section 5.2.5
 */
export function readScope (value: Buffer): ListScope {
  const fields = new DerScan(value).take(tags.sequence).inside()
  const scope: { -readonly [Key in keyof ListScope]: ListScope[Key] } = { ...wholeScope, key: value.toString('hex') }
  while (fields.next()) {
    switch (fields.tag) {
      case contextTag(0, { constructed: true }):
        scope.names = readFullNames(fields)
        if (scope.names === null) scope.problem = 'its distribution point is named relative to the issuer'
        break
      case contextTag(1, { constructed: false }): if (isTrue(fields)) scope.only = 'users'; break
      case contextTag(2, { constructed: false }): if (isTrue(fields)) scope.only = 'CAs'; break
      case contextTag(3, { constructed: false }): scope.problem = 'it speaks of some reasons only'; break
      case contextTag(4, { constructed: false }): if (isTrue(fields)) scope.problem = 'it is an indirect list'; break
      case contextTag(5, { constructed: false }): if (isTrue(fields)) scope.problem = 'it speaks of attribute certificates only'; break
      default: throw new errors.X509_DER_INVALID('an issuing distribution point with a part that it does not have')
    }
  }
  return scope
}

/** Whether a list of this scope speaks of a certificate of the same issuer. */
export function covers ({ names, only }: ListScope, { isCa, distributionPoints }: CertificateFacts): boolean {
  if (only !== null && (only === 'CAs') !== isCa) return false
  return names === null || names.some(name => distributionPoints.has(name))
}

function isTrue ({ content }: DerScan): boolean {
  return content.some(byte => byte !== 0)
}
