/**
 * The key derivation of PKCS#12 (RFC 7292 appendix B). SAP's PSE uses it unchanged, with SHA-1.
 */
import { hash } from 'node:crypto'

/** What the derived bytes are for (RFC 7292 appendix B.3). */
export const purpose = { key: 1, iv: 2, mac: 3 } as const

/** Input of the derivation. */
interface KeyDerivation {
  readonly digest: keyof typeof blockBytes
  readonly purpose: typeof purpose[keyof typeof purpose]
  /** See `bmpPassword`. */
  readonly password: Buffer
  readonly salt: Buffer
  readonly iterations: number
  /** Bytes wanted. */
  readonly length: number
}

/** Block sizes of the compression functions: the `v` of the RFC, in bytes. */
const blockBytes = { sha1: 64, sha224: 64, sha256: 64, sha384: 128, sha512: 128 } as const

/** What a digest gives, in bytes. */
export const digestBytes = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 } as const

/** What one iteration of a derivation costs, in rounds of `IterationBudget`: a call of OpenSSL each takes three times as long as a round within OpenSSL. */
export function roundsOf (digest: keyof typeof digestBytes, length: number): number {
  return 3 * Math.ceil(length / digestBytes[digest])
}

/** A password as the derivation takes it: UTF-16, big-endian, with two zero bytes at the end (RFC 7292 appendix B.1). */
export function bmpPassword (password: string): Buffer {
  return Buffer.from(`${password}\0`, 'utf16le').swap16()
}

/** Derives a key, an initialisation vector or a MAC key. */
export function deriveKey ({ digest, purpose, password, salt, iterations, length }: KeyDerivation): Buffer {
  const v = blockBytes[digest]
  const diversifier = Buffer.alloc(v, purpose)
  let input = Buffer.concat([fill(salt, v), fill(password, v)])
  const blocks: Buffer[] = []
  for (let derived = 0; derived < length;) {
    let block = hash(digest, Buffer.concat([diversifier, input]), 'buffer')
    for (let round = 1; round < iterations; round++) block = hash(digest, block, 'buffer')
    blocks.push(block)
    derived += block.length
    input = addToEachBlock(input, fill(block, v).subarray(0, v))
  }
  return Buffer.concat(blocks).subarray(0, length)
}

/** `bytes` repeated to a multiple of `v`; nothing stays nothing. */
function fill (bytes: Buffer, v: number): Buffer {
  return bytes.length === 0 ? bytes : Buffer.alloc(v * Math.ceil(bytes.length / v), bytes)
}

/** Adds `addend` + 1 to each block of `input`, modulo the block size (step 6C). */
function addToEachBlock (input: Buffer, addend: Buffer): Buffer<ArrayBuffer> {
  const sum = Buffer.alloc(input.length)
  for (let start = 0; start < input.length; start += addend.length) {
    let carry = 1
    for (let i = addend.length - 1; i >= 0; i--) {
      carry += input[start + i]! + addend[i]!
      sum[start + i] = carry & 0xff
      carry >>= 8
    }
  }
  return sum
}
