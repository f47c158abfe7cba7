/** Building blocks for files in DER that a test writes byte by byte. */
import { encodeDer, tag } from '../../src/pse/der-value.ts'

export const seq = (...parts: readonly Uint8Array[]) => encodeDer(tag.sequence, ...parts)
/** A SET OF, sorted as DER wants it. */
export const set = (...parts: readonly Uint8Array[]) => encodeDer(tag.set, ...[...parts].sort(Buffer.compare))
export const octets = (...parts: readonly Uint8Array[]) => encodeDer(tag.octetString, ...parts)
export const bits = (...parts: readonly Uint8Array[]) => encodeDer(tag.bitString, Buffer.from([0]), ...parts)
export const context = (number: number, ...parts: readonly Uint8Array[]) => encodeDer(tag.context0 + number, ...parts)
export const printable = (text: string) => encodeDer(tag.printableString, Buffer.from(text))
export const utf8 = (text: string) => encodeDer(tag.utf8String, Buffer.from(text))
export const ia5 = (text: string) => encodeDer(tag.ia5String, Buffer.from(text))
export const generalizedTime = (text: string) => encodeDer(0x18, Buffer.from(text))
export const utcTime = (text: string) => encodeDer(0x17, Buffer.from(text))
export const none = Buffer.from([0x05, 0x00])

/** A non-negative INTEGER. */
export function int (value: bigint | number): Buffer {
  const digits = value.toString(16)
  const bytes = Buffer.from(digits.padStart(digits.length + digits.length % 2, '0'), 'hex')
  return encodeDer(tag.integer, ...bytes[0]! >= 0x80 ? [Buffer.from([0])] : [], bytes)
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function oid (dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number) as [number, number, ...number[]]
  return encodeDer(tag.objectIdentifier, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128 (arc: number): number[] {
  const bytes = [arc & 0x7f]
  for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128)) bytes.unshift(0x80 | (high & 0x7f))
  return bytes
}
