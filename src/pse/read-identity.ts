import { errors } from '../errors.ts'
import { readDer, tag } from './der-value.ts'
import type { Identity, ReadIdentity } from './identity.ts'
import { isPem } from './pem.ts'
import { readPem } from './read-pem.ts'
import { readPkcs12 } from './read-pkcs12.ts'
import { readPse } from './read-pse.ts'

/** What opens a file, and its name for messages. */
export interface ReadOptions {
  readonly file: string
  /** `null`: none is known. A PIN that the file does not need is ignored. */
  readonly pin: string | null
}

/**
 * Reads an identity. The format is told by the content, whatever the file is called.
 *
 * @throws POSTERN_ERR_IDENTITY_..., PSE_..., PKCS12_... and PEM_...; `isPinRequired` and `isPinWrong` tell the ones that a PIN can help with
 */
export function readIdentity (bytes: Uint8Array, options: ReadOptions): Identity {
  return readIdentityWithWarnings(bytes, options).identity
}

/** As `readIdentity`, with what is noteworthy about the file. */
export function readIdentityWithWarnings (bytes: Uint8Array, options: ReadOptions): ReadIdentity {
  // eleven bytes that no binary file has by chance, at any place: OpenSSL writes the names of certificates before their blocks
  if (isPem(bytes)) return { identity: readPem(bytes, options), warnings: [] }
  if (isPkcs12(bytes)) return { identity: readPkcs12(bytes, options), warnings: [] }
  const [first] = bytes
  if (first !== tag.sequence) throw new errors.IDENTITY_FORMAT_UNKNOWN(options.file, first === undefined ? 'it is empty' : `it starts with byte ${first}`)
  const outer = readDer(bytes, (what, offset) => new errors.PSE_NOT_DER(options.file, what, offset))
  if (outer.child(0).tag === tag.sequence) throw new errors.IDENTITY_FORMAT_UNKNOWN(options.file, 'it looks like a single certificate, which is trust and no identity')
  return readPse(outer, options)
}

const pinRequired = new Set(['PSE', 'PKCS12', 'PEM'].map(format => `POSTERN_ERR_${format}_PIN_REQUIRED`))
const pinWrong = new Set(['PSE_PIN_WRONG', 'PSE_PIN_WRONG_OR_DAMAGED', 'PKCS12_PIN_WRONG', 'PEM_PIN_WRONG'].map(code => `POSTERN_ERR_${code}`))

/** Whether an error of `readIdentity` says that the file is encrypted and no PIN was given. */
export function isPinRequired (error: unknown): boolean {
  return pinRequired.has(codeOf(error))
}

/** Whether an error of `readIdentity` says that the PIN did not open the file, so that another one might. */
export function isPinWrong (error: unknown): boolean {
  return pinWrong.has(codeOf(error))
}

function codeOf (error: unknown): string {
  return String((error as NodeJS.ErrnoException).code)
}

/** SEQUENCE { INTEGER 3, SEQUENCE { OBJECT IDENTIFIER of PKCS#7, ... } }, with lengths of one to five bytes; no PSE has that version. */
function isPkcs12 (bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 32))
  const version = head.indexOf(Buffer.from('020103', 'hex'))
  return head[0] === tag.sequence && version >= 2 && version <= 6 && head.includes(Buffer.from('06092a864886f70d0107', 'hex'), version)
}
