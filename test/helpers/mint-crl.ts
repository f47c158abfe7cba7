/** Certificate revocation lists, built from their parts, so that each part can be wrong. */
import { constants, sign, X509Certificate, type KeyObject } from 'node:crypto'
import { encodeDer, readDer } from '../../src/pse/der-value.ts'
import { bits, context, generalizedTime, int, none, octets, oid, seq } from './der.ts'
import type { Issued } from './pki.ts'

export interface RevokedInput {
  /** The certificate, or the content bytes of its serial number. */
  readonly certificate: Issued | Uint8Array
  readonly date?: Date
  /** Number of the reason; left out for an entry without extensions. */
  readonly reason?: number
  /** More extensions of the entry. */
  readonly extensions?: readonly Buffer[]
}

export interface CrlInput {
  /** Whose name the list has, and whose key signs it unless `key` is given. */
  readonly issuer: Pick<Issued, 'der' | 'key'>
  readonly key?: KeyObject
  readonly revoked?: readonly RevokedInput[]
  /** Default: an hour ago. */
  readonly thisUpdate?: Date
  /** Default: in an hour; `null` for none. */
  readonly nextUpdate?: Date | null
  /** Number of the list; `null` for none. Default 1. */
  readonly number?: number | null
  /** More extensions, made by {@link crlExtension}. */
  readonly extensions?: readonly Buffer[]
  readonly algorithm?: keyof typeof algorithms
  /** A list of version 1: without extensions. */
  readonly version1?: boolean
  /** The algorithm within the signed part, where it shall differ from the one outside. */
  readonly innerAlgorithm?: Buffer
  /** Stands behind the extensions in the signed part. */
  readonly trailer?: Buffer
}

const rsaOid = (number: number) => seq(oid(`1.2.840.113549.1.1.${number}`), none)
const sha = (number: number) => seq(oid(`2.16.840.1.101.3.4.2.${number}`))
/** Parameters of RSA-PSS with SHA-2 number `hash` (1: SHA-256). */
export const pssIdentifier = (...fields: Buffer[]) => seq(oid('1.2.840.113549.1.1.10'), seq(...fields))
export const pssHash = (number: number) => context(0, sha(number))
export const pssMask = (number: number) => context(1, seq(oid('1.2.840.113549.1.1.8'), sha(number)))

const algorithms = {
  'ecdsa-sha256': { hash: 'sha256', identifier: seq(oid('1.2.840.10045.4.3.2')) },
  'ecdsa-sha384': { hash: 'sha384', identifier: seq(oid('1.2.840.10045.4.3.3')) },
  'rsa-sha1': { hash: 'sha1', identifier: rsaOid(5) },
  'rsa-sha256': { hash: 'sha256', identifier: rsaOid(11) },
  'rsa-sha512': { hash: 'sha512', identifier: rsaOid(13) },
  'rsa-pss-sha256': { hash: 'sha256', identifier: pssIdentifier(pssHash(1), pssMask(1), context(2, int(32)), context(3, int(1))) },
  'rsa-pss-sha384': { hash: 'sha384', identifier: pssIdentifier(pssHash(2), pssMask(2), context(2, int(32))) },
  ed25519: { hash: null, identifier: seq(oid('1.3.101.112')) }
} as const

/** One list in DER. */
export function mintCrl (input: CrlInput): Buffer {
  const { issuer, version1 = false, algorithm = issuer.key.asymmetricKeyType === 'rsa' ? 'rsa-sha256' : 'ecdsa-sha256' } = input
  const { hash, identifier } = algorithms[algorithm]
  const { revoked = [], nextUpdate = new Date(Date.now() + 3_600_000), thisUpdate = new Date(Date.now() - 3_600_000), number = 1 } = input
  const extensions = [...number === null ? [] : [crlExtension('2.5.29.20', int(number))], ...input.extensions ?? []]
  const body = seq(
    ...version1 ? [] : [int(1)],
    input.innerAlgorithm ?? identifier,
    subjectOf(issuer.der),
    encodeTime(thisUpdate),
    ...nextUpdate === null ? [] : [encodeTime(nextUpdate)],
    ...revoked.length === 0 ? [] : [seq(Buffer.concat(revoked.map(encodeEntry)))],
    ...version1 || extensions.length === 0 ? [] : [context(0, seq(...extensions))],
    ...input.trailer === undefined ? [] : [input.trailer]
  )
  const padding = algorithm.startsWith('rsa-pss') ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {}
  return seq(body, identifier, bits(sign(hash, body, { key: input.key ?? issuer.key, ...padding })))
}

export function crlPem (der: Buffer): string {
  return `-----BEGIN X509 CRL-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END X509 CRL-----\n`
}

export function crlExtension (identifier: string, value: Buffer, critical = false): Buffer {
  return seq(oid(identifier), ...critical ? [encodeDer(0x01, Buffer.from([0xff]))] : [], octets(value))
}

/** The extension issuingDistributionPoint; each field is encoded already. */
export function issuingDistributionPoint (...fields: Buffer[]): Buffer {
  return crlExtension('2.5.29.28', seq(...fields), true)
}

/** A field of it that is a flag. */
export const flag = (number: number, value = 0xff) => encodeDer(0x80 + number, Buffer.from([value]))
/** `[0]` of a distribution point: full names, which are URLs. */
export const fullName = (...urls: string[]) => context(0, context(0, ...urls.map(url => encodeDer(0x86, Buffer.from(url)))))
/** `[0]` of a distribution point: a name relative to the issuer. */
export const relativeName = () => context(0, context(1, seq(oid('2.5.4.3'), encodeDer(0x0c, Buffer.from('part')))))

function encodeEntry ({ certificate, date = new Date(Date.now() - 7_200_000), reason, extensions = [] }: RevokedInput): Buffer {
  const all = [...reason === undefined ? [] : [crlExtension('2.5.29.21', encodeDer(0x0a, Buffer.from([reason])))], ...extensions]
  return seq(encodeDer(0x02, serialOf(certificate)), encodeTime(date), ...all.length === 0 ? [] : [seq(...all)])
}

/** Content bytes of the serial number. */
export function serialOf (certificate: Issued | Uint8Array): Uint8Array {
  if (certificate instanceof Uint8Array) return certificate
  return tbsOf(certificate.der).find(({ tag }) => tag === 0x02)!.content
}

function encodeTime (date: Date): Buffer {
  return generalizedTime(date.toISOString().replace(/[-:T]|\.\d+/g, ''))
}

function subjectOf (der: Buffer): Buffer {
  const fields = tbsOf(der)
  return fields[fields.findIndex(({ tag }) => tag === 0x02) + 4]!.encoded
}

function tbsOf (der: Buffer) {
  return readDer(new X509Certificate(der).raw, what => new TypeError(what)).child(0).children
}
