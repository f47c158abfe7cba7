/**
 * DER with the errors of the format that is being read: each fault names what was expected and the byte where it was not found.
 */
import { dottedIdentifier, readElements, tags, type DerElement } from '../x509/der.ts'

/** Makes the error of a format from what was wrong and the byte it was wrong at. */
export type Fault = (what: string, offset: number) => Error

/** Longest INTEGER that is read: an RSA modulus of 32768 bits. It bounds the time of the arithmetic. */
const maxIntegerBytes = 4097

/** One DER element. Nothing inside it is read before it is asked for. */
export class DerValue {
  readonly tag: number
  readonly content: Buffer
  /** Tag and length included. */
  readonly encoded: Buffer
  /** Position of the element in the bytes that `readDer` was given. */
  readonly offset: number
  readonly #fault: Fault
  readonly #origin: number
  #children: DerValue[] | null = null

  /** @param origin position of the input within its memory, from which offsets count */
  constructor (element: DerElement, origin: number, fault: Fault) {
    this.tag = element.tag
    this.content = view(element.content)
    this.encoded = view(element.encoded)
    this.offset = this.encoded.byteOffset - origin
    this.#origin = origin
    this.#fault = fault
  }

  /** The elements of a constructed value. */
  get children (): readonly DerValue[] {
    this.#children ??= this.#readChildren()
    return this.#children
  }

  /** The child at `index`; negative numbers count from the end. */
  child (index: number): DerValue {
    const child = this.children.at(index)
    if (child === undefined) throw this.fault('an element is missing')
    return child
  }

  /** This value, if it has that tag. `what` names it in the error. */
  expect (tag: number, what: string): this {
    if (this.tag !== tag) throw this.fault(`${what} expected, tag ${hex(tag)}; found tag ${hex(this.tag)}`)
    return this
  }

  /** A non-negative INTEGER. */
  integer (what: string): bigint {
    const { content } = this.expect(tags.integer, what)
    if (content.length === 0 || content.length > maxIntegerBytes || content[0]! >= 0x80) throw this.fault(`${what}: not a positive number`)
    return BigInt(`0x${content.toString('hex')}`)
  }

  /** An OBJECT IDENTIFIER in dotted form. */
  identifier (what: string): string {
    const dotted = dottedIdentifier(this.expect(tags.objectIdentifier, what).content)
    if (dotted === null) throw this.fault(`${what}: not an object identifier`)
    return dotted
  }

  /** The bytes of an OCTET STRING. */
  octets (what: string): Buffer {
    return this.expect(tag.octetString, what).content
  }

  /** The bytes of a BIT STRING without unused bits. */
  bits (what: string): Buffer {
    const { content } = this.expect(tag.bitString, what)
    if (content[0] !== 0) throw this.fault(`${what}: a BIT STRING without unused bits expected`)
    return content.subarray(1)
  }

  /** The error of the format, at this value. */
  fault (what: string): Error {
    return this.#fault(what, this.offset)
  }

  #readChildren (): DerValue[] {
    if ((this.tag & constructedBit) === 0) throw this.fault('a constructed element expected')
    return elementsOf(this.content, this.#origin, this.#fault)
  }
}

const constructedBit = 0x20

/** Tags that this room needs beside those of names and certificates. Context tags are the constructed ones. */
export const tag = {
  ...tags,
  bitString: 0x03,
  octetString: 0x04,
  context0: 0xa0,
  context3: 0xa3
} as const

/** Reads the one element that `bytes` consists of. */
export function readDer (bytes: Uint8Array, fault: Fault): DerValue {
  const [element, next] = elementsOf(bytes, bytes.byteOffset, fault)
  if (element === undefined) throw fault('it is empty', 0)
  if (next !== undefined) throw fault('bytes behind the end', next.offset)
  return element
}

function elementsOf (bytes: Uint8Array, origin: number, fault: Fault): DerValue[] {
  try {
    return readElements(bytes).map(element => new DerValue(element, origin, fault))
  } catch (error) {
    throw fault((error as Error).message, bytes.byteOffset - origin)
  }
}

/** The identifier and the parameters of an AlgorithmIdentifier (RFC 5280 section 4.1.1.2). */
export function readAlgorithm (value: DerValue): { oid: string, parameters: DerValue | null } {
  const [oid, parameters = null] = value.expect(tag.sequence, 'AlgorithmIdentifier').children
  if (oid === undefined) throw value.fault('an algorithm is missing')
  return { oid: oid.identifier('algorithm'), parameters }
}

/** Writes one element with a length in its shortest form. */
export function encodeDer (tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content])
  const digits = length.toString(16)
  const lengthBytes = Buffer.from(digits.padStart(digits.length + digits.length % 2, '0'), 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 | lengthBytes.length]), lengthBytes, content])
}

function view (bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function hex (tag: number): string {
  return tag.toString(16).padStart(2, '0')
}
