/**
 * The reader for PKCS#12 and PKCS#7, which other programs write in BER: lengths of indefinite form, strings in pieces.
 */
import * as asn1js from 'asn1js'
import { maxIdentifierBytes, tags } from '../x509/der.ts'

/**
 * Bounds time and memory of one file: elements, and the bytes of object identifiers, of which asn1js makes an object each. A certificate
 * comes to about 50 in PKCS#12, where it is an octet string, and to 220 in PKCS#7.
 */
const maxParts = 200_000
const maxDepth = 64
/** Longest text, number or time. asn1js makes texts in one call with an argument for each byte. */
const maxValueBytes = 16_384

/** Reads the parts of one file. */
export class BerReader {
  readonly #damaged: (what: string) => Error
  #left = maxParts

  /** @param damaged makes the error of the file */
  constructor (damaged: (what: string) => Error) {
    this.#damaged = damaged
  }

  /** Reads the one element that `bytes` consists of; asn1js itself would pass over what follows it. */
  read (bytes: Uint8Array): asn1js.BaseBlock {
    this.#measure(bytes)
    const { offset, result } = this.#parse(Uint8Array.from(bytes))
    if (offset === -1) throw this.#damaged(`not in BER: ${result.error}`)
    if (offset !== bytes.length) throw this.#damaged(`bytes behind the end, at byte ${offset}`)
    return result
  }

  /** asn1js reports some faults, and throws for others, such as a time that is none. */
  #parse (bytes: Uint8Array): ReturnType<typeof asn1js.fromBER> {
    try {
      return asn1js.fromBER(bytes, { maxNodes: maxParts, maxDepth, maxContentLength: bytes.length, parseEmbedded: false })
    } catch (error) {
      throw this.#damaged(`not in BER: ${(error as Error).message}`)
    }
  }

  /** Looks at tags and lengths only, so that asn1js never sees what would cost it too much. What they should be is asn1js's to judge. */
  #measure (bytes: Uint8Array): void {
    for (let position = 0; position < bytes.length;) {
      const { tag, length, contentStart } = headerAt(bytes, position)
      if ((tag & 0x1f) === 0x1f) throw this.#damaged(`a tag of more than one byte, at byte ${position}`)
      const isIdentifier = tag === tags.objectIdentifier || tag === relativeIdentifier
      this.#left -= isIdentifier ? 1 + length : 1
      if (this.#left < 0) throw this.#damaged(`more than ${maxParts} parts`)
      if (isIdentifier && length > maxIdentifierBytes) throw this.#damaged('an object identifier that is too long')
      if (isValue(tag) && length > maxValueBytes) throw this.#damaged(`a value of ${length} bytes`)
      // into constructed elements, over all others
      position = contentStart + ((tag & constructed) === 0 ? length : 0)
    }
  }
}

const constructed = 0x20
const relativeIdentifier = 0x0d

/** Universal and primitive, and no string of bits or bytes, which asn1js does not look into. */
function isValue (tag: number): boolean {
  return tag < constructed && tag !== 0x03 && tag !== 0x04
}

/** A length of indefinite form is 0 here. */
function headerAt (bytes: Uint8Array, position: number): { tag: number, length: number, contentStart: number } {
  const tag = bytes[position]!
  const first = bytes[position + 1] ?? 0
  const start = position + 2
  if (first < 0x80) return { tag, length: first, contentStart: start }
  const end = start + (first & 0x7f)
  return { tag, length: bytes.subarray(start, end).reduce((sum, byte) => sum * 256 + byte, 0), contentStart: end }
}
