/**
 * Writes PSEs of version 2 and 4, as SAP's programs do as far as it is publicly known: the objects, their order and their times are
 * those of all public files.
 */
import type { KeyObject } from 'node:crypto'
import { errors } from '../errors.ts'
import { derAlgorithm, derBits, derInteger, derSequence, derSet, derTime } from './der-write.ts'
import type { IdentityContent } from './identity.ts'
import { encodeObject } from './pse-objects.ts'
import { noRest, type PseRest } from './pse-rest.ts'
import { encodeRoot, isBare, toBeSignedPart } from './pse-trust.ts'
import { sealPse, type PseSeal } from './seal-pse.ts'

/** How a PSE is written. */
export interface PseWriteOptions extends PseSeal {
  /** Time of the file, written in whole seconds. Default now. */
  readonly created?: Date
  /** Time of the objects. Default: that of the file. */
  readonly objectsCreated?: Date
  /** What the file that is replaced holds beside its identity; see `readPseRest`. */
  readonly rest?: PseRest
}

/**
 * Writes an identity as a PSE; without a private key, a verify PSE.
 *
 * The root goes into PKRoot if it is trusted, because whatever is there is trusted. A root that leads up from the certificate and is
 * not trusted is the last level of FCPath.
 *
 * @throws POSTERN_ERR_PSE_KEY_UNWRITABLE for other keys than RSA; IDENTITY_PIN_UNWRITABLE, IDENTITY_ITERATIONS
 */
export function writePse (identity: IdentityContent, options: PseWriteOptions): Buffer {
  const { created = new Date(), objectsCreated = created, rest = noRest } = options
  const own = identityObjects(identity, objectsCreated, rest)
  const others = rest.objects.filter(({ name }) => !own.has(name))
  const objects = [...own.values(), ...others.map(({ encoded }) => encoded)]
  // a PSE without key has no key pair to be described; a left-out INTEGER is 0
  const flags = identity.privateKey === null ? [] : [derInteger(1)]
  return sealPse(algorithm => derSequence(algorithm, derTime(created), ...flags, derSet(...objects)), options)
}

/** Objects by name, encoded. */
function identityObjects ({ privateKey, certificate, chain, trusted }: IdentityContent, created: Date, rest: PseRest): Map<string, Buffer> {
  const own = certificate === null ? [] : [certificate]
  const root = trustedRoot([...own, ...chain].at(-1), trusted)
  const isElsewhere = (der: Buffer) => root !== null && der.equals(root.certificate)
  const path = chain.filter(issuer => !isElsewhere(issuer))
  const listed = trusted.filter(anchor => !isElsewhere(anchor))
  const entries = listed.map(anchor => rest.completeTrust && !isBare(anchor) ? anchor : toBeSignedPart(anchor))
  const objects: Array<[Parameters<typeof encodeObject>[0], Buffer | null]> = [
    ['SKnew', privateKey === null ? null : encodeKey(privateKey)],
    ['Cert', certificate],
    ['PKRoot', root === null ? null : root.encoded],
    ['FCPath', path.length === 0 ? null : derSequence(...path.map(issuer => derSet(issuer)))],
    ['PKList', setOf([...entries, ...rest.trustEntries])],
    ['CertList', setOf([...own, ...listed.filter(anchor => !isBare(anchor)), ...rest.certificates])]
  ]
  return new Map(objects.flatMap(([name, value]) => value === null ? [] : [[name, encodeObject(name, created, value)]]))
}

/** A SET OF without repetitions; `null` when it is empty. */
function setOf (elements: readonly Buffer[]): Buffer | null {
  const distinct = new Map(elements.map(der => [der.toString('latin1'), der]))
  return distinct.size === 0 ? null : derSet(...distinct.values())
}

/** The highest certificate of the chain, taken apart, if it is trusted, and of the form that PKRoot has place for: self-issued. */
function trustedRoot (highest: Buffer | undefined, trusted: readonly Buffer[]): { certificate: Buffer, encoded: Buffer } | null {
  if (highest === undefined || !trusted.some(anchor => anchor.equals(highest))) return null
  const encoded = encodeRoot(highest)
  return encoded === null ? null : { certificate: highest, encoded }
}

/** SEQUENCE { AlgorithmIdentifier, BIT STRING }; of an RSA key the two primes. */
function encodeKey (key: KeyObject): Buffer {
  if (key.asymmetricKeyType !== 'rsa') throw new errors.PSE_KEY_UNWRITABLE(String(key.asymmetricKeyType))
  const { p, q } = key.export({ format: 'jwk' })
  const primes = [p!, q!].map(text => derInteger(BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`)))
  return derSequence(derAlgorithm('1.2.840.113549.1.1.1', Buffer.from([0x05, 0x00])), derBits(derSequence(...primes)))
}
