/**
 * The structure of PKCS#12 (RFC 7292 section 4), read with pkijs and handed on as plain data: the classes of pkijs change the objects
 * they are made from, so nothing is read twice.
 */
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { parseBer } from './ber.ts'
import { readDer, type DerValue } from './der-value.ts'

/** Makes the error of a file that is not what it should be. */
type Damaged = (what: string) => Error

/** Something encrypted, with its AlgorithmIdentifier. */
export interface EncryptedPart {
  readonly algorithm: DerValue
  readonly data: Buffer
}

/** A bag that an identity can be made of. */
export type Bag =
  | { readonly kind: 'key', readonly pkcs8: Buffer }
  | { readonly kind: 'shroudedKey', readonly part: EncryptedPart }
  | { readonly kind: 'certificate', readonly der: Buffer }

/** A part of the file: bags, encrypted bags, or content of a type that no password opens. */
export type Section =
  | { readonly kind: 'bags', readonly bags: readonly Bag[] }
  | { readonly kind: 'encrypted', readonly part: EncryptedPart }
  | { readonly kind: 'other', readonly contentType: string }

/** The MAC over the content. */
export interface Mac {
  readonly algorithm: DerValue
  readonly salt: Buffer
  readonly iterations: bigint
  readonly digest: Buffer
}

/** A PKCS#12 file. */
export interface Pkcs12 {
  readonly content: Buffer
  readonly mac: Mac | null
  readonly sections: readonly Section[]
}

const dataType = '1.2.840.113549.1.7.1'
const encryptedDataType = '1.2.840.113549.1.7.6'

/** Reads the file as far as it is not encrypted; `null` when it is protected by a signature instead of a password. */
export function readStructure (bytes: Uint8Array, damaged: Damaged): Pkcs12 | null {
  const outer = parseBer(bytes, damaged)
  const pfx = attempt(() => new pkijs.PFX({ schema: outer }), damaged)
  if (pfx.authSafe.contentType !== dataType) return null
  const content = octets(pfx.authSafe.content, damaged)
  const inner = parseBer(content, damaged)
  const { safeContents } = attempt(() => new pkijs.AuthenticatedSafe({ schema: inner }), damaged)
  const mac = pfx.macData === undefined ? null : macOf(pfx.macData, damaged)
  return { content, mac, sections: safeContents.map(info => readSection(info, damaged)) }
}

function macOf ({ mac, macSalt, iterations = 1 }: pkijs.MacData, damaged: Damaged): Mac {
  return {
    algorithm: algorithmOf(mac.digestAlgorithm, damaged),
    salt: octets(macSalt, damaged),
    iterations: BigInt(iterations),
    digest: octets(mac.digest, damaged)
  }
}

function readSection (info: pkijs.ContentInfo, damaged: Damaged): Section {
  if (info.contentType === dataType) return { kind: 'bags', bags: readBags(octets(info.content, damaged), damaged) }
  if (info.contentType !== encryptedDataType) return { kind: 'other', contentType: info.contentType }
  const { algorithm, data } = attempt(() => {
    const { encryptedContentInfo } = new pkijs.EncryptedData({ schema: info.content })
    return { algorithm: encryptedContentInfo.contentEncryptionAlgorithm, data: encryptedContentInfo.getEncryptedContent() }
  }, damaged)
  return { kind: 'encrypted', part: { algorithm: algorithmOf(algorithm, damaged), data: Buffer.from(data) } }
}

/** Reads SafeContents, decrypted where it was encrypted. Bags of other kinds (CRLs, secrets) are left out. */
export function readBags (content: Buffer, damaged: Damaged): Bag[] {
  const contents = parseBer(content, damaged)
  const { safeBags } = attempt(() => new pkijs.SafeContents({ schema: contents }), damaged)
  return safeBags.flatMap(({ bagValue }) => readBag(bagValue, damaged))
}

function readBag (value: unknown, damaged: Damaged): Bag[] {
  if (value instanceof pkijs.CertBag) return [{ kind: 'certificate', der: octets(value.certValue, damaged) }]
  if (value instanceof pkijs.PrivateKeyInfo) return [{ kind: 'key', pkcs8: Buffer.from(value.toSchema().toBER()) }]
  if (!(value instanceof pkijs.PKCS8ShroudedKeyBag)) return []
  return [{ kind: 'shroudedKey', part: { algorithm: algorithmOf(value.encryptionAlgorithm, damaged), data: octets(value.encryptedData, damaged) } }]
}

function algorithmOf (algorithm: pkijs.AlgorithmIdentifier, damaged: Damaged): DerValue {
  return readDer(new Uint8Array(algorithm.toSchema().toBER()), what => damaged(`algorithm: ${what}`))
}

/** The bytes of an OCTET STRING, in one piece or in several. */
function octets (value: unknown, damaged: Damaged): Buffer {
  if (!(value instanceof asn1js.OctetString)) throw damaged('an OCTET STRING expected')
  return Buffer.from(value.getValue())
}

/** Runs code of pkijs, which throws errors of its own for a structure that is not the one it knows. */
function attempt<T> (make: () => T, damaged: Damaged): T {
  try {
    return make()
  } catch (error) {
    throw damaged((error as Error).message)
  }
}
