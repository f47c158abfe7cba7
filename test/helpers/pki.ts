/**
 * A throw-away PKI for one test: minted in memory with pkijs and WebCrypto, valid for a day. The certificates have what OpenSSL
 * and browsers ask for: basic constraints, key usage, key identifiers, server names.
 */
import { createHash, KeyObject, randomBytes, webcrypto } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isIP } from 'node:net'
import { join } from 'node:path'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import ipaddr from 'ipaddr.js'
import type { Test } from 'tap'
import { parseCertificate, type Certificate } from '../../src/x509/certificate.ts'

/** One attribute of a name. `encoding` defaults to what CAs use: PrintableString for C, IA5String for EMAIL and DC, else UTF8String. */
export interface NameAttribute {
  readonly type: string
  readonly value: string
  readonly encoding?: 'utf8' | 'printable' | 'ia5' | 't61' | 'bmp' | 'universal'
}

/**
 * A name as text in SAP's order (`CN=user, O=Example, C=DE`, `+` joins the parts of a multi-valued RDN, `\` escapes one character),
 * as a list of RDNs in the encoded order (most general first), or as DER.
 */
export type NameInput = string | readonly (readonly NameAttribute[])[] | Uint8Array

export interface IssueOptions {
  readonly subject: NameInput
  /** Who signs; `null` for a self-signed certificate. */
  readonly issuer: Issued | null
  readonly ca?: boolean
  /** Host names and IP addresses for the subject alternative name. */
  readonly serverNames?: readonly string[]
  readonly usage?: 'server' | 'client'
  readonly keyType?: KeyType
  /** Use this key instead of a new one: for renewed and cross-signed CAs. */
  readonly keyOf?: Issued
  readonly notBefore?: Date
  readonly notAfter?: Date
  readonly serialNumber?: Uint8Array<ArrayBuffer>
  /** A certificate of version 1, without extensions: what old roots are. */
  readonly version1?: boolean
}

export type KeyType = 'EC' | 'RSA'

/** A certificate with its key. */
export interface Issued {
  readonly key: KeyObject
  readonly keyPem: string
  readonly certPem: string
  /** The certificate and the issuers up to, not including, the root. */
  readonly chainPem: string
  readonly der: Buffer
  readonly certificate: Certificate
  /** Issuers, next first, the root last. */
  readonly issuers: readonly Issued[]
}

export interface PkiOptions {
  readonly keyType?: KeyType
  /** More names for the server certificate, beside localhost, 127.0.0.1 and ::1. */
  readonly serverNames?: readonly string[]
  readonly rootSubject?: NameInput
  readonly intermediateSubject?: NameInput
  readonly serverSubject?: NameInput
  readonly clientSubject?: NameInput
  readonly gatewaySubject?: NameInput
}

export interface Pki {
  readonly root: Issued
  /** The CA of all three below; itself issued by `root`. */
  readonly intermediate: Issued
  readonly server: Issued
  /** A user: `CN=user, OU=Test, O=Example, C=DE`. */
  readonly client: Issued
  /** What a gateway presents to the next hop: `CN=wd, OU=Gateway, O=Example, C=DE`. */
  readonly gateway: Issued
  /** Issues one more certificate. */
  readonly issue: (options: IssueOptions) => Promise<Issued>
  /** Writes text into a file of this PKI's own directory, which is removed after the test, and returns its path. */
  readonly file: (name: string, text: string | Uint8Array) => string
}

const attributeTypes: Record<string, string> = {
  CN: '2.5.4.3',
  SN: '2.5.4.4',
  SERIALNUMBER: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  SP: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  T: '2.5.4.12',
  EMAIL: '1.2.840.113549.1.9.1',
  UID: '0.9.2342.19200300.100.1.1',
  DC: '0.9.2342.19200300.100.1.25'
}

const day = 24 * 60 * 60 * 1000

/** Mints a root, an intermediate CA, and a server, a user's and a gateway's certificate below it. */
export async function mintPki (t: Test, options: PkiOptions = {}): Promise<Pki> {
  const { keyType = 'EC' } = options
  const issueHere = (more: IssueOptions) => issue({ keyType, ...more })
  const root = await issueHere({ subject: options.rootSubject ?? 'CN=Root CA, O=Example, C=DE', issuer: null, ca: true })
  const intermediate = await issueHere({ subject: options.intermediateSubject ?? 'CN=Issuing CA, O=Example, C=DE', issuer: root, ca: true })
  const [server, client, gateway] = await Promise.all([
    issueHere({
      subject: options.serverSubject ?? 'CN=localhost, O=Example, C=DE',
      issuer: intermediate,
      usage: 'server',
      serverNames: ['localhost', '127.0.0.1', '::1', ...options.serverNames ?? []]
    }),
    issueHere({ subject: options.clientSubject ?? 'CN=user, OU=Test, O=Example, C=DE', issuer: intermediate, usage: 'client' }),
    issueHere({ subject: options.gatewaySubject ?? 'CN=wd, OU=Gateway, O=Example, C=DE', issuer: intermediate, usage: 'client' })
  ])
  return { root, intermediate, server, client, gateway, issue: issueHere, file: fileWriter(t) }
}

function fileWriter (t: Test): Pki['file'] {
  let directory: string | undefined
  t.teardown(() => { if (directory !== undefined) rmSync(directory, { recursive: true }) })
  return (name, text) => {
    directory ??= mkdtempSync(join(tmpdir(), 'postern-pki-'))
    const path = join(directory, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
}

async function issue (options: IssueOptions): Promise<Issued> {
  const { issuer, ca = false } = options
  const key = options.keyOf?.key ?? await newKey(options.keyType ?? 'EC')
  const publicKey = await cryptoKey(key, 'public')
  const certificate = new pkijs.Certificate()
  certificate.version = options.version1 === true ? 0 : 2
  certificate.serialNumber = new asn1js.Integer({ valueHex: options.serialNumber ?? positiveSerialNumber() })
  certificate.notBefore.value = options.notBefore ?? new Date(Date.now() - day)
  certificate.notAfter.value = options.notAfter ?? new Date(Date.now() + day)
  certificate.subject = pkijsName(encodeName(options.subject))
  certificate.issuer = issuer === null ? certificate.subject : subjectOf(issuer)
  await certificate.subjectPublicKeyInfo.importKey(publicKey)
  const ownKeyId = keyIdentifier(certificate)
  if (options.version1 !== true) certificate.extensions = extensions(options, ca, ownKeyId, issuer === null ? ownKeyId : keyIdentifier(pkijsCertificate(issuer)))
  await certificate.sign(await cryptoKey(issuer?.key ?? key, 'private'), 'SHA-256')
  return issued(Buffer.from(certificate.toSchema().toBER()), key, issuer === null ? [] : [issuer, ...issuer.issuers])
}

function issued (der: Buffer, key: KeyObject, issuers: readonly Issued[]): Issued {
  const certPem = pem(der)
  return {
    key,
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certPem,
    chainPem: [certPem, ...issuers.slice(0, -1).map(one => one.certPem)].join(''),
    der,
    certificate: parseCertificate(der),
    issuers
  }
}

function pem (der: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`
}

const keyAlgorithms = {
  EC: { name: 'ECDSA', namedCurve: 'P-256' },
  RSA: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }
} as const

async function newKey (type: KeyType): Promise<KeyObject> {
  const pair = await webcrypto.subtle.generateKey(keyAlgorithms[type], true, ['sign', 'verify'])
  return KeyObject.from(pair.privateKey)
}

async function cryptoKey (key: KeyObject, kind: 'public' | 'private'): Promise<CryptoKey> {
  const algorithm = keyAlgorithms[key.asymmetricKeyType === 'ec' ? 'EC' : 'RSA']
  const jwk = key.export({ format: 'jwk' })
  const part = kind === 'private' ? jwk : { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y, n: jwk.n, e: jwk.e }
  const defined = Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined))
  // the same object under two declarations: Node's and the browser's, which pkijs speaks
  return await webcrypto.subtle.importKey('jwk', defined, algorithm, true, [kind === 'private' ? 'sign' : 'verify']) as CryptoKey
}

/** Positive and without leading zero bytes, as RFC 5280 section 4.1.2.2 wants it. */
function positiveSerialNumber (): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(randomBytes(16))
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes
}

function keyIdentifier (certificate: pkijs.Certificate): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha1').update(certificate.subjectPublicKeyInfo.subjectPublicKey.valueBlock.valueHexView).digest())
}

function extensions (options: IssueOptions, ca: boolean, ownKeyId: Uint8Array<ArrayBuffer>, issuerKeyId: Uint8Array<ArrayBuffer>): pkijs.Extension[] {
  const list = [
    extension('2.5.29.19', true, new pkijs.BasicConstraints({ cA: ca }).toSchema()),
    // keyCertSign and cRLSign for a CA, digitalSignature and keyEncipherment for the others
    extension('2.5.29.15', true, new asn1js.BitString({ valueHex: new Uint8Array([ca ? 0x06 : 0xa0]), unusedBits: ca ? 1 : 5 })),
    extension('2.5.29.14', false, new asn1js.OctetString({ valueHex: ownKeyId })),
    extension('2.5.29.35', false, new pkijs.AuthorityKeyIdentifier({ keyIdentifier: new asn1js.OctetString({ valueHex: issuerKeyId }) }).toSchema())
  ]
  if (options.usage !== undefined) {
    const purpose = options.usage === 'server' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2'
    list.push(extension('2.5.29.37', false, new pkijs.ExtKeyUsage({ keyPurposes: [purpose] }).toSchema()))
  }
  if (options.serverNames !== undefined) {
    const names = options.serverNames.map(name => new pkijs.GeneralName(isIP(name) === 0
      ? { type: 2, value: name }
      : { type: 7, value: new asn1js.OctetString({ valueHex: Uint8Array.from(ipaddr.parse(name).toByteArray()) }) }))
    list.push(extension('2.5.29.17', false, new pkijs.GeneralNames({ names }).toSchema()))
  }
  return list
}

function extension (extnID: string, critical: boolean, value: { toBER: () => ArrayBuffer }): pkijs.Extension {
  return new pkijs.Extension({ extnID, critical, extnValue: value.toBER() })
}

function subjectOf (issuer: Issued): pkijs.RelativeDistinguishedNames {
  return pkijsCertificate(issuer).subject
}

function pkijsCertificate (issuer: Issued): pkijs.Certificate {
  return pkijs.Certificate.fromBER(Uint8Array.from(issuer.der))
}

/** pkijs writes `valueBeforeDecode` as it is; from `typesAndValues` it would make one multi-valued RDN of all attributes. */
function pkijsName (der: ArrayBuffer): pkijs.RelativeDistinguishedNames {
  return new pkijs.RelativeDistinguishedNames({ valueBeforeDecode: der })
}

/** The DER encoding of a name. */
export function encodeName (name: NameInput): ArrayBuffer {
  if (name instanceof Uint8Array) return Uint8Array.from(name).buffer
  const parts = typeof name === 'string' ? parseName(name) : name
  return new asn1js.Sequence({
    value: parts.map(attributes => new asn1js.Set({
      value: attributes.map(({ type, value, encoding }) => new asn1js.Sequence({
        value: [
          new asn1js.ObjectIdentifier({ value: attributeTypes[type] ?? type }),
          encodeText(value, encoding ?? ({ C: 'printable', EMAIL: 'ia5', DC: 'ia5' } as const)[type] ?? 'utf8')
        ]
      }))
    }))
  }).toBER()
}

function encodeText (value: string, encoding: NonNullable<NameAttribute['encoding']>): asn1js.BaseBlock {
  switch (encoding) {
    case 'utf8': return new asn1js.Utf8String({ value })
    case 'printable': return new asn1js.PrintableString({ value })
    case 'ia5': return new asn1js.IA5String({ value })
    case 't61': return new asn1js.TeletexString({ value })
    case 'bmp': return new asn1js.BmpString({ value })
    case 'universal': return new asn1js.UniversalString({ value })
  }
}

/** `CN=user, O=Example` to RDNs in encoded order. */
function parseName (text: string): NameAttribute[][] {
  return splitUnescaped(text, ',').reverse().map(part => splitUnescaped(part, '+').map(attribute => {
    const equals = attribute.indexOf('=')
    return { type: attribute.slice(0, equals).trim(), value: attribute.slice(equals + 1).replace(/\\(.)/g, '$1') }
  }))
}

function splitUnescaped (text: string, separator: string): string[] {
  return text.match(new RegExp(`(?:\\\\.|[^\\\\${separator}])+`, 'g')) ?? []
}
