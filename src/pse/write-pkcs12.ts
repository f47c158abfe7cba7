/** Writes PKCS#12 files, with AES-256 and HMAC-SHA-256: all that OpenSSL, Java and Windows of today read, and nothing that they give up. */
import { createHmac } from 'node:crypto'
import { parseCertificate } from '../x509/certificate.ts'
import { derAlgorithm } from './der-write.ts'
import { defaultIterations, encryptWithPassword, type PasswordEncryption } from './encrypt-with-password.ts'
import type { IdentityContent } from './identity.ts'
import { IterationBudget } from './iteration-budget.ts'
import { bmpPassword, deriveKey, purpose, roundsOf } from './pkcs12-kdf.ts'
import { writeBags, writeStructure, type NewBag, type NewMac, type NewSection } from './write-pkcs12-structure.ts'
import { requirePin, systemRandom } from './write-options.ts'

/** How a PKCS#12 file is written. */
export interface Pkcs12WriteOptions extends Omit<PasswordEncryption, 'password'> {
  /** The password. `null` is the empty one, which protects nothing, and which programs try first or take for none. */
  readonly pin: string | null
}

const macSaltBytes = 16
/** Ties the key to its certificate. */
const localKeyId = Buffer.from([1])

/**
 * Writes an identity as PKCS#12; without a private key, a trust list.
 *
 * Certificates of the trust list carry the mark that Java and OpenSSL give to trusted certificates (`trustedKeyUsage`). One that is the
 * root of the chain too is there twice: without the mark for the chain, with it for the trust list.
 *
 * @throws POSTERN_ERR_IDENTITY_PIN_UNWRITABLE, IDENTITY_ITERATIONS
 * @see RFC 7292
 */
export function writePkcs12 (identity: IdentityContent, options: Pkcs12WriteOptions): Buffer {
  const { pin, iterations = defaultIterations } = options
  // the reader works them off for the certificates, the key and the MAC
  new IterationBudget('the new file').spend(BigInt(iterations), 1 + 1 + roundsOf('sha256', 32))
  const encryption: PasswordEncryption = { ...options, password: pin === null ? '' : requirePin(pin, 'a PKCS#12 file') }
  const names = new FriendlyNames()
  const own = identity.certificate
  const ownName = own === null ? {} : { friendlyName: names.nameOf(own), localKeyId }
  const certificates: NewBag[] = [
    ...own === null ? [] : [{ content: { certificate: own }, ...ownName }],
    ...identity.chain.map(certificate => ({ content: { certificate } })),
    ...identity.trusted.map(certificate => ({ content: { certificate }, friendlyName: names.nameOf(certificate), trusted: true }))
  ]
  const sections: NewSection[] = [{ encrypted: encryptWithPassword(writeBags(certificates), encryption) }]
  if (identity.privateKey !== null) {
    const key = encryptWithPassword(identity.privateKey.export({ type: 'pkcs8', format: 'der' }), encryption)
    sections.push({ bags: writeBags([{ content: { key }, ...ownName }]) })
  }
  return writeStructure(sections, content => macOf(content, encryption))
}

/** Gives each entry its name. Java takes two entries of the same name, in upper or lower case, for one. */
class FriendlyNames {
  readonly #taken = new Set<string>()

  nameOf (certificate: Buffer): string {
    const { subject } = parseCertificate(certificate)
    let name = subject
    for (let count = 2; this.#taken.has(name.toLowerCase()); count++) name = `${subject} (${count})`
    this.#taken.add(name.toLowerCase())
    return name
  }
}

/** The MAC of RFC 7292 appendix B. Many programs do not read the newer PBMAC1 yet. */
function macOf (content: Buffer, { password, iterations = defaultIterations, random = systemRandom }: PasswordEncryption): NewMac {
  const salt = random(macSaltBytes)
  const key = deriveKey({ digest: 'sha256', purpose: purpose.mac, password: bmpPassword(password), salt, iterations, length: 32 })
  const digest = createHmac('sha256', key).update(content).digest()
  return { algorithm: derAlgorithm('2.16.840.1.101.3.4.2.1', Buffer.from([0x05, 0x00])), salt, iterations, digest }
}
