import type { KeyObject } from 'node:crypto'
import { errors } from '../errors.ts'
import { BerReader } from './ber.ts'
import { readCertificate } from './certificates.ts'
import type { Identity } from './identity.ts'
import { IterationBudget } from './iteration-budget.ts'
import { decryptWithPassword, noPassword, passwordOf, type Decryption, type Password } from './password-encryption.ts'
import { isMacRight } from './pkcs12-mac.ts'
import { readBags, readStructure, type Bag, type EncryptedPart, type Pkcs12, type Section } from './pkcs12-structure.ts'
import { looksLikePkcs8, readPkcs8 } from './pkcs8.ts'
import { makeIdentity, type FoundCertificates } from './whole-identity.ts'

/** What the steps of one reading share. */
interface Reading {
  readonly file: string
  readonly damaged: (what: string) => Error
  readonly ber: BerReader
  readonly decrypt: (part: EncryptedPart, password: Password) => Buffer | null
  readonly decryption: Omit<Decryption, 'password'>
}

/**
 * Reads a PKCS#12 file (RFC 7292) that a password protects. The ciphers are ours and not WebCrypto's, which lacks the ones that most
 * of these files are encrypted with.
 *
 * Without a PIN, the empty password and none at all are tried: both are in use for files that are not meant to be secret.
 *
 * @throws POSTERN_ERR_PKCS12_..., IDENTITY_...
 */
export function readPkcs12 (bytes: Uint8Array, { file, pin }: { file: string, pin: string | null }): Identity {
  const damaged = (what: string) => new errors.PKCS12_DAMAGED(file, what)
  const ber = new BerReader(damaged)
  const pkcs12 = readStructure(bytes, { damaged, ber })
  if (pkcs12 === null) throw new errors.PKCS12_MODE(file, 'by a signature')
  const decryption = { budget: new IterationBudget(file), unsupported: (algorithm: string) => new errors.PKCS12_ENCRYPTION(file, algorithm) }
  const reading: Reading = {
    file, damaged, ber, decryption, decrypt: ({ algorithm, data }, password) => decryptWithPassword(algorithm, data, { ...decryption, password })
  }
  const password = pin === null ? findEmptyPassword(pkcs12, reading) : checkPassword(pkcs12, passwordOf(pin), reading)
  const bags = pkcs12.sections.flatMap(section => openSection(section, password, reading))
  const keys = bags.filter(bag => bag.kind !== 'certificate')
  // asked before they are opened: a file can hold thousands
  if (keys.length > 1) throw new errors.PKCS12_SEVERAL_KEYS(file, keys.length)
  return makeIdentity(keys[0] === undefined ? null : openKey(keys[0], password, reading), certificatesOf(bags, damaged), { file, format: 'pkcs12' })
}

/** Certificates with the mark of a trusted one are no part of a chain: programs write those twice. */
function certificatesOf (bags: readonly Bag[], damaged: Reading['damaged']): FoundCertificates {
  const found = bags.flatMap(bag => bag.kind === 'certificate' ? [{ trusted: bag.trusted, certificate: readCertificate(bag.der, damaged) }] : [])
  const marked = found.filter(({ trusted }) => trusted).map(({ certificate }) => certificate)
  return {
    certificates: found.filter(({ trusted }) => !trusted).map(({ certificate }) => certificate),
    trusted: marked.length === 0 ? null : marked
  }
}

function findEmptyPassword (pkcs12: Pkcs12, reading: Reading): Password {
  const password = [passwordOf(''), noPassword].find(password => isRight(pkcs12, password, reading))
  if (password === undefined) throw new errors.PKCS12_PIN_REQUIRED(reading.file)
  return password
}

function checkPassword (pkcs12: Pkcs12, password: Password, reading: Reading): Password {
  if (isRight(pkcs12, password, reading)) return password
  // a wrong password opens no part, so one that does shows that the file was changed
  if (pkcs12.mac !== null && opensSome(pkcs12, password, reading)) throw reading.damaged('the password is right, the MAC is not')
  throw new errors.PKCS12_PIN_WRONG(reading.file)
}

/** The MAC proves a password. Where there is none, only decryption can show whether one is right. */
function isRight (pkcs12: Pkcs12, password: Password, reading: Reading): boolean {
  if (pkcs12.mac !== null) return isMacRight(pkcs12.mac, pkcs12.content, { ...reading.decryption, password })
  return partsOf(pkcs12).length === 0 || opensSome(pkcs12, password, reading)
}

function opensSome (pkcs12: Pkcs12, password: Password, reading: Reading): boolean {
  return partsOf(pkcs12).some(part => {
    const plain = reading.decrypt(part, password)
    return plain !== null && isBer(plain, reading)
  })
}

function partsOf ({ sections }: Pkcs12): EncryptedPart[] {
  return sections.flatMap(section => {
    if (section.kind === 'encrypted') return [section.part]
    return section.kind === 'bags' ? section.bags.flatMap(bag => bag.kind === 'shroudedKey' ? [bag.part] : []) : []
  })
}

function openSection (section: Section, password: Password, reading: Reading): readonly Bag[] {
  if (section.kind === 'bags') return section.bags
  if (section.kind === 'other') throw new errors.PKCS12_MODE(reading.file, `of content ${section.contentType}`)
  const plain = reading.decrypt(section.part, password)
  if (plain === null) throw reading.damaged('the password is right, the padding of an encrypted part is not')
  return readBags(plain, reading)
}

function openKey (bag: Exclude<Bag, { kind: 'certificate' }>, password: Password, reading: Reading): KeyObject {
  if (bag.kind === 'key') return readPkcs8(bag.pkcs8, reading)
  const plain = reading.decrypt(bag.part, password)
  if (plain === null || !looksLikePkcs8(plain)) throw reading.damaged('the password is right, the encrypted private key is damaged')
  return readPkcs8(plain, reading)
}

function isBer (bytes: Buffer, { ber }: Reading): boolean {
  try {
    ber.read(bytes)
    return true
  } catch {
    return false
  }
}
