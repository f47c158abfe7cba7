import { createCipheriv, createDecipheriv } from 'node:crypto'

/** Names of `node:crypto` with the sizes of their keys and initialisation vectors in bytes. */
export const blockCiphers = {
  'des-ede3-cbc': { keyBytes: 24, ivBytes: 8 },
  'aes-128-cbc': { keyBytes: 16, ivBytes: 16 },
  'aes-192-cbc': { keyBytes: 24, ivBytes: 16 },
  'aes-256-cbc': { keyBytes: 32, ivBytes: 16 }
} as const

/** A cipher with its key. `paddingless` leaves the padding to the caller. */
export interface CipherKey {
  readonly cipher: keyof typeof blockCiphers
  readonly key: Buffer
  readonly iv: Buffer
  readonly paddingless?: boolean
}

/** The plain text, or `null` when it is no whole number of blocks or its PKCS#7 padding is wrong: the wrong key, or damage. */
export function decrypt ({ cipher, key, iv, paddingless = false }: CipherKey, ciphertext: Buffer): Buffer | null {
  const decipher = createDecipheriv(cipher, key, iv).setAutoPadding(!paddingless)
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()])
  } catch {
    return null
  }
}

/** The cipher text; the plain text is padded unless the key says otherwise. */
export function encrypt ({ cipher, key, iv, paddingless = false }: CipherKey, plaintext: Buffer): Buffer {
  const encipher = createCipheriv(cipher, key, iv).setAutoPadding(!paddingless)
  return Buffer.concat([encipher.update(plaintext), encipher.final()])
}
