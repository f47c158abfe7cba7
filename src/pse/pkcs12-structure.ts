/**
 * The structure of PKCS#12 (RFC 7292 section 4), read and written with pkijs, and plain data for the rest of the room: the classes of
 * pkijs change the objects they are made from, so nothing is read twice.
 */
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import type { BerReader } from './ber.ts'
import { readDer, type DerValue } from './der-value.ts'
import type { EncryptedData } from './encrypt-with-password.ts'

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
const trustedKeyUsage = '2.16.840.1.113894.746875.1.1'
const anyPurpose = '2.5.29.37.0'

const dataType = '1.2.840.113549.1.7.1'
const encryptedDataType = '1.2.840.113549.1.7.6'

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

/** A bag to be written. */
export interface NewBag {
  readonly content: { readonly certificate: Buffer } | { readonly key: EncryptedData }
  /** Shown by programs; Java finds entries by it, without regard to case. */
  readonly friendlyName?: string
  /** The same for a key and its certificate. */
  readonly localKeyId?: Buffer
  /** Marks a trusted certificate, for any purpose. */
  readonly trusted?: boolean
}

/** Writes SafeContents. */
export function writeBags (bags: readonly NewBag[]): Buffer {
  return encoded(new pkijs.SafeContents({ safeBags: bags.map(newBag) }))
}

function newBag (bag: NewBag): pkijs.SafeBag {
  const attributes = newAttributes(bag)
  const withAttributes = attributes.length === 0 ? {} : { bagAttributes: attributes }
  if ('certificate' in bag.content) {
    // the type without which pkijs would take what is to be written for something parsed
    const parts: pkijs.CertBagParameters = { certId: '1.2.840.113549.1.9.22.1', certValue: octetString(bag.content.certificate) }
    return new pkijs.SafeBag({ bagId: '1.2.840.113549.1.12.10.1.3', bagValue: new pkijs.CertBag(parts), ...withAttributes })
  }
  const { algorithm, data } = bag.content.key
  const bagValue = new pkijs.PKCS8ShroudedKeyBag({ encryptionAlgorithm: algorithmFrom(algorithm), encryptedData: octetString(data) })
  return new pkijs.SafeBag({ bagId: '1.2.840.113549.1.12.10.1.2', bagValue, ...withAttributes })
}

function newAttributes ({ friendlyName, localKeyId, trusted = false }: NewBag): pkijs.Attribute[] {
  const values: Array<[string, asn1js.BaseBlock | null]> = [
    ['1.2.840.113549.1.9.20', friendlyName === undefined ? null : new asn1js.BmpString({ value: friendlyName })],
    ['1.2.840.113549.1.9.21', localKeyId === undefined ? null : octetString(localKeyId)],
    [trustedKeyUsage, trusted ? new asn1js.ObjectIdentifier({ value: anyPurpose }) : null]
  ]
  return values.flatMap(([type, value]) => value === null ? [] : [new pkijs.Attribute({ type, values: [value] })])
}

/** A section to be written: bags, or bags that were encrypted. */
export type NewSection = { readonly bags: Buffer } | { readonly encrypted: EncryptedData }

/** A MAC to be written; `algorithm` is DER. */
export interface NewMac {
  readonly algorithm: Buffer
  readonly salt: Buffer
  readonly iterations: number
  readonly digest: Buffer
}

/** Writes a file. `makeMac` makes the MAC over the content. */
export function writeStructure (sections: readonly NewSection[], makeMac: (content: Buffer) => NewMac): Buffer {
  const content = encoded(new pkijs.AuthenticatedSafe({ safeContents: sections.map(newSection) }))
  const { algorithm, salt, iterations, digest } = makeMac(content)
  const mac = new pkijs.DigestInfo({ digestAlgorithm: algorithmFrom(algorithm), digest: octetString(digest) })
  return encoded(new pkijs.PFX({ authSafe: data(content), macData: new pkijs.MacData({ mac, macSalt: octetString(salt), iterations }) }))
}

function newSection (section: NewSection): pkijs.ContentInfo {
  if ('bags' in section) return data(section.bags)
  const { algorithm, data: encryptedContent } = section.encrypted
  const encryptedContentInfo = new pkijs.EncryptedContentInfo({
    contentType: dataType,
    contentEncryptionAlgorithm: algorithmFrom(algorithm),
    encryptedContent: octetString(encryptedContent),
    // otherwise it is written in pieces, in BER
    disableSplit: true
  })
  return new pkijs.ContentInfo({ contentType: encryptedDataType, content: new pkijs.EncryptedData({ encryptedContentInfo }).toSchema() })
}

function data (content: Buffer): pkijs.ContentInfo {
  return new pkijs.ContentInfo({ contentType: dataType, content: octetString(content) })
}

function algorithmFrom (der: Buffer): pkijs.AlgorithmIdentifier {
  return new pkijs.AlgorithmIdentifier({ schema: asn1js.fromBER(Uint8Array.from(der)).result })
}

function octetString (bytes: Buffer): asn1js.OctetString {
  return new asn1js.OctetString({ valueHex: Uint8Array.from(bytes) })
}

function encoded (structure: { toSchema: () => asn1js.BaseBlock }): Buffer {
  return Buffer.from(structure.toSchema().toBER())
}
