/** The status of a chain of certificates. */
import { isSelfSigned } from '../x509/chain.ts'
import type { Certificate } from '../x509/certificate.ts'
import { factsOf } from './certificate-facts.ts'
import { covers } from './list-scope.ts'
import type { RevocationList } from './revocation-list.ts'
import type { RevocationReason } from './revoked-entries.ts'

/** A certificate with its issuers, as far as they are known. */
export interface CertificatePath {
  /** The certificate itself first, then the next issuer, up to and including the root if it is known. */
  readonly certificates: readonly Certificate[]
  /** Whether a certificate is in the trust list. */
  readonly isAnchor: (certificate: Certificate) => boolean
}

/** Why a status is unknown. `broken-chain`: the issuers do not lead to the trust list. */
export type UnknownStatus = 'no-list' | 'unusable-list' | 'forged-list' | 'stale-list' | 'future-list' | 'broken-chain' | 'unreadable-certificate'

/** The certificate that a finding is about. */
export interface RevocationSubject {
  readonly subject: string
  readonly issuer: string
  readonly serialNumber: string
  /** 0 for the certificate itself, 1 for its issuer, and so on. */
  readonly depth: number
}

/** A certificate of the chain was revoked. */
export interface Revoked extends RevocationSubject {
  readonly status: 'revoked'
  readonly reason: RevocationReason
  readonly date: Date
}

/** It cannot be said whether a certificate of the chain was revoked. */
export interface Unknown extends RevocationSubject {
  readonly status: 'unknown'
  readonly why: UnknownStatus
}

/** What was found out about a chain. */
export type RevocationStatus = { readonly status: 'good' } | Revoked | Unknown

/** Lists by the name of their issuer. */
export type ListsByIssuer = ReadonlyMap<string, readonly RevocationList[]>

/**
 * Finds out whether a certificate or one of its issuers was revoked. A revoked certificate anywhere outweighs an unknown status.
 *
 * For a certificate of the trust list and for those above it no list is demanded, since somebody here has said that it is good; where
 * there is a list that names it, it is revoked all the same. A list whose time has passed still revokes, and clears nobody.
 *
 * @param now against which the times of lists are held
 * @see RFC 5280 section 6.3
 */
export function checkRevocation ({ certificates, isAnchor }: CertificatePath, lists: ListsByIssuer, now: Date): RevocationStatus {
  let unknown: Unknown | null = null
  let anchored = false
  for (const [depth, certificate] of certificates.entries()) {
    anchored ||= isAnchor(certificate)
    if (isSelfSigned(certificate)) break
    const status = statusOf(certificate, { issuer: certificates[depth + 1], lists: lists.get(certificate.issuer) ?? [], now, depth })
    if (status.status === 'revoked') return status
    if (status.status === 'unknown' && !anchored) unknown ??= status
  }
  return unknown ?? (anchored ? { status: 'good' } : unknownStatus(certificates.at(-1), certificates.length - 1, 'broken-chain'))
}

interface Step {
  /** `undefined`: not known. */
  readonly issuer: Certificate | undefined
  /** Those with the name of the issuer. */
  readonly lists: readonly RevocationList[]
  readonly now: Date
  readonly depth: number
}

function statusOf (certificate: Certificate, { issuer, lists, now, depth }: Step): RevocationStatus {
  const unknown = (why: UnknownStatus) => unknownStatus(certificate, depth, why)
  const facts = readFacts(certificate)
  if (facts === null) return unknown('unreadable-certificate')
  const concerned = lists.filter(({ scope }) => covers(scope, facts))
  const usable = concerned.filter(({ problem }) => problem === null)
  // without the issuer's certificate no signature can be checked: whom such a list names is not let in, whom it does not name is not cleared
  const signed = issuer === undefined ? usable : usable.filter(list => list.isSignedBy(issuer))
  const newest = newestOfScopes(signed)
  for (const list of newest) {
    const entry = list.entries.find(facts.serialNumber)
    if (entry !== null) return { status: 'revoked', ...subjectOf(certificate, depth), reason: entry.reason, date: entry.date }
  }
  if (issuer === undefined) return unknown('broken-chain')
  if (newest.length === 0) return unknown(usable.length > 0 ? 'forged-list' : concerned.length > 0 ? 'unusable-list' : 'no-list')
  if (newest.some(list => isCurrent(list, now))) return { status: 'good' }
  return unknown(newest.some(({ thisUpdate }) => thisUpdate <= now) ? 'stale-list' : 'future-list')
}

/** Lists of different scopes do not replace each other. */
function newestOfScopes (lists: readonly RevocationList[]): RevocationList[] {
  const newest = new Map<string, RevocationList>()
  for (const list of lists) {
    const other = newest.get(list.scope.key)
    if (other === undefined || list.isNewerThan(other)) newest.set(list.scope.key, list)
  }
  return [...newest.values()]
}

function isCurrent ({ thisUpdate, nextUpdate }: RevocationList, now: Date): boolean {
  return thisUpdate <= now && nextUpdate !== null && now <= nextUpdate
}

/** OpenSSL does not look at every extension of a certificate that it verifies. */
function readFacts (certificate: Certificate): ReturnType<typeof factsOf> | null {
  try {
    return factsOf(certificate)
  } catch {
    return null
  }
}

function unknownStatus (certificate: Certificate | undefined, depth: number, why: UnknownStatus): Unknown {
  return { status: 'unknown', ...subjectOf(certificate, depth), why }
}

function subjectOf (certificate: Certificate | undefined, depth: number): RevocationSubject {
  const { subject = '', issuer = '', serialNumber = '' } = certificate ?? {}
  return { subject, issuer, serialNumber, depth: Math.max(depth, 0) }
}
