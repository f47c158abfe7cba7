/**
 * Steps through DER in place. It exists beside `x509/der.ts`, which makes an object and two views of each element: a list of 16 MiB has
 * millions of elements, and is read while connections wait.
 */
import { errors } from '../errors.ts'

/** The elements between two positions, one after the other. */
export class DerScan {
  readonly der: Buffer
  /** Tag of the current element. */
  tag = 0
  /** Where the current element begins, its content begins, and both end. */
  begin = 0
  start = 0
  end: number
  readonly #limit: number

  constructor (der: Buffer, from = 0, limit = der.length) {
    this.der = der
    this.end = from
    this.#limit = limit
  }

  /** Goes to the next element; `false` when there is none. */
  next (): boolean {
    if (this.end >= this.#limit) return false
    const { der } = this
    this.begin = this.end
    this.tag = der[this.begin] as number
    if ((this.tag & 0x1f) === 0x1f) throw new errors.X509_DER_INVALID('a tag of more than one byte')
    if (this.begin + 2 > this.#limit) throw new errors.X509_DER_INVALID('ends within an element')
    const first = der[this.begin + 1] as number
    this.start = this.begin + 2
    // moves the start of the content
    const length = first < 0x80 ? first : this.#longLength(first & 0x7f)
    this.end = this.start + length
    if (this.end > this.#limit) throw new errors.X509_DER_INVALID('an element reaches beyond the end')
    return true
  }

  /** X.690 section 8.1.3.5, in its shortest form. */
  #longLength (count: number): number {
    if (count === 0 || count > 4 || this.start + count > this.#limit) throw new errors.X509_DER_INVALID('a length that DER does not have')
    const length = this.der.readUIntBE(this.start, count)
    if (length < 0x80 || length < 256 ** (count - 1)) throw new errors.X509_DER_INVALID('a length that is not minimal')
    this.start += count
    return length
  }

  /** Goes to the next element, which has to be there with one of these tags. */
  take (...tags: readonly number[]): this {
    if (!this.next()) throw new errors.X509_DER_INVALID('an element is missing')
    if (!tags.includes(this.tag)) throw new errors.X509_DER_INVALID(`tag ${this.tag} instead of ${tags.join(' or ')}`)
    return this
  }

  /** Nothing may follow. */
  finish (): void {
    if (this.next()) throw new errors.X509_DER_INVALID('an element too many')
  }

  /** The elements within the current one. */
  inside (): DerScan {
    return new DerScan(this.der, this.start, this.end)
  }

  /** Content of the current element, in the same memory. */
  get content (): Buffer {
    return this.der.subarray(this.start, this.end)
  }

  /** The current element with tag and length, in the same memory. */
  get encoded (): Buffer {
    return this.der.subarray(this.begin, this.end)
  }
}

/** Tags beside those of `x509/der.ts`. */
export const crlTags = { boolean: 0x01, bitString: 0x03, octetString: 0x04, enumerated: 0x0a, utcTime: 0x17, generalizedTime: 0x18 } as const

/** The tag of a context-specific element: `[2]` of a primitive type is 0x82, of a constructed one 0xa2. */
export function contextTag (number: number, { constructed }: { constructed: boolean }): number {
  return (constructed ? 0xa0 : 0x80) + number
}
