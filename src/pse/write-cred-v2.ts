/**
 * Changes and lists cred_v2 files. Records of others, and of kinds that this program does not open, stay as they are, byte for byte.
 */
import { errors } from '../errors.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { formatName } from '../x509/distinguished-name.ts'
import { cipherKind, encryptVersion0, encryptVersion1 } from './cred-v2-cipher.ts'
import { opensFor, readRecords, type CredentialRecord } from './cred-v2.ts'
import { encodeDer, readDer, tag } from './der-value.ts'
import { derBits, derInteger, derSequence } from './der-write.ts'
import { describeLps, sealLps } from './lps.ts'
import { requireAsciiPin, systemRandom, type RandomSource } from './write-options.ts'

/** Kinds of credentials that are written: cipher version 0, version 1 with either cipher, and LPS in fallback mode. */
export type CredentialKind = '3des-v0' | '3des-v1' | 'aes256-v1' | 'lps-int'

/** A PIN for a user. */
export interface NewCredential {
  /** Absolute path of the PSE: records are found by it. Printable ASCII, without LPS; any text with it. */
  readonly pse: string
  /** Login name of the one who may open the PSE. Printable ASCII. */
  readonly user: string
  readonly pin: string
  /** Own certificate of the PSE, whose subject the record shows; `null` for a verify PSE. */
  readonly certificate: Buffer | null
}

/** How a credential is written. */
export interface CredentialWriteOptions {
  /** The file, for messages. */
  readonly file: string
  /** Default `aes256-v1`. `3des-v0` is what CommonCryptoLib writes by default: its older versions know no other. */
  readonly kind?: CredentialKind
  /** Default: the operating system. Asked in the order in which `encryptVersion1` and `sealLps` say. */
  readonly random?: RandomSource
}

/**
 * Adds a credential; one of the same PSE and user is replaced, in its place.
 *
 * @param existing the present file, `null` for none
 * @returns the new file
 * @throws POSTERN_ERR_CREDV2_INVALID for a present file that is none; CREDV2_UNWRITABLE, IDENTITY_PIN_UNWRITABLE
 */
export function writeCredential (existing: Uint8Array | null, credential: NewCredential, options: CredentialWriteOptions): Buffer {
  const records = existing === null ? [] : readRecords(existing, options.file)
  const record = encodeRecord(credential, options)
  const replaced = records.filter(record => isOf(record, credential))
  const kept = records.map(present => present === replaced[0] ? record : replaced.includes(present) ? Buffer.alloc(0) : present.encoded)
  return derSequence(Buffer.concat([...kept, ...replaced.length === 0 ? [record] : []]))
}

/**
 * Removes the credentials of a user for a PSE.
 *
 * @returns the new file; `null` when no credential is left in it
 * @throws POSTERN_ERR_CREDV2_INVALID; CREDV2_NO_RECORD when there is none for this PSE, CREDV2_WRONG_USER when those are of others
 */
export function removeCredential (existing: Uint8Array, { pse, user }: Pick<NewCredential, 'pse' | 'user'>, { file }: { file: string }): Buffer | null {
  const records = readRecords(existing, file)
  const left = records.filter(record => !isOf(record, { pse, user }))
  if (left.length < records.length) return left.length === 0 ? null : derSequence(Buffer.concat(left.map(({ encoded }) => encoded)))
  const paths = [...new Set(records.map(record => record.pse))]
  throw paths.includes(pse) ? new errors.CREDV2_WRONG_USER(file, pse, user) : new errors.CREDV2_NO_RECORD(file, pse, paths.join(', ').slice(0, 500))
}

/** What a record shows without being opened. */
export interface CredentialSummary {
  readonly pse: string
  /** Subject of the certificate, most specific part first. */
  readonly name: string
  /**
   * How the PIN is protected. Without LPS by the first bytes, which those of version 0 may have by chance; what Windows (DPAPI) protects inside of
   * such a record does not show. `lps-damaged`: its checksum or its fields are wrong.
   */
  readonly kind: CredentialKind | 'lps-dpapi' | 'lps-tpm' | 'lps-unknown' | 'lps-damaged'
  /** User that the record names; `null` where it names none: without LPS. */
  readonly owner: string | null
  /** Whether it is the record of the user that was asked for. */
  readonly own: boolean
}

/**
 * Lists the records of a file. No PIN is in the result.
 *
 * @param user whose records are marked as own
 * @throws POSTERN_ERR_CREDV2_INVALID
 */
export function listCredentials (bytes: Uint8Array, { file, user }: { file: string, user: string }): CredentialSummary[] {
  return readRecords(bytes, file).map(record => {
    const lps = record.lps ? describeLps(record.cipher) : null
    const kind = record.lps ? lpsKinds(lps?.mode) : cipherKind(record.cipher)
    return { pse: record.pse, name: nameOf(record), kind, owner: lps?.user ?? null, own: isOf(record, { pse: record.pse, user }) }
  })
}

function lpsKinds (mode: number | undefined): CredentialSummary['kind'] {
  if (mode === undefined) return 'lps-damaged'
  return (['lps-int', 'lps-dpapi', 'lps-tpm'] as const)[mode] ?? 'lps-unknown'
}

function nameOf ({ lps, name }: CredentialRecord): string {
  if (!lps) return name.toString()
  try {
    return formatName(name)
  } catch {
    return `#${name.toString('hex').slice(0, 200)}`
  }
}

/** Whether a record is this user's: without LPS the user's key opens it, with LPS it names the user. */
function isOf (record: CredentialRecord, { pse, user }: Pick<NewCredential, 'pse' | 'user'>): boolean {
  if (record.pse !== pse) return false
  return record.lps ? describeLps(record.cipher)?.user === user : opensFor(user, record.cipher)
}

function encodeRecord ({ pse, user, pin, certificate }: NewCredential, { kind = 'aes256-v1', random = systemRandom }: CredentialWriteOptions): Buffer {
  requireAsciiPin(pin, 'a credential')
  requireText('the user', user)
  if (pse === '') throw new errors.CREDV2_UNWRITABLE('the path of the PSE is empty')
  if (kind === 'lps-int') {
    return derSequence(derInteger(2), subjectOf(certificate), encodeDer(tag.utf8String, Buffer.from(pse)), derBits(sealLps(pin, user, random)))
  }
  requireText('the path of the PSE', pse)
  const plain = derSequence(ia5(pin))
  const cipher = kind === '3des-v0' ? encryptVersion0(plain, user) : encryptVersion1(plain, user, { algorithm: kind, random })
  const name = certificate === null ? '' : escapeOthers(parseCertificate(certificate).subject)
  return derSequence(ia5(name), ia5(''), ia5(pse), ia5(''), derBits(cipher))
}

function requireText (what: string, text: string): void {
  if (!/^[\x20-\x7e]{1,1024}$/.test(text)) throw new errors.CREDV2_UNWRITABLE(`${what} is not made of 1 to 1024 printable ASCII characters`)
}

/** Letters that an IA5String has no place for, as hexadecimal pairs (RFC 4514 section 2.4). */
function escapeOthers (name: string): string {
  return name.replace(/[^\x20-\x7e]/gu, character => Buffer.from(character).toString('hex').replace(/../g, '\\$&'))
}

/** The encoded subject (RFC 5280 section 4.1), an empty name for none. */
function subjectOf (certificate: Buffer | null): Buffer {
  if (certificate === null) return derSequence()
  const body = readDer(certificate, what => new errors.X509_CERTIFICATE_INVALID(what)).child(0)
  const afterVersion = body.child(0).tag === tag.context0 ? 1 : 0
  return body.child(afterVersion + 4).encoded
}

function ia5 (text: string): Buffer {
  return encodeDer(tag.ia5String, Buffer.from(text))
}
