/**
 * The structure of PKCS#12 (RFC 7292 section 4), read with pkijs, and plain data for the rest of the room: the classes of
 * pkijs change the objects they are made from, so nothing is read twice.
 */
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import type { BerReader } from './ber.ts'
import { readDer, type DerValue } from './der-value.ts'

/** Makes the error of a file that is not what it should be. */
type Damaged = (what: string) => Error

/** What the parts of one file are read with. */
interface PartReader {
  readonly ber: BerReader
  readonly damaged: Damaged
}

/** Programs write two or three. Each costs some tenths of a millisecond, with encryption more. */
const maxSections = 100

/** Something encrypted, with its AlgorithmIdentifier. */
export interface EncryptedPart {
  readonly algorithm: DerValue
  readonly data: Buffer
}

/** A bag that an identity can be made of. */
export type Bag =
  | { readonly kind: 'key', readonly pkcs8: Buffer }
  | { readonly kind: 'shroudedKey', readonly part: EncryptedPart }
  | { readonly kind: 'certificate', readonly der: Buffer, readonly trusted: boolean }

/** A part of the file: bags, encrypted bags, or content of a type that no password opens. */
export type Section =
  | { readonly kind: 'bags', readonly bags: readonly Bag[] }
  | { readonly kind: 'encrypted', readonly part: EncryptedPart }
  | { readonly kind: 'other', readonly contentType: string }

/** The MAC over the content. */
export interface Mac {
  readonly algorithm: DerValue
  readonly salt: Buffer
  readonly iterations: bigint
  readonly digest: Buffer
}

/** A PKCS#12 file. */
export interface Pkcs12 {
  readonly content: Buffer
  readonly mac: Mac | null
  readonly sections: readonly Section[]
}

/**
 * The attribute by which Java marks a certificate as trusted, with the purposes it is trusted for (`trustedKeyUsage`, an identifier of
 * Oracle); OpenSSL writes it too (`-jdktrust`).
 */
export const trustedKeyUsage = '2.16.840.1.113894.746875.1.1'

/** Types of content (RFC 5652 section 4, section 8). */
export const dataType = '1.2.840.113549.1.7.1'
/** See `dataType`. */
export const encryptedDataType = '1.2.840.113549.1.7.6'

/** Reads the file as far as it is not encrypted; `null` when it is protected by a signature instead of a password. */
export function readStructure (bytes: Uint8Array, reader: PartReader): Pkcs12 | null {
  const { ber, damaged } = reader
  const outer = ber.read(bytes)
  const pfx = attempt(() => new pkijs.PFX({ schema: outer }), damaged)
  if (pfx.authSafe.contentType !== dataType) return null
  const content = octets(pfx.authSafe.content, damaged)
  const inner = ber.read(content)
  if (inner instanceof asn1js.Sequence && inner.valueBlock.value.length > maxSections) throw damaged(`more than ${maxSections} sections`)
  const { safeContents } = attempt(() => new pkijs.AuthenticatedSafe({ schema: inner }), damaged)
  const mac = pfx.macData === undefined ? null : macOf(pfx.macData, damaged)
  return { content, mac, sections: safeContents.map(info => readSection(info, reader)) }
}

function macOf ({ mac, macSalt, iterations = 1 }: pkijs.MacData, damaged: Damaged): Mac {
  return {
    algorithm: algorithmOf(mac.digestAlgorithm, damaged),
    salt: octets(macSalt, damaged),
    iterations: BigInt(iterations),
    digest: octets(mac.digest, damaged)
  }
}

function readSection (info: pkijs.ContentInfo, reader: PartReader): Section {
  const { damaged } = reader
  if (info.contentType === dataType) return { kind: 'bags', bags: readBags(octets(info.content, damaged), reader) }
  if (info.contentType !== encryptedDataType) return { kind: 'other', contentType: info.contentType }
  const { algorithm, data } = attempt(() => {
    const { encryptedContentInfo } = new pkijs.EncryptedData({ schema: info.content })
    return { algorithm: encryptedContentInfo.contentEncryptionAlgorithm, data: encryptedContentInfo.getEncryptedContent() }
  }, damaged)
  return { kind: 'encrypted', part: { algorithm: algorithmOf(algorithm, damaged), data: Buffer.from(data) } }
}

/** Reads SafeContents, decrypted where it was encrypted. Bags of other kinds (CRLs, secrets) are left out. */
export function readBags (content: Buffer, { ber, damaged }: PartReader): Bag[] {
  const contents = ber.read(content)
  const { safeBags } = attempt(() => new pkijs.SafeContents({ schema: contents }), damaged)
  return safeBags.flatMap(bag => readBag(bag, damaged))
}

function readBag ({ bagValue: value, bagAttributes = [] }: { bagValue: unknown, bagAttributes?: pkijs.Attribute[] }, damaged: Damaged): Bag[] {
  const trusted = bagAttributes.some(({ type }) => type === trustedKeyUsage)
  if (value instanceof pkijs.CertBag) return [{ kind: 'certificate', der: octets(value.certValue, damaged), trusted }]
  if (value instanceof pkijs.PrivateKeyInfo) return [{ kind: 'key', pkcs8: Buffer.from(value.toSchema().toBER()) }]
  if (!(value instanceof pkijs.PKCS8ShroudedKeyBag)) return []
  return [{ kind: 'shroudedKey', part: { algorithm: algorithmOf(value.encryptionAlgorithm, damaged), data: octets(value.encryptedData, damaged) } }]
}

function algorithmOf (algorithm: pkijs.AlgorithmIdentifier, damaged: Damaged): DerValue {
  return readDer(new Uint8Array(algorithm.toSchema().toBER()), what => damaged(`algorithm: ${what}`))
}

/** The bytes of an OCTET STRING, in one piece or in several. */
function octets (value: unknown, damaged: Damaged): Buffer {
  if (!(value instanceof asn1js.OctetString)) throw damaged('an OCTET STRING expected')
  return Buffer.from(value.getValue())
}

/** Runs code of pkijs, which throws errors of its own for a structure that is not the one it knows. */
function attempt<T> (make: () => T, damaged: Damaged): T {
  try {
    return make()
  } catch (error) {
    throw damaged((error as Error).message)
  }
}
