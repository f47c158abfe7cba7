/**
 * Writes PSEs of version 2 and 4, with every object that a reader may meet, well-formed or not.
 */
import { createHash, type KeyObject } from 'node:crypto'
import { encrypt, type CipherKey } from '../../src/pse/block-cipher.ts'
import { readDer, type DerValue } from '../../src/pse/der-value.ts'
import { bmpPassword, deriveKey } from '../../src/pse/pkcs12-kdf.ts'
import { secudeCipher, secudeCipherWithCount } from '../../src/pse/secude.ts'
import { bits, context, generalizedTime, int, none, octets, oid, printable, seq, set } from './der.ts'

/** What to put into a PSE. Everything is optional, also what no PSE does without. */
export interface PseParts {
  readonly version?: number
  /** `null`: not encrypted. */
  readonly pin?: string | null
  /** `pbe` is SAP's; the others are of SECUDE. */
  readonly scheme?: 'pbe' | 'secude' | 'secude-count'
  readonly iterations?: bigint
  /** `SKnew`; see `pseKey`. */
  readonly key?: Buffer
  readonly certificate?: Buffer
  /** A certificate, which is taken apart to PKRoot. */
  readonly root?: Buffer
  /** Added to PKRoot between key and extensions. */
  readonly oldKey?: Buffer
  /** Levels of FCPath. */
  readonly path?: readonly Buffer[]
  /** Elements of PKList: certificates or their to-be-signed parts. */
  readonly trusted?: readonly Buffer[]
  readonly certList?: readonly Buffer[]
  readonly more?: readonly Buffer[]
  /** Replaces the objects. */
  readonly content?: Buffer
  /** Replaces the outer AlgorithmIdentifier. */
  readonly algorithm?: Buffer
  /** Of version 4: 0 or 1 follow from `pin`. */
  readonly mode?: number
  readonly digest?: Buffer
  readonly verifier?: Buffer
  /** Last step: what is written for the encrypted content. */
  readonly tamper?: (encrypted: Buffer) => Buffer
}

const time = generalizedTime('20250101000000Z')
const salt = Buffer.from('0102030405060708', 'hex')

/** Object of a PSE. */
export function pseObject (name: string, type: string, value: Buffer): Buffer {
  return seq(printable(name), time, oid(type), value)
}

/** Writes a PSE. */
export function mintPse (parts: PseParts = {}): Buffer {
  const { version = 2, pin = null, iterations = 1000n, scheme = 'pbe' } = parts
  const algorithm = parts.algorithm ?? algorithmOf(scheme, iterations)
  const content = parts.content ?? contentOf(parts, algorithm)
  if (version === 4) return seq(int(4), version4(parts, algorithm, content))
  if (pin === null) return seq(int(version), content)
  const cipher = cipherOf(scheme, pin, Number(iterations))
  const { tamper = (encrypted: Buffer) => encrypted } = parts
  return seq(int(version), context(0,
    octets(parts.verifier ?? cipher(Buffer.from(pin))), ...scheme === 'secude-count' ? [] : [algorithm], octets(tamper(cipher(content)))))
}

function version4 (parts: PseParts, algorithm: Buffer, content: Buffer): Buffer {
  const { pin = null, iterations = 1000n, tamper = (encrypted: Buffer) => encrypted } = parts
  const stored = tamper(pin === null ? content : cipherOf('pbe', pin, Number(iterations))(content))
  const digest = parts.digest ?? createHash('sha1').update(content).digest()
  return context(3, int(parts.mode ?? (pin === null ? 0 : 1)), algorithm, octets(stored), octets(digest))
}

function algorithmOf (scheme: NonNullable<PseParts['scheme']>, iterations: bigint): Buffer {
  if (scheme === 'secude') return seq(oid('1.2.840.113549.3.7'), octets(Buffer.alloc(8)))
  return seq(oid('1.2.840.113549.1.12.1.3'), seq(octets(salt), int(iterations)))
}

function cipherOf (scheme: NonNullable<PseParts['scheme']>, pin: string, iterations: number): (plain: Buffer) => Buffer {
  if (scheme === 'secude') return secudeCipher(pin).encrypt
  if (scheme === 'secude-count') return secudeCipherWithCount(pin).encrypt
  // counts that a reader has to refuse are not worked off here either
  const derive = (purpose: 1 | 2, length: number) =>
    deriveKey({ digest: 'sha1', purpose, password: bmpPassword(pin), salt, iterations: Math.min(iterations, 1000), length })
  const key: CipherKey = { cipher: 'des-ede3-cbc', key: derive(1, 24), iv: derive(2, 8) }
  return plain => encrypt(key, plain)
}

function contentOf (parts: PseParts, algorithm: Buffer): Buffer {
  const { key, certificate, root, path, trusted, certList, more = [] } = parts
  const objects = [
    ...key === undefined ? [] : [pseObject('SKnew', '1.3.36.2.3.4', key)],
    ...certificate === undefined ? [] : [pseObject('Cert', '1.3.36.2.1.3', certificate)],
    ...root === undefined ? [] : [pseObject('PKRoot', '1.3.36.2.5.1', rootObject(root, parts.oldKey))],
    ...path === undefined ? [] : [pseObject('FCPath', '1.3.36.2.4.1', seq(...path.map(level => set(level))))],
    ...trusted === undefined ? [] : [pseObject('PKList', '1.3.36.2.6.1', set(...trusted))],
    ...certList === undefined ? [] : [pseObject('CertList', '1.3.36.2.0', set(...certList))],
    ...more
  ]
  return seq(algorithm, time, int(1), set(...objects))
}

/** The private key as SAP writes it: algorithm, and a BIT STRING with what `value` is. */
export function pseKey (algorithm: 'rsa' | 'secude-rsa' | 'dsa' | 'ec' | string, value: Buffer): Buffer {
  const identifiers: Readonly<Record<string, Buffer>> = {
    rsa: seq(oid('1.2.840.113549.1.1.1'), none),
    'secude-rsa': seq(oid('2.5.8.1.1'), int(2048)),
    dsa: seq(oid('1.2.840.10040.4.1'), none),
    ec: seq(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7'))
  }
  return seq(identifiers[algorithm] ?? seq(oid(algorithm), none), bits(value))
}

/** SKnew of an RSA key: its two primes. */
export function rsaPseKey (key: KeyObject, order: 'greater-first' | 'smaller-first' = 'greater-first'): Buffer {
  const primes = rsaPrimes(key).sort((a, b) => a > b ? -1 : 1)
  return pseKey('rsa', seq(...(order === 'greater-first' ? primes : primes.reverse()).map(int)))
}

/** The primes of an RSA key. */
export function rsaPrimes (key: KeyObject): bigint[] {
  const { p, q } = key.export({ format: 'jwk' })
  return [p, q].map(text => BigInt(`0x${Buffer.from(text!, 'base64url').toString('hex')}`))
}

/** The private value of an EC key. */
export function ecPrivateValue (key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url')
}

/** The to-be-signed part of a certificate. */
export function toBeSigned (certificate: Buffer): Buffer {
  return parse(certificate).child(0).encoded
}

function rootObject (certificate: Buffer, oldKey?: Buffer): Buffer {
  const [body, algorithm, signature] = parse(certificate).children as [DerValue, DerValue, DerValue]
  const [version, serial, , name, validity, , publicKey, extensions] = body.children as DerValue[]
  const key = seq(version!.encoded, serial!.encoded, publicKey!.encoded, context(1, validity!.encoded), context(2, algorithm.encoded), signature.encoded)
  return seq(name!.encoded, key, ...oldKey === undefined ? [] : [oldKey], ...extensions === undefined ? [] : [context(0, extensions.content)])
}

function parse (der: Buffer): DerValue {
  return readDer(der, what => new Error(what))
}

/** A certificate with a signature of nothing, for public keys that no CA of the tests signs with. */
export function unsignedCertificate (publicKey: KeyObject | Buffer, subject = 'odd key'): Buffer {
  const spki = Buffer.isBuffer(publicKey) ? publicKey : publicKey.export({ type: 'spki', format: 'der' })
  const name = seq(set(seq(oid('2.5.4.3'), printable(subject))))
  const algorithm = seq(oid('1.2.840.10045.4.3.2'))
  const validity = seq(generalizedTime('20250101000000Z'), generalizedTime('20990101000000Z'))
  const body = seq(context(0, int(2)), int(1), algorithm, name, validity, name, spki)
  return seq(body, algorithm, bits(Buffer.alloc(8)))
}
