/**
 * Password-based encryption as PKCS#8, PKCS#12 and PSE use it: PBES2 (RFC 8018 section 6.2) and the older PKCS#12 PBE
 * (RFC 7292 appendix C), as far as its ciphers are still to be had.
 */
import { pbkdf2Sync, scryptSync } from 'node:crypto'
import { blockCiphers, decrypt, type CipherKey } from './block-cipher.ts'
import { readAlgorithm, tag, type DerValue } from './der-value.ts'
import type { IterationBudget } from './iteration-budget.ts'
import { bmpPassword, deriveKey, digestBytes, purpose, roundsOf } from './pkcs12-kdf.ts'

/** A password in the two forms that the key derivations take. */
export interface Password {
  readonly bmp: Buffer
  readonly utf8: Buffer
}

/** What a decryption needs beside the data. */
export interface Decryption {
  readonly password: Password
  readonly budget: IterationBudget
  /** Makes the error for an algorithm that is not served. */
  readonly unsupported: (algorithm: string) => Error
}

/** Memory that scrypt may take. OpenSSL's own default parameters take 16 MiB. */
const maxScryptBytes = 128 * 1024 * 1024

const pbes2 = '1.2.840.113549.1.5.13'
const pbkdf2 = '1.2.840.113549.1.5.12'
const scrypt = '1.3.6.1.4.1.11591.4.11'

/** PBE with SHA-1 and 3DES: bytes that are derived for the key; two keys are used as K1, K2, K1. */
const tripleDesKeyBytes: Readonly<Record<string, number>> = { '1.2.840.113549.1.12.1.3': 24, '1.2.840.113549.1.12.1.4': 16 }

const pbes2Ciphers: Readonly<Record<string, keyof typeof blockCiphers>> = {
  '1.2.840.113549.3.7': 'des-ede3-cbc',
  '2.16.840.1.101.3.4.1.2': 'aes-128-cbc',
  '2.16.840.1.101.3.4.1.22': 'aes-192-cbc',
  '2.16.840.1.101.3.4.1.42': 'aes-256-cbc'
}

/** HMACs (RFC 8018 appendix B.1.2) by the name of their digest. */
export const hmacDigests: Readonly<Record<string, 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512'>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512'
}

/** Names for the messages about algorithms that old files use. */
const oldAlgorithms: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.5.3': 'pbeWithMD5AndDES-CBC',
  '1.2.840.113549.1.5.10': 'pbeWithSHA1AndDES-CBC',
  '1.2.840.113549.1.5.13': 'PBES2',
  '1.2.840.113549.1.12.1.1': 'pbeWithSHA1And128BitRC4',
  '1.2.840.113549.1.12.1.2': 'pbeWithSHA1And40BitRC4',
  '1.2.840.113549.1.12.1.5': 'pbeWithSHA1And128BitRC2-CBC',
  '1.2.840.113549.1.12.1.6': 'pbeWithSHA1And40BitRC2-CBC',
  '1.2.840.113549.3.2': 'RC2-CBC',
  '1.3.14.3.2.7': 'DES-CBC'
}

/** An algorithm as messages name it. */
export function algorithmName (oid: string): string {
  const name = oldAlgorithms[oid]
  return name === undefined ? oid : `${name} (${oid})`
}

/** Both forms of a password. */
export function passwordOf (text: string): Password {
  return { bmp: bmpPassword(text), utf8: Buffer.from(text) }
}

/** No password at all, which is not the same as an empty one: the two zero bytes at the end are missing. */
export const noPassword: Password = { bmp: Buffer.alloc(0), utf8: Buffer.alloc(0) }

/**
 * Decrypts what an AlgorithmIdentifier says how to decrypt.
 *
 * @returns `null` when the password is wrong or the data is damaged
 * @throws POSTERN_ERR_IDENTITY_ITERATIONS before any work; the error of `unsupported`; the fault of `algorithm`
 */
export function decryptWithPassword (algorithm: DerValue, ciphertext: Buffer, decryption: Decryption): Buffer | null {
  const { oid, parameters } = readAlgorithm(algorithm)
  const keyBytes = tripleDesKeyBytes[oid]
  if (oid !== pbes2 && keyBytes === undefined) throw decryption.unsupported(algorithmName(oid))
  if (parameters === null) throw algorithm.fault('parameters of the encryption are missing')
  const key = keyBytes === undefined ? pbes2Key(parameters, decryption) : tripleDesKey(parameters, decryption.password, decryption.budget, keyBytes)
  return decrypt(key, ciphertext)
}

/**
 * The key of PBE with SHA-1 and 3DES.
 *
 * @param parameters SEQUENCE { OCTET STRING salt, INTEGER iterations }
 * @param keyBytes 24 for three keys, 16 for two
 */
export function tripleDesKey (parameters: DerValue, password: Password, budget: IterationBudget, keyBytes = 24): CipherKey {
  const salt = parameters.expect(tag.sequence, 'parameters of the encryption').child(0).octets('salt')
  const iterations = budget.spend(parameters.child(1).integer('iterations'), tripleDesRounds(keyBytes))
  return deriveTripleDes({ password, salt, iterations, keyBytes })
}

/** Input of PBE with SHA-1 and 3DES. */
interface TripleDesDerivation {
  readonly password: Password
  readonly salt: Buffer
  readonly iterations: number
  /** 24 for three keys, 16 for two. */
  readonly keyBytes: number
}

/** What one iteration for key and initialisation vector costs. */
export function tripleDesRounds (keyBytes: number): number {
  return roundsOf('sha1', keyBytes) + roundsOf('sha1', blockCiphers['des-ede3-cbc'].ivBytes)
}

/** Key and initialisation vector of PBE with SHA-1 and 3DES. */
export function deriveTripleDes ({ password, salt, iterations, keyBytes }: TripleDesDerivation): CipherKey {
  const derive = (part: 1 | 2, length: number) => deriveKey({ digest: 'sha1', purpose: part, password: password.bmp, salt, iterations, length })
  const key = derive(purpose.key, keyBytes)
  return { cipher: 'des-ede3-cbc', key: Buffer.concat([key, key]).subarray(0, 24), iv: derive(purpose.iv, 8) }
}

function pbes2Key (parameters: DerValue, { password, budget, unsupported }: Decryption): CipherKey {
  const encryption = readAlgorithm(parameters.child(1))
  const cipher = pbes2Ciphers[encryption.oid]
  if (cipher === undefined) throw unsupported(algorithmName(encryption.oid))
  const iv = encryption.parameters?.octets('initialisation vector')
  if (iv?.length !== blockCiphers[cipher].ivBytes) throw parameters.fault('the initialisation vector has not the length of a block')
  return { cipher, iv, key: deriveFromPassword(parameters.child(0), blockCiphers[cipher].keyBytes, { password, budget, unsupported }) }
}

/** The key that PBKDF2 or scrypt derives, as an AlgorithmIdentifier says. */
export function deriveFromPassword (algorithm: DerValue, length: number, { password, budget, unsupported }: Decryption): Buffer {
  const { oid, parameters } = readAlgorithm(algorithm)
  if (parameters === null) throw algorithm.fault('parameters of the key derivation are missing')
  if (oid === scrypt) return deriveWithScrypt(parameters, length, { password, budget, unsupported })
  if (oid !== pbkdf2) throw unsupported(algorithmName(oid))
  const salt = parameters.child(0).octets('salt')
  const pseudoRandomFunction = parameters.children.find(child => child.tag === tag.sequence)
  const prfOid = pseudoRandomFunction === undefined ? '1.2.840.113549.2.7' : readAlgorithm(pseudoRandomFunction).oid
  const digest = hmacDigests[prfOid]
  if (digest === undefined) throw unsupported(algorithmName(prfOid))
  const iterations = budget.spend(parameters.child(1).integer('iterations'), Math.ceil(length / digestBytes[digest]))
  return pbkdf2Sync(password.utf8, salt, iterations, length, digest)
}

/** RFC 7914 section 7: SEQUENCE { salt, cost, block size, parallelization }. */
function deriveWithScrypt (parameters: DerValue, length: number, { password, budget, unsupported }: Decryption): Buffer {
  const salt = parameters.child(0).octets('salt')
  const [cost, blockSize, parallelization] = [1, 2, 3].map(index => parameters.child(index).integer('parameter of scrypt')) as [bigint, bigint, bigint]
  budget.spend(cost * blockSize * parallelization, 1)
  try {
    return scryptSync(password.utf8, salt, length, { N: Number(cost), r: Number(blockSize), p: Number(parallelization), maxmem: maxScryptBytes })
  } catch {
    throw unsupported(`scrypt with N=${cost}, r=${blockSize}, p=${parallelization}`)
  }
}
