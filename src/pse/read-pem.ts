import { createCipheriv, createPrivateKey, getCipherInfo, type KeyObject } from 'node:crypto'
import { errors } from '../errors.ts'
import type { Certificate } from '../x509/certificate.ts'
import { BerReader } from './ber.ts'
import { readCertificate } from './certificates.ts'
import { readDer } from './der-value.ts'
import type { Identity } from './identity.ts'
import { IterationBudget } from './iteration-budget.ts'
import { decryptWithPassword, passwordOf } from './password-encryption.ts'
import { readPemBlocks, type PemBlock } from './pem.ts'
import { readPkcs7Certificates } from './pkcs7.ts'
import { looksLikePkcs8, makeKey, readPkcs8, type KeySource } from './pkcs8.ts'
import { makeIdentity, requireUsableKey } from './whole-identity.ts'

/** Labels of private keys whose form names the algorithm: PKCS#1, SEC 1, and DSA's own. */
const traditionalKeys = new Set(['RSA PRIVATE KEY', 'EC PRIVATE KEY', 'DSA PRIVATE KEY'])

/**
 * Reads a PEM bundle: a private key, encrypted or not, and certificates in any order.
 *
 * @throws POSTERN_ERR_PEM_..., IDENTITY_...
 */
export function readPem (bytes: Uint8Array, { file, pin }: { file: string, pin: string | null }): Identity {
  const blocks = readPemBlocks(bytes, file)
  const keys = blocks.filter(block => block.label.endsWith('PRIVATE KEY'))
  if (keys.length > 1) throw new errors.PEM_SEVERAL_KEYS(file, keys.length)
  const certificates = pemCertificates(blocks, file)
  const [key] = keys
  if (key === undefined && certificates.length === 0) throw new errors.PEM_EMPTY(file, blocks.map(({ label }) => label).join(', ').slice(0, 200))
  return makeIdentity(key === undefined ? null : readKey(key, { file, pin }), { certificates, trusted: null }, { file, format: 'pem' })
}

/** All certificates among the blocks, those inside of PKCS#7 blocks too. Other blocks are skipped. */
export function pemCertificates (blocks: readonly PemBlock[], file: string): Certificate[] {
  const damaged = (what: string) => new errors.PEM_DAMAGED(file, what)
  const ber = new BerReader(damaged)
  return blocks.flatMap(({ label, der }) => {
    if (label === 'CERTIFICATE' || label === 'X509 CERTIFICATE') return [readCertificate(der, damaged)]
    return label === 'PKCS7' || label === 'CMS' ? readPkcs7Certificates(der, damaged, ber) : []
  })
}

function readKey (block: PemBlock, { file, pin }: { file: string, pin: string | null }): KeyObject {
  const source: KeySource = { file, damaged: what => new errors.PEM_DAMAGED(file, what) }
  if (block.label === 'PRIVATE KEY') return readPkcs8(block.der, source)
  if (block.label === 'ENCRYPTED PRIVATE KEY') return readPkcs8(decryptPkcs8(block.der, { file, pin }), source)
  if (!traditionalKeys.has(block.label)) throw new errors.IDENTITY_KEY_UNSUPPORTED(file, `PEM block ${block.label.slice(0, 100)}`)
  const encryption = block.headers['DEK-Info']
  if (encryption === undefined) return requireUsableKey(makeKey(() => createPrivateKey(block.text), source.damaged), file)
  return readTraditional(block, encryption, { file, pin })
}

function decryptPkcs8 (der: Buffer, { file, pin }: { file: string, pin: string | null }): Buffer {
  if (pin === null) throw new errors.PEM_PIN_REQUIRED(file)
  const info = readDer(der, (what, offset) => new errors.PEM_DAMAGED(file, `encrypted private key: ${what}, at byte ${offset} of it`))
  const plain = decryptWithPassword(info.child(0), info.child(1).octets('encrypted private key'), {
    password: passwordOf(pin),
    budget: new IterationBudget(file),
    unsupported: algorithm => new errors.PEM_ENCRYPTION(file, algorithm)
  })
  if (plain === null || !looksLikePkcs8(plain)) throw new errors.PEM_PIN_WRONG(file)
  return plain
}

/** The encryption of OpenSSL before PKCS#8 (RFC 1421 headers, one round of MD5): OpenSSL reads it itself, there is no count to bound. */
function readTraditional (block: PemBlock, encryption: string, { file, pin }: { file: string, pin: string | null }): KeyObject {
  if (pin === null) throw new errors.PEM_PIN_REQUIRED(file)
  const [cipher = ''] = encryption.split(',')
  if (!isUsable(cipher)) throw new errors.PEM_ENCRYPTION(file, cipher.slice(0, 40))
  // of a wrong PIN OpenSSL says many things: now and then what comes out looks like a key of an unknown kind
  return requireUsableKey(makeKey(() => createPrivateKey({ key: block.text, passphrase: pin }), () => new errors.PEM_PIN_WRONG(file)), file)
}

/** Whether OpenSSL has the cipher, and not only a name for it. */
function isUsable (cipher: string): boolean {
  try {
    const { keyLength = 0, ivLength = 0 } = getCipherInfo(cipher) ?? {}
    createCipheriv(cipher, Buffer.alloc(keyLength), Buffer.alloc(ivLength))
    return true
  } catch {
    return false
  }
}
