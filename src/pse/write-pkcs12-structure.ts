/** Writes the structure of PKCS#12 (RFC 7292 section 4) with pkijs: the counterpart of `pkcs12-structure.ts`. */
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import type { EncryptedData } from './encrypt-with-password.ts'
import { dataType, encryptedDataType, trustedKeyUsage } from './pkcs12-structure.ts'

const anyPurpose = '2.5.29.37.0'

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
