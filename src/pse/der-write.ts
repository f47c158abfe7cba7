/** The values of DER that the writers of this room put together with `encodeDer`. */
import * as asn1js from 'asn1js'
import { encodeDer, tag } from './der-value.ts'

const generalizedTimeTag = 0x18

/** A non-negative INTEGER. */
export function derInteger (value: bigint | number): Buffer {
  const digits = value.toString(16)
  const bytes = Buffer.from(digits.padStart(digits.length + digits.length % 2, '0'), 'hex')
  // a first bit of one would make it negative
  return encodeDer(tag.integer, ...bytes[0]! >= 0x80 ? [Buffer.from([0])] : [], bytes)
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function derIdentifier (dotted: string): Buffer {
  return Buffer.from(new asn1js.ObjectIdentifier({ value: dotted }).toBER())
}

/** A SEQUENCE. */
export function derSequence (...elements: readonly Uint8Array[]): Buffer {
  return encodeDer(tag.sequence, ...elements)
}

/** A SET OF, in the order of DER (X.690 section 11.6). */
export function derSet (...elements: readonly Uint8Array[]): Buffer {
  return encodeDer(tag.set, ...[...elements].sort(Buffer.compare))
}

/** An OCTET STRING. */
export function derOctets (bytes: Uint8Array): Buffer {
  return encodeDer(tag.octetString, bytes)
}

/** A BIT STRING of whole bytes. */
export function derBits (bytes: Uint8Array): Buffer {
  return encodeDer(tag.bitString, Buffer.from([0]), bytes)
}

/** A PrintableString; the text has to be one. */
export function derPrintable (text: string): Buffer {
  return encodeDer(tag.printableString, Buffer.from(text))
}

/** A GeneralizedTime in UTC, whole seconds: `YYYYMMDDHHMMSSZ`. */
export function derTime (time: Date): Buffer {
  return encodeDer(generalizedTimeTag, Buffer.from(`${time.toISOString().slice(0, 19).replace(/\D/g, '')}Z`))
}

/** An AlgorithmIdentifier (RFC 5280 section 4.1.1.2). */
export function derAlgorithm (oid: string, ...parameters: readonly Uint8Array[]): Buffer {
  return derSequence(derIdentifier(oid), ...parameters)
}
