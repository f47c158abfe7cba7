/** The two ways in which a credential without LPS is encrypted under a user's name. */
import { createHash } from 'node:crypto'
import { decrypt, encrypt, type CipherKey } from './block-cipher.ts'
import type { RandomSource } from './write-options.ts'

/** Constants of CommonCryptoLib. */
const keyStart = '240657rsga&/'
const keyEnd = 'rwthgrtawe45hhtrtrsr35467b2dx3456j67mv67f89656f75'
const plainTextSeed = 0x64fb914e

const headerBytes = 4
const saltBytes = 16

/** Ciphers of version 1 by their number. */
const version1Ciphers = [{ cipher: 'des-ede3-cbc', keyBytes: 24, ivBytes: 8 }, { cipher: 'aes-256-cbc', keyBytes: 32, ivBytes: 16 }] as const

/** The headers of the public files. What the last two bytes mean is not known; they count for the key. */
const version1Headers = { '3des-v1': [1, 0, 1, 0], 'aes256-v1': [1, 1, 0, 0] } as const

/**
 * Decrypts a credential and reads it. Version 1 is told by its first bytes, which the ciphertext of version 0 may have by
 * chance; so what cannot be read as version 1 is tried as version 0.
 *
 * @param read reads the plain text; `null` for what is none
 * @returns `null` when it cannot be opened as this user
 */
export function decryptCredential<T> (cipher: Buffer, user: string, read: (plain: Buffer) => T | null): T | null {
  for (const version of [decryptVersion1, decryptVersion0]) {
    const plain = version(cipher, user)
    const result = plain === null ? null : read(plain)
    if (result !== null) return result
  }
  return null
}

/** Without header: 3DES with a key that is text. A name of 12 characters or more fills it. */
function version0Key (user: string): CipherKey {
  return { cipher: 'des-ede3-cbc', key: Buffer.from(`${keyStart}${user}${keyEnd}`).subarray(0, 24), iv: Buffer.alloc(8) }
}

function decryptVersion0 (cipher: Buffer, user: string): Buffer | null {
  return decrypt(version0Key(user), cipher)
}

/** Encrypts as version 0: there is nothing random in it, so equal credentials look equal. */
export function encryptVersion0 (plain: Buffer, user: string): Buffer {
  return encrypt(version0Key(user), plain)
}

/** Header { 1, cipher, 2 bytes }, salt, initialisation vector, cipher text. */
function decryptVersion1 (cipher: Buffer, user: string): Buffer | null {
  const [version, algorithm] = cipher
  const chosen = version1Ciphers[algorithm!]
  const ivStart = headerBytes + saltBytes
  if (version !== 1 || chosen === undefined || cipher.length <= ivStart + chosen.ivBytes) return null
  const dataStart = ivStart + chosen.ivBytes
  const key: CipherKey = {
    cipher: chosen.cipher,
    key: version1Key(cipher.subarray(0, ivStart), user).subarray(0, chosen.keyBytes),
    iv: cipher.subarray(ivStart, dataStart)
  }
  const masked = decrypt(key, cipher.subarray(dataStart))
  // the padding is outside of the mask
  return masked === null ? null : mask(masked, plainTextSeed)
}

/** Encrypts as version 1. `random` is asked for the salt (16 bytes), then for the initialisation vector. */
export function encryptVersion1 (plain: Buffer, user: string, { algorithm, random }: { algorithm: keyof typeof version1Headers, random: RandomSource }): Buffer {
  const header = version1Headers[algorithm]
  const { cipher, keyBytes, ivBytes } = version1Ciphers[header[1]]
  const head = Buffer.concat([Buffer.from(header), random(saltBytes)])
  const iv = random(ivBytes)
  return Buffer.concat([head, iv, encrypt({ cipher, key: version1Key(head, user).subarray(0, keyBytes), iv }, mask(plain, plainTextSeed))])
}

/** Which version an encrypted PIN seems to be of, by its first bytes. */
export function cipherKind (cipher: Buffer): '3des-v0' | '3des-v1' | 'aes256-v1' {
  const [version, algorithm] = cipher
  if (version !== 1 || algorithm === undefined || algorithm > 1 || cipher.length < headerBytes + saltBytes + 16) return '3des-v0'
  return algorithm === 1 ? 'aes256-v1' : '3des-v1'
}

/** @param head header and salt */
function version1Key (head: Buffer, user: string): Buffer {
  const hash = createHash('sha256')
  // the library hashes its own format string, with the place of the user's name still in it
  hash.update(`${keyStart}%s${keyEnd}`).update(head).update(mask(Buffer.from(user), head[headerBytes]!))
  return mask(hash.digest(), head[headerBytes + 1]!)
}

/** Exclusive or with a linear congruential generator. */
function mask (bytes: Buffer, seed: number): Buffer {
  let state = seed
  return Buffer.from(bytes.map(byte => {
    state = (Math.imul(state, 0x15a4e35) + 1) | 0
    return byte ^ (state & 0xff)
  }))
}
