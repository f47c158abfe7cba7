/**
 * Issues certificates: for the demo landscape and for the checks of the platform at start. Both need certificates that nobody else has.
 */
import { generateKeyPair, randomBytes, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'

/** Attribute types by the names SAP prints, RFC 4519 and RFC 5280 appendix A. */
const attributeTypes: Readonly<Record<string, string>> = {
  CN: '2.5.4.3', SN: '2.5.4.4', C: '2.5.4.6', L: '2.5.4.7', SP: '2.5.4.8', O: '2.5.4.10', OU: '2.5.4.11', EMAIL: '1.2.840.113549.1.9.1'
}

/** A certificate with its private key. */
export interface IssuedIdentity {
  readonly certificate: Buffer
  readonly privateKey: KeyObject
}

/** What to issue. */
export interface IssueRequest {
  /** Attributes in the order of the encoding, most general first: `[['C', 'DE'], ['O', 'Example'], ['CN', 'user']]`. */
  readonly subject: ReadonlyArray<readonly [keyof typeof attributeTypes & string, string]>
  /** The issuer; left out for a self-signed certificate. */
  readonly issuer?: IssuedIdentity
  /** A CA certificate (RFC 5280, 4.2.1.9). */
  readonly ca?: boolean
  /** DNS names and IP addresses of the subject alternative name. */
  readonly serverNames?: readonly string[]
  /** Validity in days from now; negative for one that has ended. Default 30. */
  readonly days?: number
  /** Default EC P-256. */
  readonly keyType?: 'ec' | 'rsa'
}

const generate = promisify(generateKeyPair)
const dayMs = 86_400_000
const [keyUsageOid, basicConstraintsOid, subjectAltNameOid] = ['2.5.29.15', '2.5.29.19', '2.5.29.17']

/** Makes a key pair and a certificate for it. */
export async function issue (request: IssueRequest): Promise<IssuedIdentity> {
  const { publicKey, privateKey } = request.keyType === 'rsa'
    ? await generate('rsa', { modulusLength: 2048 })
    : await generate('ec', { namedCurve: 'P-256' })
  const certificate = new pkijs.Certificate()
  certificate.version = 2
  certificate.serialNumber = new asn1js.Integer({ valueHex: positive(randomBytes(16)) })
  const end = Date.now() + (request.days ?? 30) * dayMs
  certificate.notBefore.value = new Date(Math.min(Date.now(), end) - dayMs)
  certificate.notAfter.value = new Date(end)
  certificate.subject = nameOf(request.subject)
  certificate.issuer = request.issuer === undefined ? certificate.subject : subjectOf(request.issuer.certificate)
  certificate.extensions = extensionsOf(request)
  await certificate.subjectPublicKeyInfo.importKey(await webKey(publicKey, 'verify'))
  await certificate.sign(await webKey(request.issuer?.privateKey ?? privateKey, 'sign'), 'SHA-256')
  return { certificate: Buffer.from(certificate.toSchema(true).toBER()), privateKey }
}

/** pkijs would write all attributes into one multi-valued RDN, so the encoding is made here: one attribute, one RDN. */
function nameOf (subject: IssueRequest['subject']): pkijs.RelativeDistinguishedNames {
  const rdns = subject.map(([type, value]) => new asn1js.Set({
    value: [new asn1js.Sequence({
      value: [new asn1js.ObjectIdentifier({ value: attributeTypes[type] as string }), attributeValue(type, value)]
    })]
  }))
  return new pkijs.RelativeDistinguishedNames({ schema: asn1js.fromBER(new asn1js.Sequence({ value: rdns }).toBER()).result })
}

function attributeValue (type: string, value: string): asn1js.BaseBlock {
  switch (type) {
    case 'C': return new asn1js.PrintableString({ value })
    case 'EMAIL': return new asn1js.IA5String({ value })
    default: return new asn1js.Utf8String({ value })
  }
}

function subjectOf (der: Buffer): pkijs.RelativeDistinguishedNames {
  return pkijs.Certificate.fromBER(new Uint8Array(der)).subject
}

function extensionsOf ({ ca = false, serverNames = [] }: IssueRequest): pkijs.Extension[] {
  const extensions = [new pkijs.Extension({
    extnID: basicConstraintsOid as string,
    critical: true,
    extnValue: new pkijs.BasicConstraints({ cA: ca }).toSchema().toBER()
  })]
  if (ca) {
    // keyCertSign and cRLSign
    const bits = new asn1js.BitString({ valueHex: new Uint8Array([0x06]).buffer, unusedBits: 1 })
    extensions.push(new pkijs.Extension({ extnID: keyUsageOid as string, critical: true, extnValue: bits.toBER() }))
  }
  if (serverNames.length > 0) {
    const names = new pkijs.GeneralNames({ names: serverNames.map(generalName) })
    extensions.push(new pkijs.Extension({ extnID: subjectAltNameOid as string, critical: false, extnValue: names.toSchema().toBER() }))
  }
  return extensions
}

function generalName (name: string): pkijs.GeneralName {
  if (/^[\d.]+$/.test(name)) return new pkijs.GeneralName({ type: 7, value: new asn1js.OctetString({ valueHex: new Uint8Array(name.split('.').map(Number)) }) })
  if (name === '::1') return new pkijs.GeneralName({ type: 7, value: new asn1js.OctetString({ valueHex: new Uint8Array(16).fill(1, 15) }) })
  return new pkijs.GeneralName({ type: 2, value: name })
}

function positive (bytes: Buffer): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes)
  copy[0] = ((copy[0] as number) & 0x7f) | 0x40
  return copy
}

async function webKey (key: KeyObject, usage: 'sign' | 'verify'): Promise<CryptoKey> {
  const algorithm = key.asymmetricKeyType === 'rsa' ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } : { name: 'ECDSA', namedCurve: 'P-256' }
  return key.toCryptoKey(algorithm, true, [usage]) as unknown as CryptoKey
}
