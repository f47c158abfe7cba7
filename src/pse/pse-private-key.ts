/**
 * The private key of a PSE. It holds as little as possible (of an RSA key the two primes); the certificate has the rest, and is the
 * proof that an encoding was understood: a key that does not reproduce the certificate's public key is never taken.
 */
import { createECDH, createPrivateKey, type KeyObject } from 'node:crypto'
import { errors } from '../errors.ts'
import { publicKeyOf, type Certificate } from '../x509/certificate.ts'
import { readAlgorithm, readDer, tag, type DerValue } from './der-value.ts'

/** The two names of RSA (PKCS#1, and X.500 in SECUDE files), and DSA. */
const keyTypes: Readonly<Record<string, string>> = { '1.2.840.113549.1.1.1': 'rsa', '2.5.8.1.1': 'rsa', '1.2.840.10040.4.1': 'dsa' }

/** Curves of OpenSSL with the length of a private value in bytes: the ones that sapgenpse makes keys for. */
const curves: Readonly<Record<string, number>> = { prime256v1: 32, secp384r1: 48, secp521r1: 66 }

/**
 * Makes the private key from `value`, SEQUENCE { AlgorithmIdentifier, BIT STRING }, and its certificate.
 *
 * @throws POSTERN_ERR_IDENTITY_KEY_DSA, PSE_KEY_MISMATCH, PSE_KEY_ENCODING
 */
export function readPrivateKey (value: DerValue, certificate: Certificate, file: string): KeyObject {
  const { oid } = readAlgorithm(value.child(0))
  const bits = value.child(1).bits('private key')
  const publicKey = publicKeyOf(certificate)
  const type = publicKey?.asymmetricKeyType
  const storedType = keyTypes[oid]
  if (storedType === 'dsa') throw new errors.IDENTITY_KEY_DSA(file)
  if (storedType !== undefined && storedType !== type) throw new errors.PSE_KEY_MISMATCH(file)
  if (publicKey === null || (type !== 'rsa' && type !== 'ec')) throw new errors.PSE_KEY_ENCODING(file, `${oid}, for a certificate with a key of type ${type ?? 'unknown'}`)
  const parts = readDer(bits, what => new errors.PSE_KEY_ENCODING(file, what))
  return type === 'rsa' ? rsaKey(parts, publicKey, file) : ecKey(parts, publicKey, file)
}

/** The longest form in use, PKCS#1, has nine. Each is compared with each. */
const maxRsaNumbers = 9

function rsaKey (parts: DerValue, publicKey: KeyObject, file: string): KeyObject {
  const jwk = publicKey.export({ format: 'jwk' })
  const [n, e] = [toInteger(jwk.n!), toInteger(jwk.e!)]
  const numbers = parts.expect(tag.sequence, 'RSA private key').children
  if (numbers.length > maxRsaNumbers) throw new errors.PSE_KEY_ENCODING(file, `RSA, ${numbers.length} numbers`)
  const values = numbers.map(child => child.integer('part of the RSA private key'))
  const [p, q] = primesOf(n, values)
  if (p === undefined || q === undefined) {
    if (values.length === 2) throw new errors.PSE_KEY_MISMATCH(file)
    throw new errors.PSE_KEY_ENCODING(file, `RSA, ${values.length} numbers, no two of which make up the modulus of the certificate`)
  }
  const d = inverse(e, (p - 1n) * (q - 1n))
  const qi = inverse(q, p)
  if (d === null || qi === null) throw new errors.PSE_KEY_MISMATCH(file)
  return createPrivateKey({
    format: 'jwk',
    key: { ...jwk, d: toText(d), p: toText(p), q: toText(q), dp: toText(d % (p - 1n)), dq: toText(d % (q - 1n)), qi: toText(qi) }
  })
}

/** The two of `values` whose product is `n`, the greater first. All SAP files hold these two only; a longer form is proved the same way. */
function primesOf (n: bigint, values: readonly bigint[]): bigint[] {
  const factors = values.filter(value => value > 1n && value < n && n % value === 0n)
  const p = factors.find(factor => factors.includes(n / factor))
  return p === undefined ? [] : [p, n / p].sort((a, b) => a > b ? -1 : 1)
}

/**
 * No public PSE has an EC key, so the encoding is not known. Each form that is in use for such a key is tried, and taken only if
 * its public point is the certificate's.
 */
function ecKey (parts: DerValue, publicKey: KeyObject, file: string): KeyObject {
  const curve = publicKey.asymmetricKeyDetails?.namedCurve
  const length = curves[curve!]
  if (length === undefined) throw new errors.PSE_KEY_ENCODING(file, `EC, curve ${curve}; expected P-256, P-384 or P-521`)
  const jwk = publicKey.export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(jwk.x!, 'base64url'), Buffer.from(jwk.y!, 'base64url')])
  const found = ecCandidates(parts).map(candidate => leftPadded(candidate, length)).find(d => d !== null && pointOf(d, curve!)?.equals(point))
  if (found == null) throw new errors.PSE_KEY_ENCODING(file, 'EC, in an encoding that does not reproduce the public key of the certificate')
  return createPrivateKey({ format: 'jwk', key: { ...jwk, d: found.toString('base64url') } })
}

/** The private value out of ECPrivateKey (RFC 5915), INTEGER, OCTET STRING, or SEQUENCE { INTEGER, ... }. */
function ecCandidates (parts: DerValue): Buffer[] {
  if (parts.tag !== tag.sequence) return privateValue(parts)
  return parts.children.slice(0, 2).flatMap(privateValue)
}

function privateValue (value: DerValue): Buffer[] {
  return value.tag === tag.integer || value.tag === tag.octetString ? [value.content] : []
}

function leftPadded (bytes: Buffer, length: number): Buffer | null {
  const start = bytes.findIndex(byte => byte !== 0)
  const digits = start < 0 ? Buffer.alloc(0) : bytes.subarray(start)
  return digits.length > length ? null : Buffer.concat([Buffer.alloc(length - digits.length), digits])
}

function pointOf (d: Buffer, curve: string): Buffer | null {
  const ecdh = createECDH(curve)
  try {
    ecdh.setPrivateKey(d)
  } catch {
    // zero, or not below the order of the curve
    return null
  }
  return ecdh.getPublicKey()
}

/** The inverse of `a` modulo `m`, or `null` where there is none. */
function inverse (a: bigint, m: bigint): bigint | null {
  let [r0, r1, s0, s1] = [m, a % m, 0n, 1n]
  while (r1 > 0n) {
    const quotient = r0 / r1;
    [r0, r1, s0, s1] = [r1, r0 - quotient * r1, s1, s0 - quotient * s1]
  }
  return r0 === 1n ? ((s0 % m) + m) % m : null
}

/** An empty text is zero, as in a damaged certificate. */
function toInteger (text: string): bigint {
  return BigInt(`0x0${Buffer.from(text, 'base64url').toString('hex')}`)
}

function toText (value: bigint): string {
  const digits = value.toString(16)
  return Buffer.from(digits.padStart(digits.length + digits.length % 2, '0'), 'hex').toString('base64url')
}
