/** The signatures of lists: RSA, RSA-PSS, ECDSA and EdDSA, over SHA-2. SHA-1 and MD5 prove nothing any more. */
import { constants, verify, type KeyObject } from 'node:crypto'
import { tags } from '../x509/der.ts'
import { contextTag, DerScan } from './der-scan.ts'

/** How a signature is verified, in the terms of `node:crypto`. */
export interface SignatureAlgorithm {
  /** `null` where the key decides. */
  readonly hash: string | null
  readonly keyTypes: readonly string[]
  /** Length of the salt in bytes, for RSA-PSS. */
  readonly saltLength?: number
}

const rsa = ['rsa']
/** By the content bytes of the object identifier. */
const algorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['2a864886f70d01010b', { hash: 'sha256', keyTypes: rsa }],
  ['2a864886f70d01010c', { hash: 'sha384', keyTypes: rsa }],
  ['2a864886f70d01010d', { hash: 'sha512', keyTypes: rsa }],
  ['2a8648ce3d040302', { hash: 'sha256', keyTypes: ['ec'] }],
  ['2a8648ce3d040303', { hash: 'sha384', keyTypes: ['ec'] }],
  ['2a8648ce3d040304', { hash: 'sha512', keyTypes: ['ec'] }],
  ['2b6570', { hash: null, keyTypes: ['ed25519'] }],
  ['2b6571', { hash: null, keyTypes: ['ed448'] }]
])
const pss = '2a864886f70d01010a'
const mgf1 = '2a864886f70d010108'
const hashes: ReadonlyMap<string, string> = new Map([
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512']
])

/**
 * Reads an AlgorithmIdentifier; `null` for one that is not supported.
 *
 * @param identifier at its SEQUENCE
 * @throws POSTERN_ERR_X509_DER_INVALID
 * @see RFC 4055, RFC 5758, RFC 8410
 */
export function readSignatureAlgorithm (identifier: DerScan): SignatureAlgorithm | null {
  const fields = identifier.inside().take(tags.objectIdentifier)
  const oid = fields.content.toString('hex')
  if (oid !== pss) return algorithms.get(oid) ?? null
  return readPss(fields.take(tags.sequence).inside())
}

/** The defaults are SHA-1, a salt of 20 bytes, and the one trailer there is. */
function readPss (parameters: DerScan): SignatureAlgorithm | null {
  let [hash, maskHash, saltLength] = [null as string | null, null as string | null, 20]
  while (parameters.next()) {
    const value = parameters.inside()
    switch (parameters.tag) {
      case contextTag(0, { constructed: true }): hash = hashOf(value); break
      case contextTag(1, { constructed: true }): maskHash = maskHashOf(value); break
      case contextTag(2, { constructed: true }): saltLength = numberOf(value); break
      default: if (numberOf(value) !== 1) return null
    }
  }
  return hash === null || hash !== maskHash || Number.isNaN(saltLength) ? null : { hash, keyTypes: ['rsa', 'rsa-pss'], saltLength }
}

function hashOf (value: DerScan): string | null {
  return hashes.get(value.take(tags.sequence).inside().take(tags.objectIdentifier).content.toString('hex')) ?? null
}

function maskHashOf (value: DerScan): string | null {
  const fields = value.take(tags.sequence).inside().take(tags.objectIdentifier)
  return fields.content.toString('hex') === mgf1 ? hashOf(fields) : null
}

function numberOf (value: DerScan): number {
  const { content } = value.take(tags.integer)
  // no salt is longer than a hash; negative numbers mean something else to OpenSSL
  return content.length === 1 ? content[0] as number : NaN
}

/** Whether `signature` was made over `bytes` by the owner of `key`. A key that does not go with the algorithm has made none. */
export function isSignedBy (key: KeyObject, { algorithm, bytes, signature }: { algorithm: SignatureAlgorithm, bytes: Buffer, signature: Buffer }): boolean {
  const { hash, keyTypes, saltLength } = algorithm
  if (!keyTypes.includes(String(key.asymmetricKeyType))) return false
  const padding = saltLength === undefined ? {} : { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
  try {
    return verify(hash, bytes, { key, ...padding }, signature)
  } catch {
    // OpenSSL's ways of saying no: a salt that does not fit, a key bound to other parameters
    return false
  }
}
