import { tag, type DerValue } from './der-value.ts'

/**
 * The objects of a PSE that an identity is made of, with the last parts of their identifiers below 1.3.36.2 (TeleTrusT).
 * `CertList` has the "no particular type" identifier, which other objects have too.
 */
const identifiers: Readonly<Record<string, string>> = {
  SKnew: '1.3.36.2.3.4',
  SignSK: '1.3.36.2.3.1',
  DecSKnew: '1.3.36.2.3.2',
  Cert: '1.3.36.2.1.3',
  PKRoot: '1.3.36.2.5.1',
  FCPath: '1.3.36.2.4.1',
  PKList: '1.3.36.2.6.1',
  CertList: '1.3.36.2.0'
}

/** The values of the objects by name. */
export type PseObjects = ReadonlyMap<string, DerValue>

/**
 * Reads the content of a PSE: SEQUENCE { AlgorithmIdentifier, owner, time, flags, SET OF object }, of which only the last is needed
 * and only the time is always there.
 *
 * @throws the fault of `content`
 */
export function readObjects (content: DerValue): PseObjects {
  const objects = new Map<string, DerValue>()
  for (const object of content.expect(tag.sequence, 'content').child(-1).expect(tag.set, 'objects').children) {
    const name = object.expect(tag.sequence, 'object').child(0).expect(tag.printableString, 'name of an object').content.toString('latin1')
    // times lie between, in changing number; identifier and value are always the last two
    const identifier = object.child(-2).identifier(`type of object ${name}`)
    const expected = identifiers[name]
    if (expected !== undefined && identifier !== expected) throw object.fault(`object ${name} has type ${identifier}; expected ${expected}`)
    if (objects.has(name)) throw object.fault(`object ${name} is there twice`)
    objects.set(name, object.child(-1))
  }
  return objects
}
