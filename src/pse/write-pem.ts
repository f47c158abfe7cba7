import { derOctets, derSequence } from './der-write.ts'
import { encryptWithPassword, type PasswordEncryption } from './encrypt-with-password.ts'
import type { IdentityContent } from './identity.ts'
import { requirePin } from './write-options.ts'

/** How PEM files are written. */
export interface PemWriteOptions extends Omit<PasswordEncryption, 'password'> {
  /** Encrypts the private key. `null`: it is not encrypted. */
  readonly pin: string | null
}

/**
 * Writes the private key (PKCS#8), the own certificate and its chain, in the order in which TLS sends them; `null` for an identity
 * that is trust only.
 *
 * @throws POSTERN_ERR_IDENTITY_PIN_UNWRITABLE, IDENTITY_ITERATIONS
 */
export function writePem ({ privateKey, certificate, chain }: IdentityContent, options: PemWriteOptions): Buffer | null {
  if (privateKey === null) return null
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
  const { pin } = options
  const key = pin === null ? pemBlock('PRIVATE KEY', pkcs8) : encryptedKey(pkcs8, { ...options, password: requirePin(pin, 'a PEM file') })
  return Buffer.from([key, ...[certificate ?? [], chain].flat().map(der => pemBlock('CERTIFICATE', der))].join(''))
}

/**
 * Writes a trust list; `null` for an empty one. It is a file of its own (`postern/trust_<xx>`), because the certificates beside a key are its chain:
 * the root there is no trust anchor.
 */
export function writePemTrust ({ trusted }: IdentityContent): Buffer | null {
  return trusted.length === 0 ? null : Buffer.from(trusted.map(der => pemBlock('CERTIFICATE', der)).join(''))
}

/** One block (RFC 7468). */
export function pemBlock (label: string, der: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`
}

function encryptedKey (pkcs8: Buffer, encryption: PasswordEncryption): string {
  const { algorithm, data } = encryptWithPassword(pkcs8, encryption)
  return pemBlock('ENCRYPTED PRIVATE KEY', derSequence(algorithm, derOctets(data)))
}
