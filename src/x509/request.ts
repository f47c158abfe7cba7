/**
 * Certificate signing requests (PKCS#10, RFC 2986), and the self-signed certificate that holds the place until the CA has answered.
 */
import { createPublicKey, randomBytes, type KeyObject } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { errors } from '../errors.ts'
import { alternativeNamesOf, subjectAltNameOid } from './alternative-names.ts'

/** Hash functions of the signatures. */
export type SignatureHash = 'SHA-256' | 'SHA-384' | 'SHA-512'

/** Who asks for a certificate. */
export interface Subject {
  /** DER encoding of the name. */
  readonly name: Uint8Array
  /** Encoded subject alternative names, `null` for none. */
  readonly alternativeNames: Uint8Array | null
  readonly privateKey: KeyObject
  readonly hash: SignatureHash
}

const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }
const [basicConstraintsOid, extensionRequestOid] = ['2.5.29.19', '1.2.840.113549.1.9.14'] as const

/**
 * Makes a PKCS#10 request.
 *
 * @returns DER
 * @throws POSTERN_ERR_X509_KEY_UNSUPPORTED for keys other than RSA and EC on P-256, P-384, P-521
 */
export async function makeRequest (subject: Subject): Promise<Buffer> {
  const request = new pkijs.CertificationRequest()
  request.subject = nameOf(subject)
  await request.subjectPublicKeyInfo.importKey(await webKey(createPublicKey(subject.privateKey), subject.hash, 'verify'))
  const extensions = alternativeNames(subject)
  request.attributes = extensions.length === 0 ? [] : [new pkijs.Attribute({ type: extensionRequestOid, values: [new pkijs.Extensions({ extensions }).toSchema()] })]
  await request.sign(await webKey(subject.privateKey, subject.hash, 'sign'), subject.hash)
  return Buffer.from(request.toSchema(true).toBER())
}

/**
 * Makes a certificate that the subject signs itself, valid from `now`.
 *
 * @param validity start and length in days
 * @returns DER
 * @throws as `makeRequest`
 */
export async function selfSign (subject: Subject, { now, days }: { now: Date, days: number }): Promise<Buffer> {
  const certificate = new pkijs.Certificate()
  certificate.version = 2
  certificate.serialNumber = new asn1js.Integer({ valueHex: serialNumber() })
  certificate.notBefore.value = now
  certificate.notAfter.value = new Date(now.getTime() + days * 86_400_000)
  certificate.subject = nameOf(subject)
  certificate.issuer = nameOf(subject)
  certificate.extensions = [extension(basicConstraintsOid, true, new pkijs.BasicConstraints({ cA: false }).toSchema().toBER()), ...alternativeNames(subject)]
  await certificate.subjectPublicKeyInfo.importKey(await webKey(createPublicKey(subject.privateKey), subject.hash, 'verify'))
  await certificate.sign(await webKey(subject.privateKey, subject.hash, 'sign'), subject.hash)
  return Buffer.from(certificate.toSchema(true).toBER())
}

/**
 * What the certificate of a key says of its owner, byte for byte: a renewed certificate then differs in nothing that others compare.
 *
 * @param certificate DER
 */
export function subjectOf (certificate: Uint8Array): Pick<Subject, 'name' | 'alternativeNames'> {
  const { subject } = pkijs.Certificate.fromBER(Uint8Array.from(certificate))
  return { name: Buffer.from(subject.valueBeforeDecode), alternativeNames: alternativeNamesOf(certificate) }
}

/** pkijs writes `valueBeforeDecode` as it is; from a list of attributes it would make one multi-valued RDN. */
function nameOf ({ name }: Subject): pkijs.RelativeDistinguishedNames {
  return new pkijs.RelativeDistinguishedNames({ valueBeforeDecode: Uint8Array.from(name).buffer })
}

function alternativeNames ({ alternativeNames }: Subject): pkijs.Extension[] {
  return alternativeNames === null ? [] : [extension(subjectAltNameOid, false, Uint8Array.from(alternativeNames).buffer)]
}

function extension (extnID: string, critical: boolean, extnValue: ArrayBuffer): pkijs.Extension {
  return new pkijs.Extension({ extnID, critical, extnValue })
}

/** Positive and without leading zero bytes (RFC 5280 section 4.1.2.2). */
function serialNumber (): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(randomBytes(16))
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes
}

async function webKey (key: KeyObject, hash: SignatureHash, usage: 'sign' | 'verify'): Promise<CryptoKey> {
  // the same object under two declarations: Node's and the browser's, which pkijs speaks
  return key.toCryptoKey(algorithmOf(key, hash), true, [usage]) as unknown as CryptoKey
}

function algorithmOf (key: KeyObject, hash: SignatureHash): { name: string, hash: string } | { name: string, namedCurve: string } {
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash }
  const curve = curves[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (curve === undefined) throw new errors.X509_KEY_UNSUPPORTED(key.asymmetricKeyType)
  return { name: 'ECDSA', namedCurve: curve }
}
