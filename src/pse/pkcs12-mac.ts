import { createHmac, timingSafeEqual } from 'node:crypto'
import { readAlgorithm } from './der-value.ts'
import { algorithmName, deriveFromPassword, hmacDigests, type Decryption } from './password-encryption.ts'
import { deriveKey, digestBytes, purpose, roundsOf } from './pkcs12-kdf.ts'
import type { Mac } from './pkcs12-structure.ts'

/** Digests that the MAC is used with, by identifier, with their sizes in bytes. */
const digests: Readonly<Record<string, keyof typeof digestBytes>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512'
}

/** PBMAC1 (RFC 9579): what FIPS installations write. */
const pbmac1 = '1.2.840.113549.1.5.14'

/**
 * Whether the MAC over `content` is right, and with it the password.
 *
 * @throws POSTERN_ERR_IDENTITY_ITERATIONS; the error of `unsupported`; the fault of the MAC's algorithm
 */
export function isMacRight (mac: Mac, content: Buffer, check: Decryption): boolean {
  const [digest, key] = readAlgorithm(mac.algorithm).oid === pbmac1 ? pbmac1Key(mac, check) : macKey(mac, check)
  const found = createHmac(digest, key).update(content).digest()
  return found.length === mac.digest.length && timingSafeEqual(found, mac.digest)
}

function macKey ({ algorithm, salt, iterations }: Mac, { password, budget, unsupported }: Decryption): [string, Buffer] {
  const { oid } = readAlgorithm(algorithm)
  const digest = digests[oid]
  if (digest === undefined) throw unsupported(`of the MAC, ${algorithmName(oid)}`)
  return [digest, deriveKey({ digest, purpose: purpose.mac, password: password.bmp, salt, iterations: budget.spend(iterations, roundsOf(digest, digestBytes[digest])), length: digestBytes[digest] })]
}

/** SEQUENCE { key derivation, HMAC }, RFC 8018 appendix A.5. */
function pbmac1Key ({ algorithm }: Mac, check: Decryption): [string, Buffer] {
  const parameters = algorithm.child(1)
  const { oid } = readAlgorithm(parameters.child(1))
  const digest = hmacDigests[oid]
  if (digest === undefined) throw check.unsupported(`of the MAC, ${algorithmName(oid)}`)
  return [digest, deriveFromPassword(parameters.child(0), digestBytes[digest], check)]
}
