/** One certificate revocation list (RFC 5280 section 5). */
import { hash } from 'node:crypto'
import { errors } from '../errors.ts'
import { tags } from '../x509/der.ts'
import { opensslView, type Certificate } from '../x509/certificate.ts'
import { formatName } from '../x509/distinguished-name.ts'
import { factsOf } from './certificate-facts.ts'
import { contextTag, crlTags, DerScan } from './der-scan.ts'
import { extensionOids, readExtensions, type Extension } from './extensions.ts'
import { readScope, wholeScope, type ListScope } from './list-scope.ts'
import { isSignedBy, readSignatureAlgorithm, type SignatureAlgorithm } from './list-signature.ts'
import { RevokedEntries } from './revoked-entries.ts'
import { readTime } from './time.ts'

/** What a list says of itself. */
export interface RevocationListFacts {
  /** Where it was read from, for messages. */
  readonly file: string
  /** Name of the issuer, as in a certificate. */
  readonly issuer: string
  readonly thisUpdate: Date
  /** When the next list is out at the latest; `null` for a list that does not say so, which counts as old from the start. */
  readonly nextUpdate: Date | null
  /** `null` for a list without a number. */
  readonly number: bigint | null
  readonly scope: ListScope
  readonly entries: RevokedEntries
  /** Why no certificate can be judged by the list; `null` for a usable one. */
  readonly problem: string | null
}

/** Certificates of one issuer: renewed ones with the same key. More are asked anew. */
const maxIssuers = 8

const understood: ReadonlySet<string> = new Set([extensionOids.crlNumber, extensionOids.authorityKeyIdentifier, extensionOids.issuingDistributionPoint])

/** One list. What it says counts for certificates of an issuer that has signed it. */
export class RevocationList implements RevocationListFacts {
  readonly file: string
  readonly issuer: string
  readonly thisUpdate: Date
  readonly nextUpdate: Date | null
  readonly number: bigint | null
  readonly scope: ListScope
  readonly entries: RevokedEntries
  readonly problem: string | null
  /** SHA-256 over the encoded list, hexadecimal. */
  readonly fingerprint256: string
  readonly #signed: Signed
  /** By fingerprint of the issuer's certificate. */
  readonly #verdicts = new Map<string, boolean>()

  /**
   * Reads one list in DER. The bytes are kept, not copied.
   *
   * @param file for messages
   * @throws POSTERN_ERR_CRL_INVALID when the bytes are not exactly one list. One that cannot be used has a {@link problem} instead
   */
  constructor (der: Buffer, file: string) {
    try {
      const { signed, ...facts } = readList(der)
      this.file = file
      this.issuer = facts.issuer
      this.thisUpdate = facts.thisUpdate
      this.nextUpdate = facts.nextUpdate
      this.number = facts.number
      this.scope = facts.scope
      this.entries = facts.entries
      this.problem = facts.problem
      this.fingerprint256 = hash('sha256', der)
      this.#signed = signed
    } catch (cause) {
      throw new errors.CRL_INVALID(file, (cause as Error).message, { cause })
    }
  }

  /** Whether the owner of this certificate made the list: same name, right to sign lists, and the signature is one of its key. */
  isSignedBy (issuer: Certificate): boolean {
    const { algorithm } = this.#signed
    if (algorithm === null || issuer.subject !== this.issuer) return false
    let verdict = this.#verdicts.get(issuer.fingerprint256)
    if (verdict === undefined) {
      verdict = factsOf(issuer).signsLists && isSignedBy(opensslView(issuer).publicKey, { ...this.#signed, algorithm })
      if (this.#verdicts.size >= maxIssuers) this.#verdicts.clear()
      this.#verdicts.set(issuer.fingerprint256, verdict)
    }
    return verdict
  }

  /** Whether this list was made after `other`, which has the same issuer and the same scope. */
  isNewerThan (other: RevocationList): boolean {
    if (this.number !== null && other.number !== null && this.number !== other.number) return this.number > other.number
    return this.thisUpdate > other.thisUpdate
  }
}

interface Signed {
  readonly bytes: Buffer
  /** `null`: not supported. */
  readonly algorithm: SignatureAlgorithm | null
  readonly signature: Buffer
}

function readList (der: Buffer): Omit<RevocationListFacts, 'file'> & { readonly signed: Signed } {
  const outer = new DerScan(der).take(tags.sequence)
  const parts = outer.inside()
  outer.finish()
  const body = readBody(parts.take(tags.sequence).inside())
  const bytes = parts.encoded
  const algorithm = readSignatureAlgorithm(parts.take(tags.sequence))
  if (!parts.encoded.equals(body.algorithm)) throw new errors.X509_DER_INVALID('two signature algorithms')
  const signature = parts.take(crlTags.bitString).content
  parts.finish()
  if (signature[0] !== 0) throw new errors.X509_DER_INVALID('a signature with unused bits')
  const { extensions, ...facts } = body
  const scoped = extensions.get(extensionOids.issuingDistributionPoint)
  const scope = scoped === undefined ? wholeScope : readScope(scoped.value)
  return {
    ...facts,
    number: numberOf(extensions.get(extensionOids.crlNumber)),
    scope,
    problem: extensionProblem(extensions) ?? scope.problem ?? facts.entries.problem ??
      (algorithm === null ? 'its signature algorithm is not supported' : null),
    signed: { bytes, algorithm, signature: signature.subarray(1) }
  }
}

/** `[version], signature, issuer, thisUpdate, [nextUpdate], [revokedCertificates], [crlExtensions]` (RFC 5280 section 5.1). */
function readBody (fields: DerScan) {
  fields.take(tags.integer, tags.sequence)
  const hasVersion = fields.tag === tags.integer
  if (hasVersion) {
    if (fields.content.toString('hex') !== '01') throw new errors.X509_DER_INVALID('a version that lists do not have')
    fields.take(tags.sequence)
  }
  const algorithm = fields.encoded
  const issuer = formatName(fields.take(tags.sequence).encoded)
  const thisUpdate = readTime(fields.take(crlTags.utcTime, crlTags.generalizedTime))
  let more = fields.next()
  const hasNext = more && (fields.tag === crlTags.utcTime || fields.tag === crlTags.generalizedTime)
  const nextUpdate = hasNext ? readTime(fields) : null
  if (hasNext) more = fields.next()
  const hasEntries = more && fields.tag === tags.sequence
  const entries = new RevokedEntries(hasEntries ? fields : null)
  if (hasEntries) more = fields.next()
  const extensions = more ? readListExtensions(fields) : new Map<string, Extension>()
  fields.finish()
  return { algorithm, issuer, thisUpdate, nextUpdate, entries, extensions }
}

function readListExtensions (field: DerScan): Map<string, Extension> {
  if (field.tag !== contextTag(0, { constructed: true })) throw new errors.X509_DER_INVALID('a list with a part that it does not have')
  const wrapped = field.inside().take(tags.sequence)
  const extensions = readExtensions(wrapped)
  wrapped.finish()
  return extensions
}

/** A list must not be used when something in it that its issuer calls critical is not understood (RFC 5280 section 5.2). */
function extensionProblem (extensions: Map<string, Extension>): string | null {
  if (extensions.has(extensionOids.deltaCrlIndicator)) return 'it is a delta list'
  const unknown = [...extensions.values()].some(({ oid, critical }) => critical && !understood.has(oid))
  return unknown ? 'it has a critical extension that is not understood' : null
}

/** At most 20 bytes (RFC 5280 section 5.2.3). */
function numberOf (extension: Extension | undefined): bigint | null {
  if (extension === undefined) return null
  const { content } = new DerScan(extension.value).take(tags.integer)
  if (content.length === 0 || content.length > 21 || (content[0] as number) >= 0x80) throw new errors.X509_DER_INVALID('a list with a number that is none')
  return BigInt(`0x${content.toString('hex')}`)
}
