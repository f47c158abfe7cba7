/**
 * A reader of DER (X.690) that steps over what it is not asked for. It exists beside asn1js because a certificate is read at
 * each full TLS handshake: asn1js makes objects of everything in it, which takes 0.4 ms, as long as a signature; this takes a
 * hundredth of that.
 */
import { errors } from '../errors.ts'

/** Universal tags (X.680 section 8.4) that names and certificates are made of; constructed types with bit 6 set. */
export const tags = {
  integer: 0x02,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31
} as const

/** One element: tag, length, value. The views share the memory of the input. */
export interface DerElement {
  readonly tag: number
  readonly content: Uint8Array
  /** Tag and length included. */
  readonly encoded: Uint8Array
}

/**
 * Reads the elements that `bytes` consists of, without looking into them.
 *
 * @throws POSTERN_ERR_X509_DER_INVALID for tags above 30, lengths that are not minimal or of indefinite form, and elements that
 * reach beyond the end
 */
export function readElements (bytes: Uint8Array): DerElement[] {
  const elements: DerElement[] = []
  let rest = bytes
  while (rest.length > 0) {
    const element = readFirst(rest)
    elements.push(element)
    rest = rest.subarray(element.encoded.length)
  }
  return elements
}

/**
 * Reads the contents of the one element that `bytes` is.
 *
 * @throws POSTERN_ERR_X509_DER_INVALID when it has another tag or when something follows it
 */
export function readContents (bytes: Uint8Array, tag: number): DerElement[] {
  const element = readFirst(bytes)
  if (element.tag !== tag) throw new errors.X509_DER_INVALID(`tag ${element.tag} instead of ${tag}`)
  if (element.encoded.length !== bytes.length) throw new errors.X509_DER_INVALID('bytes behind the end')
  return readElements(element.content)
}

function readFirst (bytes: Uint8Array): DerElement {
  const [tag, first] = bytes
  if (tag === undefined || first === undefined) throw new errors.X509_DER_INVALID('ends within an element')
  if ((tag & 0x1f) === 0x1f) throw new errors.X509_DER_INVALID('a tag of more than one byte')
  const { length, headerLength } = first < 0x80 ? { length: first, headerLength: 2 } : readLongLength(bytes, first & 0x7f)
  if (headerLength + length > bytes.length) throw new errors.X509_DER_INVALID('an element reaches beyond the end')
  const encoded = bytes.subarray(0, headerLength + length)
  return { tag, content: encoded.subarray(headerLength), encoded }
}

/** The long form of X.690 section 8.1.3.5; four bytes are more than any certificate needs. */
function readLongLength (bytes: Uint8Array, count: number): { length: number, headerLength: number } {
  if (count === 0 || count > 4 || bytes.length < 2 + count) throw new errors.X509_DER_INVALID('a length that DER does not have')
  const length = bytes.subarray(2, 2 + count).reduce((sum, byte) => sum * 256 + byte, 0)
  const minimal = length >= 0x80 && length >= 256 ** (count - 1)
  if (!minimal) throw new errors.X509_DER_INVALID('a length that is not minimal')
  return { length, headerLength: 2 + count }
}

/** Longest object identifier that is read, in bytes. A number of a megabyte takes minutes to print, and none in use has 40 bytes. */
export const maxIdentifierBytes = 64

/** The dotted form of the content bytes of an object identifier (X.690 section 8.19); `null` when they are none, or too many. */
export function dottedIdentifier (content: Uint8Array): string | null {
  if (content.length === 0 || content.length > maxIdentifierBytes || content[content.length - 1]! >= 0x80) return null
  const arcs: bigint[] = []
  let arc = 0n
  let starts = true
  for (const byte of content) {
    if (starts && byte === 0x80) return null
    arc = arc * 128n + BigInt(byte & 0x7f)
    starts = byte < 0x80
    if (starts) {
      arcs.push(arc)
      arc = 0n
    }
  }
  const [head, ...tail] = arcs as [bigint, ...bigint[]]
  const first = head < 40n ? 0n : head < 80n ? 1n : 2n
  return [first, head - first * 40n, ...tail].join('.')
}
