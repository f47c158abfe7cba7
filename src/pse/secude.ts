/**
 * Encryption of the PSEs that SECUDE wrote before SAP took the format over. It has one DES key, made from the PIN without salt:
 * such a file hides its key from nobody who wants it. It is read so that old files can be moved; it is never written.
 */
import { decrypt, encrypt, type CipherKey } from './block-cipher.ts'

/** Encryption under a PIN. */
export interface PinCipher {
  readonly encrypt: (plaintext: Buffer) => Buffer
  /** `null` when the padding is wrong. */
  readonly decrypt: (ciphertext: Buffer) => Buffer | null
}

const blockBytes = 8
const fixedKeys = [Buffer.from('9ad3bc2410e28f0e', 'hex'), Buffer.from('e295143359c3eca8', 'hex')] as const

/** Files with AlgorithmIdentifier des-ede3-cbc: PKCS#7 padding. */
export function secudeCipher (pin: string): PinCipher {
  const key = singleDes(secudeKey(pin))
  return { encrypt: plaintext => encrypt(key, plaintext), decrypt: ciphertext => decrypt(key, ciphertext) }
}

/** The oldest files, without AlgorithmIdentifier: zero bytes, then the number of data bytes in the last block. */
export function secudeCipherWithCount (pin: string): PinCipher {
  const key = { ...singleDes(secudeKey(pin)), paddingless: true }
  return {
    encrypt: plaintext => encrypt(key, addCount(plaintext)),
    decrypt: ciphertext => {
      const padded = decrypt(key, ciphertext)
      return padded === null ? null : removeCount(padded)
    }
  }
}

function addCount (plaintext: Buffer): Buffer {
  const dataBytes = plaintext.length % blockBytes
  return Buffer.concat([plaintext, Buffer.alloc(blockBytes - dataBytes - 1), Buffer.from([dataBytes])])
}

function removeCount (padded: Buffer): Buffer | null {
  const dataBytes = padded.at(-1)
  if (dataBytes === undefined || dataBytes >= blockBytes) return null
  const end = padded.length - blockBytes + dataBytes
  return padded.subarray(end, -1).every(byte => byte === 0) ? padded.subarray(0, end) : null
}

/** The string-to-key function of SecuDE: the PIN is fed into two chains of DES, the key is the difference of their ends. */
function secudeKey (pin: string): Buffer {
  const [first, second] = fixedKeys.map(fixed => {
    let state = Buffer.alloc(blockBytes)
    for (const [i, byte] of Buffer.from(pin).entries()) {
      state[i % blockBytes]! |= byte
      state = Buffer.from(encrypt({ ...singleDes(fixed), paddingless: true }, state))
    }
    return state
  }) as [Buffer, Buffer]
  return first.map((byte, i) => byte ^ second[i]!) as Buffer
}

/** Single DES is not in OpenSSL's default provider; 3DES with three times the same key is the same cipher. */
function singleDes (key: Buffer): CipherKey {
  return { cipher: 'des-ede3-cbc', key: Buffer.concat([key, key, key]), iv: Buffer.alloc(blockBytes) }
}
