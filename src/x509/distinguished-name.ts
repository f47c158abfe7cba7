/**
 * Distinguished names as SAP prints them: most specific part first, `, ` between the parts, `SP` for the state and `EMAIL` for
 * the e-mail address. The escaping is that of RFC 4514, so that two different names never have the same text: without it a
 * common name of `wd, O=Example` would read like the name of a trusted gateway.
 */
import * as asn1js from 'asn1js'
import { errors } from '../errors.ts'

/**
 * Attribute types by the hexadecimal content bytes of their object identifier. No two types share a name, and an identifier that
 * is encoded with padding is not in the table: both would let one type imitate another.
 */
const attributeNames: ReadonlyMap<string, string> = new Map([
  ['550403', 'CN'],
  ['550404', 'SN'],
  ['550405', 'SERIALNUMBER'],
  ['550406', 'C'],
  ['550407', 'L'],
  ['550408', 'SP'],
  ['550409', 'STREET'],
  ['55040a', 'O'],
  ['55040b', 'OU'],
  ['55040c', 'T'],
  ['550411', 'POSTALCODE'],
  ['55042a', 'G'],
  ['55042b', 'I'],
  ['0992268993f22c640101', 'UID'],
  ['0992268993f22c640119', 'DC'],
  ['2a864886f70d010901', 'EMAIL']
])

/** Decoders of the string types by universal tag number; each returns `null` for bytes that are no text of its type. */
const textDecoders: ReadonlyMap<number, (bytes: Uint8Array) => string | null> = new Map([
  [12, utf8], // UTF8String
  [18, ascii], // NumericString
  [19, ascii], // PrintableString
  [20, latin1], // TeletexString: by the standard T.61, in practice ISO 8859-1
  [22, ascii], // IA5String
  [26, ascii], // VisibleString
  [28, utf32], // UniversalString
  [30, utf16] // BMPString
])

/**
 * Prints an encoded `Name` (RFC 5280 section 4.1.2.4) as SAP does.
 *
 * Attribute types without a common short name are written as dotted numbers, values that are no text as `#` and hexadecimal
 * digits (RFC 4514 section 2.4). The parts of a multi-valued RDN are joined with `+` in their encoded order. An empty name is an
 * empty text.
 *
 * @param name the DER encoding of the name
 * @throws POSTERN_ERR_X509_NAME_INVALID when the bytes are no name
 * @see RFC 4514 section 2
 */
export function formatName (name: Uint8Array): string {
  const { offset, result } = asn1js.fromBER(name)
  if (offset !== name.byteLength || !(result instanceof asn1js.Sequence)) throw new errors.X509_NAME_INVALID('not one SEQUENCE')
  return result.valueBlock.value.map(formatRelativeName).reverse().join(', ')
}

function formatRelativeName (set: unknown): string {
  if (!(set instanceof asn1js.Set) || set.valueBlock.value.length === 0) throw new errors.X509_NAME_INVALID('a part is no SET of attributes')
  return set.valueBlock.value.map(formatAttribute).join('+')
}

function formatAttribute (attribute: unknown): string {
  const [type, value, ...rest] = attribute instanceof asn1js.Sequence ? attribute.valueBlock.value : []
  if (!(type instanceof asn1js.ObjectIdentifier) || value === undefined || rest.length > 0) {
    throw new errors.X509_NAME_INVALID('an attribute is not a type with one value')
  }
  const encodedType = contentOf(type)
  const typeName = attributeNames.get(Buffer.from(encodedType).toString('hex')) ?? type.valueBlock.toString()
  const text = textOf(value)
  return `${typeName}=${text === null ? `#${Buffer.from(value.valueBeforeDecodeView).toString('hex')}` : escapeValue(text)}`
}

function textOf (value: asn1js.BaseBlock): string | null {
  const { tagClass, tagNumber, isConstructed } = value.idBlock
  if (tagClass !== 1 || isConstructed) return null
  return textDecoders.get(tagNumber)?.(contentOf(value)) ?? null
}

/** The content bytes, taken from the encoding itself: what asn1js makes of them depends on the type. */
function contentOf (block: asn1js.BaseBlock): Uint8Array {
  return block.valueBeforeDecodeView.subarray(block.idBlock.blockLength + block.lenBlock.blockLength)
}

/**
 * Escapes an attribute value by RFC 4514 section 2.4. Control characters are written as hexadecimal pairs although the RFC does
 * not demand it: they have no place in a log line or in a profile.
 */
export function escapeValue (text: string): string {
  // eslint-disable-next-line no-control-regex -- these are the characters meant
  return text.replace(/^[ #]| $|["+,;<>\\]|[\u0000-\u001f\u007f-\u009f]/g, character =>
    /[ -~]/.test(character) ? `\\${character}` : hexPairs(character))
}

function hexPairs (character: string): string {
  return Buffer.from(character).toString('hex').replace(/../g, '\\$&')
}

function utf8 (bytes: Uint8Array): string | null {
  return decode(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }), bytes)
}

function utf16 (bytes: Uint8Array): string | null {
  return decode(new TextDecoder('utf-16be', { fatal: true, ignoreBOM: true }), bytes)
}

function decode (decoder: TextDecoder, bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes)
  } catch {
    return null
  }
}

function ascii (bytes: Uint8Array): string | null {
  return bytes.every(byte => byte < 0x80) ? latin1(bytes) : null
}

function latin1 (bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

function utf32 (bytes: Uint8Array): string | null {
  if (bytes.length % 4 !== 0) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const codePoints = Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4))
  const valid = codePoints.every(point => point <= 0x10ffff && (point < 0xd800 || point > 0xdfff))
  return valid ? codePoints.map(point => String.fromCodePoint(point)).join('') : null
}
