import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readDer, tag } from './der-value.ts'
import { requireUsableKey } from './whole-identity.ts'

/** What a private key was read from, for its errors. */
export interface KeySource {
  readonly file: string
  readonly damaged: (what: string) => Error
}

/**
 * Makes the key of a PrivateKeyInfo (RFC 5208).
 *
 * @throws what `damaged` makes; POSTERN_ERR_IDENTITY_KEY_DSA, IDENTITY_KEY_UNSUPPORTED
 */
export function readPkcs8 (der: Uint8Array, { file, damaged }: KeySource): KeyObject {
  return requireUsableKey(makeKey(() => createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' }), damaged), file)
}

/** Runs OpenSSL's reader of keys; its words go into the error, they name no part of the key. */
export function makeKey (make: () => KeyObject, damaged: (what: string) => Error): KeyObject {
  try {
    return make()
  } catch (error) {
    throw damaged(`the private key cannot be read (${(error as Error).message})`)
  }
}

/** Whether decrypted bytes are a PrivateKeyInfo by their form: the sign that the password was right. */
export function looksLikePkcs8 (bytes: Buffer): boolean {
  try {
    const [version, algorithm, key] = readDer(bytes, what => new TypeError(what)).children
    return version?.tag === tag.integer && algorithm?.tag === tag.sequence && key?.tag === tag.octetString
  } catch {
    return false
  }
}
