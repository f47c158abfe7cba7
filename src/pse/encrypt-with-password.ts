/** Password-based encryption as this program writes it: PBES2 (RFC 8018 section 6.2) with PBKDF2, HMAC-SHA-256 and AES-256. */
import { pbkdf2Sync } from 'node:crypto'
import { encrypt } from './block-cipher.ts'
import { derAlgorithm, derInteger, derOctets, derSequence } from './der-write.ts'
import { IterationBudget } from './iteration-budget.ts'
import { systemRandom, type RandomSource } from './write-options.ts'

/** How keys and certificates are encrypted. */
export interface PasswordEncryption {
  readonly password: string
  /** Iterations of PBKDF2, 1 to 3 000 000, and to 600 000 in PKCS#12, where a reader works them off for the certificates, the key and the MAC. Default 50 000. */
  readonly iterations?: number
  /** Asked for the salt (16 bytes), then for the initialisation vector (16 bytes). Default: the operating system. */
  readonly random?: RandomSource
}

/** Something encrypted, with its AlgorithmIdentifier. */
export interface EncryptedData {
  /** DER. */
  readonly algorithm: Buffer
  readonly data: Buffer
}

const saltBytes = 16
const ivBytes = 16
const keyBytes = 32
const none = Buffer.from([0x05, 0x00])

/** OpenSSL's own default of 2048 is of a time when guessing was slower. More of them make a reload of the gateway wait: it derives three keys. */
export const defaultIterations = 50_000

/**
 * Encrypts with a password.
 *
 * @throws POSTERN_ERR_IDENTITY_ITERATIONS
 */
export function encryptWithPassword (plain: Buffer, { password, iterations = defaultIterations, random = systemRandom }: PasswordEncryption): EncryptedData {
  new IterationBudget('the new file').spend(BigInt(iterations), 1)
  const [salt, iv] = [random(saltBytes), random(ivBytes)]
  const key = pbkdf2Sync(password, salt, iterations, keyBytes, 'sha256')
  const derivation = derAlgorithm('1.2.840.113549.1.5.12', derSequence(derOctets(salt), derInteger(iterations), derAlgorithm('1.2.840.113549.2.9', none)))
  const encryption = derAlgorithm('2.16.840.1.101.3.4.1.42', derOctets(iv))
  return { algorithm: derAlgorithm('1.2.840.113549.1.5.13', derSequence(derivation, encryption)), data: encrypt({ cipher: 'aes-256-cbc', key, iv }, plain) }
}
