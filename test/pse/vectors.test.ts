/**
 * Files of SAP's and SECUDE's own programs, with the values that others found in them. They are not part of this repository: their
 * directory is looked for beside the checkout, or named by POSTERN_PSE_VECTORS.
 */
import t, { type Test } from 'tap'
import { createHash, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readPin, readRecords } from '../../src/pse/cred-v2.ts'
import { readDer } from '../../src/pse/der-value.ts'
import { derInteger, derSequence, derSet, derTime } from '../../src/pse/der-write.ts'
import { encodeObject } from '../../src/pse/pse-objects.ts'
import { encodeRoot } from '../../src/pse/pse-trust.ts'
import { readIdentity, readIdentityWithWarnings } from '../../src/pse/read-identity.ts'
import { sealPse } from '../../src/pse/seal-pse.ts'
import { listCredentials, writeCredential, type CredentialKind } from '../../src/pse/write-cred-v2.ts'
import { writePse } from '../../src/pse/write-pse.ts'
import { unsignedCertificate } from '../helpers/mint-pse.ts'

const directory = process.env['POSTERN_PSE_VECTORS'] ?? join(import.meta.dirname, '../../../shared/data/pse')
const expectations = join(directory, 'expected.json')

interface Expected {
  readonly kind: 'pse' | 'cred_v2'
  readonly version?: number
  readonly pin: string | null
  readonly cert_sha256?: string
  readonly issuer?: string
  readonly subject?: string
  readonly key?: { readonly type: string, readonly bits: number } | null
  readonly pse_path?: string
  readonly user?: string | null
  readonly restriction?: string
  readonly iterations?: number
  readonly protection?: string
  readonly content?: { readonly created: string }
  readonly objects?: ReadonlyArray<{ readonly name: string, readonly created?: string }>
}

if (existsSync(expectations)) {
  const expected = JSON.parse(readFileSync(expectations, 'utf8')) as Record<string, Expected>
  for (const [name, vector] of Object.entries(expected)) {
    await t.test(name, async t => vector.kind === 'pse' ? checkPse(t, name, vector) : checkCredential(t, name, vector))
  }
  for (const [name, vector] of Object.entries(expected)) {
    // SECUDE's encryption is never written, and the key of the DPAPI record is in the host
    if (vector.kind === 'pse' && !vector.protection!.startsWith('secude')) await t.test(`${name}, written again`, async t => rewritePse(t, name, vector))
    if (vector.kind === 'cred_v2' && vector.pin !== null) await t.test(`${name}, written again`, async t => rewriteCredential(t, name, vector))
  }
  await t.test('a file that only the legacy provider of OpenSSL reads', async t => {
    t.throws(() => readIdentity(bytesOf('sapsso2.p12'), { file: 'sapsso2.p12', pin: '' }), { code: 'POSTERN_ERR_PKCS12_ENCRYPTION', message: /RC2/ })
  })
} else {
  t.pass('no vectors', { skip: `${directory} does not exist` })
}

function bytesOf (name: string): Buffer {
  return readFileSync(join(directory, name))
}

function checkPse (t: Test, file: string, { pin, key, version, cert_sha256: fingerprint, issuer, subject }: Expected): void {
  if (key?.type === 'DSA') {
    t.throws(() => readIdentity(bytesOf(file), { file, pin }), { code: 'POSTERN_ERR_IDENTITY_KEY_DSA' })
    return
  }
  const { certificate, privateKey, chain, trusted, source } = readIdentity(bytesOf(file), { file, pin })
  t.equal(source.format, `pse-v${version}`)
  if (pin !== null) t.throws(() => readIdentity(bytesOf(file), { file, pin: `${pin}1` }), { code: 'POSTERN_ERR_PSE_PIN_WRONG' })
  if (key === null || key === undefined) {
    t.match({ certificate, privateKey, chain, trusted }, { certificate: null, privateKey: null, chain: [], trusted: [] })
    return
  }
  t.equal(createHash('sha256').update(certificate!).digest('hex'), fingerprint)
  t.equal(new X509Certificate(certificate!).checkPrivateKey(privateKey!), true)
  t.equal(createPublicKey(privateKey!).asymmetricKeyDetails?.modulusLength, key.bits)
  t.equal(chain.length, issuer === subject ? 0 : 1)
  t.equal(trusted.length, 1)
  if (issuer === subject) t.strictSame(trusted, [certificate], 'the root is rebuilt byte for byte')
}

function checkCredential (t: Test, file: string, { pin, pse_path: pse, user }: Expected): void {
  const read = (user: string) => readPin(bytesOf(file), { file, pse: pse!, user })
  if (pin === null) {
    t.throws(() => read('username'), { code: 'POSTERN_ERR_CREDV2_WINDOWS_ONLY' })
    return
  }
  t.equal(read(user ?? 'username'), pin)
  t.throws(() => read('another'), { code: 'POSTERN_ERR_CREDV2_WRONG_USER' })
}

/** `20180218185308Z` */
function timeOf (text: string): Date {
  return new Date(text.replace(/^(....)(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
}

/** What stands behind the identifier of the encryption: SEQUENCE { OCTET STRING of 8 bytes, ... }. */
function saltOf (bytes: Buffer): Buffer {
  const start = bytes.indexOf(Buffer.from('060a2a864886f70d010c0103', 'hex')) + 12 + 4
  return bytes.subarray(start, start + 8)
}

function rewritePse (t: Test, file: string, { pin, version, iterations = 10_000, content, objects, key }: Expected): void {
  const bytes = bytesOf(file)
  const [created, objectsCreated] = [timeOf(content!.created), timeOf(objects![0]!.created!)]
  const seal = { pin, version: version as 2 | 4, iterations, random: () => saltOf(bytes) }
  if (key?.type !== 'DSA') {
    const { identity, rest } = readIdentityWithWarnings(bytes, { file, pin })
    t.ok(writePse(identity, { ...seal, created, objectsCreated, rest: rest! }).equals(bytes), 'read and written: byte for byte the same')
    t.ok(writePse(identity, { ...seal, created, objectsCreated }).equals(bytes), 'there is nothing beside the identity')
    return
  }
  // a DSA key is no identity of TLS; everything around it is put together from its parts
  const found = readDer(bytes, what => new TypeError(what)).child(1).child(-1).children.map(object => [object.child(0).content.toString(), object.child(-1)] as const)
  const certificate = readFileSync(join(directory, 'sapsso2.crt'))
  const der = new X509Certificate(certificate).raw
  const values = { SKnew: new Map(found).get('SKnew')!.encoded, Cert: der, CertList: derSet(der), PKRoot: encodeRoot(der)! }
  const encoded = Object.entries(values).map(([name, value]) => encodeObject(name as keyof typeof values, objectsCreated, value))
  t.ok(sealPse(algorithm => derSequence(algorithm, derTime(created), derInteger(1), derSet(...encoded)), seal).equals(bytes))
}

function rewriteCredential (t: Test, file: string, { pin, pse_path: pse, user, restriction }: Expected): void {
  const bytes = bytesOf(file)
  const owner = user ?? restriction!.replace(/^\(user=(.*)\)$/, '$1')
  const [record] = readRecords(bytes, file)
  const [listed] = listCredentials(bytes, { file, user: owner })
  t.match(listed, { pse, own: true, name: 'CN=PSEOwner' })
  const { kind } = listed as { kind: CredentialKind }
  const random = randomOf(kind, record!.cipher)
  // the subject of the record is a PrintableString; the public certificate with the same text has another encoding
  const certificate = unsignedCertificate(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey, 'PSEOwner')
  const written = writeCredential(null, { pse: pse!, user: owner, pin: pin!, certificate }, { file, kind, random: () => random.shift()! })
  t.ok(written.equals(bytes), `${kind}: byte for byte the same`)
  t.ok(writeCredential(bytes, { pse: '/another.pse', user: owner, pin: '1', certificate: null }, { file }).includes(record!.encoded), 'stays as it is beside another')
}

/** What CommonCryptoLib drew: salt and vector stand in the record; of LPS they are in the worked example of the format description. */
function randomOf (kind: CredentialKind, cipher: Buffer): Buffer[] {
  if (kind === '3des-v0') return []
  if (kind === 'lps-int') return ['bdaf7c6221e8d6e8a529138d115f2ba4', 'd99e25fe8a'].map(hex => Buffer.from(hex, 'hex'))
  return [cipher.subarray(4, 20), cipher.subarray(20, 36)]
}
