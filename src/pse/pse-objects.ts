import { tag, type DerValue } from './der-value.ts'
import { derIdentifier, derPrintable, derSequence, derTime } from './der-write.ts'

/**
 * The objects of a PSE that an identity is made of, with the last parts of their identifiers below 1.3.36.2 (TeleTrusT).
 * `CertList` has the "no particular type" identifier, which other objects have too.
 */
const identifiers = {
  SKnew: '1.3.36.2.3.4',
  SignSK: '1.3.36.2.3.1',
  DecSKnew: '1.3.36.2.3.2',
  Cert: '1.3.36.2.1.3',
  PKRoot: '1.3.36.2.5.1',
  FCPath: '1.3.36.2.4.1',
  PKList: '1.3.36.2.6.1',
  CertList: '1.3.36.2.0'
} as const

const identifierOf: Readonly<Record<string, string>> = identifiers

/** One object, as it is in the file. */
export interface PseObject {
  readonly name: string
  readonly value: DerValue
  readonly encoded: Buffer
}

/** The objects by name. */
export type PseObjects = ReadonlyMap<string, PseObject>

/**
 * Reads the content of a PSE: SEQUENCE { AlgorithmIdentifier, owner, time, flags, SET OF object }, of which only the last is needed
 * and only the time is always there.
 *
 * @throws the fault of `content`
 */
export function readObjects (content: DerValue): PseObjects {
  const objects = new Map<string, PseObject>()
  for (const object of content.expect(tag.sequence, 'content').child(-1).expect(tag.set, 'objects').children) {
    const name = object.expect(tag.sequence, 'object').child(0).expect(tag.printableString, 'name of an object').content.toString('latin1')
    // times lie between, in changing number; identifier and value are always the last two
    const identifier = object.child(-2).identifier(`type of object ${name.slice(0, 40)}`)
    const expected = identifierOf[name]
    if (expected !== undefined && identifier !== expected) throw object.fault(`object ${name} has type ${identifier}; expected ${expected}`)
    if (objects.has(name)) throw object.fault(`object ${name.slice(0, 40)} is there twice`)
    objects.set(name, { name, value: object.child(-1), encoded: object.encoded })
  }
  return objects
}

/** Writes one object with its time. */
export function encodeObject (name: keyof typeof identifiers, created: Date, value: Uint8Array): Buffer {
  return derSequence(derPrintable(name), derTime(created), derIdentifier(identifiers[name]), value)
}
