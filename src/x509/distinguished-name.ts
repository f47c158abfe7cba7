/**
 * Distinguished names as SAP prints them: most specific part first, `, ` between the parts, `SP` for the state and `EMAIL` for
 * the e-mail address. The escaping is that of RFC 4514, so that two different names never have the same text: without it a
 * common name of `wd, O=Example` would read like the name of a trusted gateway.
 */
import { errors } from '../errors.ts'
import { dottedIdentifier, readContents, tags, type DerElement } from './der.ts'

/**
 * Attribute types by the hexadecimal content bytes of their object identifier. No two types share a name: that would let one
 * imitate the other.
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

/** The dotted object identifier of an attribute type by the name that SAP prints, `null` for a name that is none. */
export function attributeIdentifier (name: string): string | null {
  const [content] = [...attributeNames].find(([, known]) => known === name) ?? []
  return content === undefined ? null : dottedIdentifier(Buffer.from(content, 'hex'))
}

/** Decoders of the string types; each returns `null` for bytes that are no text of its type. */
const textDecoders: ReadonlyMap<number, (bytes: Uint8Array) => string | null> = new Map([
  [tags.utf8String, utf8],
  [tags.numericString, ascii],
  [tags.printableString, ascii],
  [tags.teletexString, latin1], // by the standard T.61, in practice ISO 8859-1
  [tags.ia5String, ascii],
  [tags.visibleString, ascii],
  [tags.universalString, utf32],
  [tags.bmpString, utf16]
])

/**
 * Prints an encoded `Name` (RFC 5280 section 4.1.2.4) as SAP does.
 *
 * Attribute types without a common short name are written as dotted numbers, values that are no text as `#` and hexadecimal
 * digits (RFC 4514 section 2.4). The parts of a multi-valued RDN are joined with `+` in their encoded order. An empty name is an
 * empty text.
 *
 * @param name the DER encoding of the name
 * @throws POSTERN_ERR_X509_NAME_INVALID, POSTERN_ERR_X509_DER_INVALID when the bytes are no name
 * @see RFC 4514 section 2
 */
export function formatName (name: Uint8Array): string {
  return readContents(name, tags.sequence).map(formatRelativeName).reverse().join(', ')
}

function formatRelativeName (set: DerElement): string {
  const attributes = readContents(set.encoded, tags.set)
  if (attributes.length === 0) throw new errors.X509_NAME_INVALID('a part without attributes')
  return attributes.map(formatAttribute).join('+')
}

function formatAttribute (attribute: DerElement): string {
  const [type, value, ...rest] = readContents(attribute.encoded, tags.sequence)
  if (type?.tag !== tags.objectIdentifier || value === undefined || rest.length > 0) {
    throw new errors.X509_NAME_INVALID('an attribute is not a type with one value')
  }
  const text = textDecoders.get(value.tag)?.(value.content) ?? null
  return `${formatType(type.content)}=${text === null ? `#${hexadecimal(value.encoded)}` : escapeValue(text)}`
}

function formatType (identifier: Uint8Array): string {
  const name = attributeNames.get(hexadecimal(identifier)) ?? dottedIdentifier(identifier)
  if (name === null) throw new errors.X509_NAME_INVALID('an attribute type is no object identifier')
  return name
}

function hexadecimal (bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
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

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const utf16Decoder = new TextDecoder('utf-16be', { fatal: true, ignoreBOM: true })

function utf8 (bytes: Uint8Array): string | null {
  return decode(utf8Decoder, bytes)
}

function utf16 (bytes: Uint8Array): string | null {
  return decode(utf16Decoder, bytes)
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
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

function utf32 (bytes: Uint8Array): string | null {
  if (bytes.length % 4 !== 0) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const codePoints = Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4))
  const valid = codePoints.every(point => point <= 0x10ffff && (point < 0xd800 || point > 0xdfff))
  return valid ? codePoints.map(point => String.fromCodePoint(point)).join('') : null
}
