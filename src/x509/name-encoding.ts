import * as asn1js from 'asn1js'
import { errors } from '../errors.ts'
import { attributeIdentifier } from './distinguished-name.ts'

/** Other spellings of types that SAP prints in its own way. */
const otherSpellings: Readonly<Record<string, string>> = { ST: 'SP', S: 'SP', E: 'EMAIL', EMAILADDRESS: 'EMAIL', USERID: 'UID', GN: 'G', SURNAME: 'SN' }

/** An escape of RFC 4514, a quoted text of RFC 1779, or a character. */
const token = /\\(?:[0-9a-f]{2}|[^])|"(?:[^"\\]|\\[^])*"|[^]/giu

/**
 * Encodes a name as SAP's tools take it: `CN=host, OU=Unit, O=Example, C=DE`, most specific part first. The inverse of `formatName`, and as
 * liberal as people are: blanks around `,` `+` `=`, letter case of the types, `ST` and `E` beside `SP` and `EMAIL`, dotted types, quoted values.
 *
 * C and SERIALNUMBER become PrintableString, EMAIL and DC IA5String (RFC 5280 appendix A), all others UTF8String.
 *
 * @returns the DER encoding of the name
 * @throws POSTERN_ERR_X509_NAME_INVALID with the part that is not understood
 * @see RFC 4514 section 3
 */
export function encodeName (text: string): Buffer {
  const rdns = split(text.match(token) ?? [], ',;').map(part => new asn1js.Set({ value: split(part, '+').map(encodeAttribute).sort(inDerOrder) }))
  return Buffer.from(new asn1js.Sequence({ value: rdns.reverse() }).toBER())
}

/** Splits at unescaped separators. */
function split (tokens: readonly string[], separators: string): string[][] {
  const parts: string[][] = [[]]
  for (const one of tokens) {
    if (separators.includes(one)) parts.push([])
    else parts.at(-1)!.push(one)
  }
  return parts
}

function encodeAttribute (tokens: readonly string[]): asn1js.Sequence {
  const part = tokens.join('').trim()
  const equals = tokens.indexOf('=')
  if (equals < 0) throw new errors.X509_NAME_INVALID(`"${part}" has no "="; expected parts like CN=host, most specific first`)
  const typed = tokens.slice(0, equals).join('').trim().toUpperCase().replace(/^OID\./, '')
  const type = otherSpellings[typed] ?? typed
  const identifier = attributeIdentifier(type) ?? (/^[0-2](\.\d+)+$/.test(type) ? type : null)
  if (identifier === null) throw new errors.X509_NAME_INVALID(`"${part}": the type is not known; expected CN, OU, O, L, SP, C, EMAIL, DC, ... or a dotted number`)
  return new asn1js.Sequence({ value: [new asn1js.ObjectIdentifier({ value: identifier }), encodeValue(type, valueOf(tokens.slice(equals + 1), part), part)] })
}

/** The text that the tokens of a value stand for; blanks around it do not count unless they are escaped. */
function valueOf (tokens: readonly string[], part: string): string {
  const start = tokens.findIndex(one => one !== ' ')
  const value = tokens.slice(start, tokens.findLastIndex(one => one !== ' ') + 1)
  const [first = '""'] = value
  if (first === '""') throw new errors.X509_NAME_INVALID(`"${part}" has no value`)
  if (first === '#') throw new errors.X509_NAME_INVALID(`"${part}": expected a text, or "\\#" where it begins with that sign`)
  const quoted = first.length > 1 && first.startsWith('"')
  if (value.slice(quoted ? 1 : 0).some(one => one.startsWith('"')) || (quoted && value.length > 1)) throw new errors.X509_NAME_INVALID(`"${part}": a quotation mark within the value; expected \\" for one`)
  const bytes = (quoted ? first.slice(1, -1).match(token)! : value).map(bytesOf)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(bytes))
  } catch {
    throw new errors.X509_NAME_INVALID(`"${part}": the escaped bytes are no UTF-8`)
  }
}

function bytesOf (one: string): Buffer {
  if (one.length === 1 || !one.startsWith('\\')) return Buffer.from(one)
  return one.length === 3 ? Buffer.from(one.slice(1), 'hex') : Buffer.from(one.slice(1))
}

function encodeValue (type: string, value: string, part: string): asn1js.BaseBlock {
  const required = (pattern: RegExp, what: string): string => {
    if (!pattern.test(value)) throw new errors.X509_NAME_INVALID(`"${part}": expected ${what}`)
    return value
  }
  switch (type) {
    case 'C': return new asn1js.PrintableString({ value: required(/^[A-Za-z]{2}$/, 'a country as two letters') })
    case 'SERIALNUMBER': return new asn1js.PrintableString({ value: required(/^[A-Za-z0-9 '()+,./:=?-]+$/, 'letters, digits and \'()+,-./:=?') })
    // eslint-disable-next-line no-control-regex -- ASCII is what is meant
    case 'EMAIL': case 'DC': return new asn1js.IA5String({ value: required(/^[\x00-\x7f]+$/, 'ASCII') })
    default: return new asn1js.Utf8String({ value })
  }
}

/** DER sorts the elements of a SET by their encoding (X.690 section 11.6). */
function inDerOrder (one: asn1js.Sequence, other: asn1js.Sequence): number {
  return Buffer.compare(Buffer.from(one.toBER()), Buffer.from(other.toBER()))
}
