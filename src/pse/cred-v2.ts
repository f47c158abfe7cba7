/**
 * cred_v2: the PINs of PSEs, one record per PSE and operating-system user. Its keys are made of constants and the name of the
 * user, so it hides a PIN from a look and not from somebody who may read the file.
 */
import { errors } from '../errors.ts'
import { decryptCredential } from './cred-v2-cipher.ts'
import { readDer, tag, type DerValue } from './der-value.ts'
import { openLps } from './lps.ts'

/** Whose PIN is wanted. */
export interface CredentialQuery {
  /** The cred_v2 file, for messages. */
  readonly file: string
  /** Absolute path of the PSE, as it was given to `sapgenpse seclogin`. */
  readonly pse: string
  /** Login name of the owner of the process. */
  readonly user: string
}

/** The field of a record that says that the PIN went through Windows. */
const windowsProtection = 'MSCryptProtect'

/**
 * Finds the PIN of a PSE.
 *
 * @throws POSTERN_ERR_CREDV2_INVALID, CREDV2_NO_RECORD, CREDV2_WRONG_USER, CREDV2_WINDOWS_ONLY, CREDV2_TPM, CREDV2_MODE, CREDV2_DAMAGED
 */
export function readPin (bytes: Uint8Array, query: CredentialQuery): string {
  const { file, pse, user } = query
  const records = readRecords(bytes, file)
  const found = records.filter(record => record.pse === pse)
  if (found.length === 0) throw new errors.CREDV2_NO_RECORD(file, pse, [...new Set(records.map(record => record.pse))].join(', ').slice(0, 500))
  let failure: unknown = null
  for (const record of found) {
    try {
      const pin = record.lps ? openLps(record.cipher, query) : openPlain(record.cipher, query)
      if (pin !== null) return pin
    } catch (error) {
      // what cannot be opened here may be somebody else's
      failure ??= error
    }
  }
  throw failure ?? new errors.CREDV2_WRONG_USER(file, pse, user)
}

/** One record, not opened. */
export interface CredentialRecord {
  readonly pse: string
  /** Subject of the certificate as text (without LPS), or encoded (with LPS). */
  readonly name: Buffer
  readonly cipher: Buffer
  readonly lps: boolean
  /** The record as it is in the file. */
  readonly encoded: Buffer
}

/**
 * The records of a file, none of them opened.
 *
 * @throws POSTERN_ERR_CREDV2_INVALID
 */
export function readRecords (bytes: Uint8Array, file: string): CredentialRecord[] {
  const fault = (what: string, offset: number) => new errors.CREDV2_INVALID(file, what, offset)
  return readDer(bytes, fault).expect(tag.sequence, 'list of credentials').children.map(readRecord)
}

/**
 * SEQUENCE { IA5String name, IA5String "", IA5String path, IA5String "", BIT STRING }, or with LPS
 * SEQUENCE { INTEGER 2, subject, UTF8String path, BIT STRING }.
 */
function readRecord (record: DerValue): CredentialRecord {
  const lps = record.expect(tag.sequence, 'credential').child(0).tag === tag.integer
  const path = lps ? record.child(2).expect(tag.utf8String, 'path') : record.child(2).expect(tag.ia5String, 'path')
  const name = lps ? record.child(1).encoded : record.child(0).content
  return { pse: path.content.toString(), name, cipher: record.child(-1).bits('encrypted PIN'), lps, encoded: record.encoded }
}

/** SEQUENCE { IA5String pin, IA5String option OPTIONAL, ... }; `null` when the user's key does not open it. */
function openPlain (cipher: Buffer, { file, pse, user }: CredentialQuery): string | null {
  const fields = decryptCredential(cipher, user, textFields)
  if (fields === null) return null
  const [pin, option] = fields
  if (option === windowsProtection) throw new errors.CREDV2_WINDOWS_ONLY(file, pse)
  return pin ?? null
}

/** Whether this user's key opens a record without LPS, whatever it holds. */
export function opensFor (user: string, cipher: Buffer): boolean {
  return decryptCredential(cipher, user, textFields) !== null
}

/** The texts of the record, or `null` if the bytes are none: they were decrypted with the wrong key. */
function textFields (plain: Buffer): string[] | null {
  try {
    const fault = (what: string, offset: number) => new errors.CREDV2_INVALID('', what, offset)
    return readDer(plain, fault).expect(tag.sequence, 'credential').children.map(field => field.expect(tag.ia5String, 'text').content.toString())
  } catch {
    return null
  }
}
