/** Which key is made: `-a` and `-s`. */
import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { SignatureHash } from '../x509/request.ts'
import { usage } from './command-line.ts'

/** A kind of key with the hash function of what it signs. */
export interface KeyKind {
  readonly type: 'rsa' | 'ec'
  /** Of the modulus, or of the curve. */
  readonly bits: number
  readonly hash: SignatureHash
}

const rsaSizes = { least: 2048, most: 4096 }
const generate = promisify(generateKeyPair)

/**
 * Reads `-a` and `-s`: `sha256WithRsaEncryption`, `RSA`, `RSA:3072:SHA256`, `ecdsa-with-SHA384`, `EC`, `ECDSA:P-384`, in any letter case.
 * What is left out is RSA with 2048 bits or EC on P-256, and the hash function that goes with the size.
 */
export function keyKind (algorithm: string | null, size: string | null): KeyKind {
  const [name = '', ...details] = (algorithm ?? 'RSA').split(':')
  const signature = /^(?:sha(?<rsa>256|384|512)WithRsaEncryption|ecdsa-with-SHA(?<ec>256|384|512)|(?<plain>RSA|EC|ECDSA))$/i.exec(name)?.groups
  if (signature === undefined) return fault(`-a ${name}: unknown algorithm; expected RSA, EC, sha256WithRsaEncryption or ecdsa-with-SHA256`)
  const type = signature.rsa !== undefined || signature.plain?.toUpperCase() === 'RSA' ? 'rsa' : 'ec'
  const hash = details.map(detail => /^SHA-?(256|384|512)$/i.exec(detail)?.[1]).find(bits => bits !== undefined) ?? signature.rsa ?? signature.ec
  const detailed = details.filter(detail => !/^SHA/i.test(detail)).map(detail => detail.replace(/^P-?/i, ''))
  const bits = checkedBits(type, size ?? detailed[0] ?? null)
  return { type, bits, hash: hash === undefined ? defaultHash(type, bits) : `SHA-${hash}` as SignatureHash }
}

function checkedBits (type: KeyKind['type'], size: string | null): number {
  const bits = size === null ? (type === 'rsa' ? rsaSizes.least : 256) : /^\d{3,4}$/.test(size) ? Number(size) : 0
  if (type === 'ec' && bits !== 256 && bits !== 384) return fault('the size of an EC key is 256 or 384 (curves P-256 and P-384)')
  if (type === 'rsa' && (bits < rsaSizes.least || bits > rsaSizes.most || bits % 8 !== 0)) return fault('the size of an RSA key is 2048 to 4096 bits')
  return bits
}

function fault (what: string): never {
  return usage({ name: 'gen_pse' }, what)
}

function defaultHash (type: KeyKind['type'], bits: number): SignatureHash {
  return type === 'ec' && bits === 384 ? 'SHA-384' : 'SHA-256'
}

/** The hash function for requests of a key that exists. */
export function hashFor (key: KeyObject): SignatureHash {
  return key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'SHA-384' : 'SHA-256'
}

/** Makes a private key. */
export async function makeKey ({ type, bits }: KeyKind): Promise<KeyObject> {
  const { privateKey } = type === 'rsa' ? await generate('rsa', { modulusLength: bits }) : await generate('ec', { namedCurve: `P-${bits}` })
  return privateKey
}
