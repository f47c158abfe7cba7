/**
 * Writes PKCS#12 files in the forms that programs write them, and in some that none should. `tls.createSecureContext` opens the
 * sound ones too, so a test can show that both sides did not make the same mistake.
 */
import { createCipheriv, createHmac, pbkdf2Sync, scryptSync, type KeyObject } from 'node:crypto'
import { bmpPassword, deriveKey } from '../../src/pse/pkcs12-kdf.ts'
import { context, int, none, octets, oid, seq, set } from './der.ts'

/** How a part is encrypted. `rc2-40` names the algorithm and encrypts with another one. */
export type PartEncryption = 'none' | 'pbe-3des' | 'pbe-2des' | 'rc2-40' | 'pbes2'

/** What to put into a PKCS#12 file. */
export interface Pkcs12Parts {
  readonly password: string
  readonly keys?: readonly KeyObject[]
  readonly certificates?: readonly Buffer[]
  readonly keyEncryption?: PartEncryption
  readonly certificateEncryption?: PartEncryption
  /** Digest of the MAC; `pbmac1` is PBMAC1 with SHA-256. */
  readonly mac?: 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512' | 'pbmac1' | 'none'
  /** Replaces the AlgorithmIdentifier of the MAC. */
  readonly macAlgorithm?: Buffer
  /** Left out of the file when `null`. */
  readonly macIterations?: bigint | null
  /** One more bag in a section of its own. */
  readonly bag?: Buffer
  /** One more section. */
  readonly section?: Buffer
  /** Changes the sections after they were encrypted, before (`inside`) or after (`outside`) the MAC. */
  readonly tamper?: { readonly inside?: (content: Buffer) => Buffer, readonly outside?: (content: Buffer) => Buffer }
  /** The password is the one without its two zero bytes. */
  readonly withoutPassword?: boolean
}

const dataType = '1.2.840.113549.1.7.1'
const salt = Buffer.from('a1b2c3d4e5f60718', 'hex')
const iterations = 100

/** Writes a PKCS#12 file. */
export function mintPkcs12 (parts: Pkcs12Parts): Buffer {
  const { keys = [], certificates = [], keyEncryption = 'pbes2', certificateEncryption = 'pbes2', tamper = {} } = parts
  const keyBags = keys.map(key => keyBag(key, keyEncryption, parts))
  const certificateBags = certificates.map(der => seq(oid('1.2.840.113549.1.12.10.1.3'), context(0, seq(oid('1.2.840.113549.1.9.22.1'), context(0, octets(der))))))
  const sections = [
    ...certificates.length === 0 ? [] : [certificateEncryption === 'none' ? dataSection(...certificateBags) : encryptedSection(seq(...certificateBags), certificateEncryption, parts)],
    ...keys.length === 0 ? [] : [dataSection(...keyBags)],
    ...parts.bag === undefined ? [] : [dataSection(parts.bag)],
    ...parts.section === undefined ? [] : [parts.section]
  ]
  const content = (tamper.inside ?? same)(seq(...sections))
  return seq(int(3), seq(oid(dataType), context(0, octets((tamper.outside ?? same)(content)))), ...macOf(parts, content))
}

function same (content: Buffer): Buffer {
  return content
}

function dataSection (...bags: readonly Buffer[]): Buffer {
  return seq(oid(dataType), context(0, octets(seq(...bags))))
}

/** EncryptedData around `plain`. */
export function encryptedSection (plain: Buffer, encryption: PartEncryption, password: Pick<Pkcs12Parts, 'password' | 'withoutPassword'>): Buffer {
  const { algorithm, data } = encryptPart(plain, encryption, password)
  const content = Buffer.concat([Buffer.from([0x80]), octets(data).subarray(1)])
  return seq(oid('1.2.840.113549.1.7.6'), context(0, seq(int(0), seq(oid(dataType), algorithm, content))))
}

function keyBag (key: KeyObject, encryption: PartEncryption, password: Pkcs12Parts): Buffer {
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  if (encryption === 'none') return seq(oid('1.2.840.113549.1.12.10.1.1'), context(0, pkcs8))
  const { algorithm, data } = encryptPart(pkcs8, encryption, password)
  return shroudedKeyBag(algorithm, data)
}

/** A bag with an encrypted key. */
export function shroudedKeyBag (algorithm: Buffer, data: Buffer): Buffer {
  return seq(oid('1.2.840.113549.1.12.10.1.2'), context(0, seq(algorithm, octets(data))))
}

const pbeTypes: Readonly<Record<string, { oid: string, keyBytes: number }>> = {
  'pbe-3des': { oid: '1.2.840.113549.1.12.1.3', keyBytes: 24 },
  'pbe-2des': { oid: '1.2.840.113549.1.12.1.4', keyBytes: 16 },
  'rc2-40': { oid: '1.2.840.113549.1.12.1.6', keyBytes: 24 }
}

function encryptPart (plain: Buffer, encryption: PartEncryption, { password, withoutPassword = false }: Pick<Pkcs12Parts, 'password' | 'withoutPassword'>): { algorithm: Buffer, data: Buffer } {
  const type = pbeTypes[encryption]
  if (type === undefined) return encryptPbes2(plain, { password })
  const derive = (purpose: 1 | 2, length: number) =>
    deriveKey({ digest: 'sha1', purpose, password: withoutPassword ? Buffer.alloc(0) : bmpPassword(password), salt, iterations, length })
  const key = derive(1, type.keyBytes)
  const cipher = createCipheriv('des-ede3-cbc', Buffer.concat([key, key]).subarray(0, 24), derive(2, 8))
  return { algorithm: seq(oid(type.oid), seq(octets(salt), int(iterations))), data: Buffer.concat([cipher.update(plain), cipher.final()]) }
}

/** Parameters of PBES2 that a test varies. */
export interface Pbes2Parts {
  readonly password: string
  readonly cipher?: keyof typeof pbes2Ciphers
  /** Left out of the file when `null`: SHA-1 then. */
  readonly digest?: 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512' | null
  readonly scrypt?: { readonly cost: number, readonly blockSize: number, readonly parallelization: number }
  /** Replace parts of the AlgorithmIdentifier. */
  readonly keyDerivation?: Buffer
  readonly encryption?: Buffer
}

const pbes2Ciphers = {
  'des-ede3-cbc': { oid: '1.2.840.113549.3.7', keyBytes: 24, ivBytes: 8 },
  'aes-128-cbc': { oid: '2.16.840.1.101.3.4.1.2', keyBytes: 16, ivBytes: 16 },
  'aes-192-cbc': { oid: '2.16.840.1.101.3.4.1.22', keyBytes: 24, ivBytes: 16 },
  'aes-256-cbc': { oid: '2.16.840.1.101.3.4.1.42', keyBytes: 32, ivBytes: 16 }
} as const

const hmacOids = { sha1: 7, sha224: 8, sha256: 9, sha384: 10, sha512: 11 } as const

/** Encrypts with PBES2. */
export function encryptPbes2 (plain: Buffer, parts: Pbes2Parts): { algorithm: Buffer, data: Buffer } {
  const { password, cipher: name = 'aes-256-cbc', digest = 'sha256', scrypt } = parts
  const { oid: cipherOid, keyBytes, ivBytes } = pbes2Ciphers[name]
  const iv = Buffer.alloc(ivBytes, 0x11)
  const key = scrypt === undefined
    ? pbkdf2Sync(password, salt, iterations, keyBytes, digest ?? 'sha1')
    : scryptSync(password, salt, keyBytes, { N: scrypt.cost, r: scrypt.blockSize, p: scrypt.parallelization })
  const keyDerivation = scrypt === undefined
    ? seq(oid('1.2.840.113549.1.5.12'), seq(octets(salt), int(iterations), ...digest === null ? [] : [seq(oid(`1.2.840.113549.2.${hmacOids[digest]}`), none)]))
    : seq(oid('1.3.6.1.4.1.11591.4.11'), seq(octets(salt), int(scrypt.cost), int(scrypt.blockSize), int(scrypt.parallelization)))
  const cipher = createCipheriv(name, key, iv)
  const encryption = parts.encryption ?? seq(oid(cipherOid), octets(iv))
  return {
    algorithm: seq(oid('1.2.840.113549.1.5.13'), seq(parts.keyDerivation ?? keyDerivation, encryption)),
    data: Buffer.concat([cipher.update(plain), cipher.final()])
  }
}

const macDigests = { sha1: '1.3.14.3.2.26', sha224: '2.16.840.1.101.3.4.2.4', sha256: '2.16.840.1.101.3.4.2.1', sha384: '2.16.840.1.101.3.4.2.2', sha512: '2.16.840.1.101.3.4.2.3' } as const
const macBytes = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 } as const

function macOf (parts: Pkcs12Parts, content: Buffer): Buffer[] {
  const { mac = 'sha256', password, macIterations = 100n, withoutPassword = false } = parts
  if (mac === 'none') return []
  const pbmac1 = mac === 'pbmac1'
  const digest = pbmac1 ? 'sha256' : mac
  const rounds = macIterations === null ? 1 : Math.min(Number(macIterations), 100)
  const key = pbmac1
    ? pbkdf2Sync(password, salt, iterations, 32, 'sha256')
    : deriveKey({ digest, purpose: 3, password: withoutPassword ? Buffer.alloc(0) : bmpPassword(password), salt, iterations: rounds, length: macBytes[digest] })
  const algorithm = pbmac1
    ? seq(oid('1.2.840.113549.1.5.14'), seq(seq(oid('1.2.840.113549.1.5.12'), seq(octets(salt), int(iterations), int(32), seq(oid('1.2.840.113549.2.9'), none))), seq(oid('1.2.840.113549.2.9'), none)))
    : seq(oid(macDigests[digest]), none)
  const value = createHmac(digest, key).update(content).digest()
  return [seq(seq(parts.macAlgorithm ?? algorithm, octets(value)), octets(salt), ...macIterations === null ? [] : [int(macIterations)])]
}

/** SignedData without signatures: a PKCS#7 file of certificates. */
export function mintPkcs7 (...certificates: readonly Buffer[]): Buffer {
  const data = seq(int(1), set(), seq(oid(dataType)), ...certificates.length === 0 ? [] : [context(0, ...certificates)], set())
  return seq(oid('1.2.840.113549.1.7.2'), context(0, data))
}

/** One PEM block. */
export function pemBlock (label: string, der: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`
}
