import t from 'tap'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readDer, type DerValue } from '../../src/pse/der-value.ts'
import type { IdentityContent } from '../../src/pse/identity.ts'
import { readIdentityWithWarnings } from '../../src/pse/read-identity.ts'
import { encodeRoot } from '../../src/pse/pse-trust.ts'
import { writePse, type PseWriteOptions } from '../../src/pse/write-pse.ts'
import { bits, octets, oid, seq } from '../helpers/der.ts'
import { mintPse, pseObject, rsaPseKey, toBeSigned, unsignedCertificate } from '../helpers/mint-pse.ts'
import { mintPki } from '../helpers/pki.ts'

const pki = await mintPki(t)
const rsa = await pki.issue({ subject: 'CN=rsa, O=Example, C=DE', issuer: pki.intermediate, keyType: 'RSA' })
const selfSigned = await pki.issue({ subject: 'CN=self', issuer: null, keyType: 'RSA' })
const partner = await mintPki(t, { rootSubject: 'CN=Partner CA' })
const oldRoot = await pki.issue({ subject: 'CN=Old Root', issuer: null, ca: true, version1: true, keyType: 'RSA' })

const own: IdentityContent = { privateKey: rsa.key, certificate: rsa.der, chain: [pki.intermediate.der, pki.root.der], trusted: [pki.root.der, partner.root.der] }
const trustOnly = (...trusted: Buffer[]): IdentityContent => ({ privateKey: null, certificate: null, chain: [], trusted })
const salt = Buffer.from('0102030405060708', 'hex')
// what mintPse, which was written apart from the writer, uses
const fixed = { created: new Date('2025-01-01T00:00:00Z'), random: () => salt, iterations: 1000 }
const write = (identity: IdentityContent, options: Partial<PseWriteOptions> = {}) => writePse(identity, { ...fixed, pin: null, ...options })
const read = (bytes: Buffer, pin: string | null = null) => readIdentityWithWarnings(bytes, { file: 'a.pse', pin })

/** The objects of a PSE without PIN, by name. */
function objectsOf (bytes: Buffer): Map<string, DerValue> {
  const content = readDer(bytes, what => new Error(what)).child(1)
  return new Map(content.child(-1).children.map(object => [object.child(0).content.toString(), object.child(-1)]))
}

t.test('writes what the other writer writes, byte for byte', async t => {
  const parts = { key: rsaPseKey(rsa.key), certificate: rsa.der, root: pki.root.der, path: [pki.intermediate.der], trusted: [toBeSigned(partner.root.der)], certList: [rsa.der, partner.root.der] }
  for (const version of [2, 4] as const) {
    for (const pin of [null, '1234567890']) {
      t.strictSame(write(own, { version, pin }), mintPse({ ...parts, version, pin }), `version ${version}, ${pin === null ? 'no PIN' : 'PIN'}`)
    }
  }
})

t.test('a self-signed certificate is its own root, as in the files of SAP', async t => {
  const bytes = write({ privateKey: selfSigned.key, certificate: selfSigned.der, chain: [], trusted: [selfSigned.der] })
  t.strictSame(bytes, mintPse({ key: rsaPseKey(selfSigned.key), certificate: selfSigned.der, root: selfSigned.der, certList: [selfSigned.der] }))
})

t.test('the verifier and the first bytes are those of the file of CommonCryptoLib', async t => {
  // the worked example of the format description: PIN, salt and iterations of pse_v2_lps_off_pbes1_3des_sha1.pse
  const bytes = write(own, { pin: '1234567980', random: () => Buffer.from('77cb6908be860865', 'hex'), iterations: 10_000 })
  t.match(bytes.toString('hex'), /^3082....020102a082....041024ee62740976ada0e7a41ade3552ee42301c060a2a864886f70d010c0103300e040877cb6908be8608650202271004/)
})

t.test('has salt of the system, the iterations of SAP and the present time by default', async t => {
  const [a, b] = [writePse(own, { pin: 'pin' }), writePse(own, { pin: 'pin' })] as const
  t.notOk(a.equals(b))
  t.ok(a.includes(Buffer.concat([Buffer.from('0202', 'hex'), Buffer.from([10_000 >> 8, 10_000 & 0xff])])))
  const plain = writePse(own, { pin: null })
  const time = readDer(plain, what => new Error(what)).child(1).child(1).content.toString()
  const written = Date.parse(time.replace(/(....)(..)(..)(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6Z'))
  t.ok(Math.abs(Date.now() - written) < 60_000, time)
})

t.test('the time of the objects can be another one than that of the file', async t => {
  const content = readDer(write(own, { objectsCreated: new Date('2024-02-03T04:05:06Z') }), what => new Error(what)).child(1)
  t.equal(content.child(1).content.toString(), '20250101000000Z')
  t.strictSame(new Set(content.child(-1).children.map(object => object.child(1).content.toString())), new Set(['20240203040506Z']))
})

t.test('a verify PSE has the lists only', async t => {
  const bytes = write(trustOnly(pki.root.der, partner.intermediate.der))
  t.strictSame([...objectsOf(bytes).keys()].sort(), ['CertList', 'PKList'])
  t.match(read(bytes), { identity: { privateKey: null, certificate: null, chain: [] }, warnings: [] })
  t.strictSame(sorted(read(bytes).identity.trusted), sorted([pki.root.der, partner.intermediate.der]))
  t.strictSame(read(write(trustOnly())).identity.trusted, [], 'an empty one')
})

function sorted (certificates: readonly Buffer[]): string[] {
  return certificates.map(der => der.toString('hex')).sort()
}

t.test('a root that is not trusted is not written where it would be', async t => {
  const bytes = write({ ...own, trusted: [partner.root.der] })
  t.notOk(objectsOf(bytes).has('PKRoot'))
  t.strictSame(objectsOf(bytes).get('FCPath')!.children.length, 2)
  t.strictSame(read(bytes).identity.chain, own.chain)
  t.strictSame(read(bytes).identity.trusted, [partner.root.der])
})

t.test('a root that PKRoot has no place for goes into the lists', async t => {
  const issued = await pki.issue({ subject: 'CN=below', issuer: oldRoot, keyType: 'RSA' })
  const bytes = write({ privateKey: issued.key, certificate: issued.der, chain: [oldRoot.der], trusted: [oldRoot.der] })
  t.strictSame([...objectsOf(bytes).keys()].sort(), ['Cert', 'CertList', 'FCPath', 'PKList', 'SKnew'])
  t.strictSame(read(bytes).identity.chain, [oldRoot.der])
  t.strictSame(read(bytes).identity.trusted, [oldRoot.der])
})

t.test('the highest certificate of a chain without root is no root, trusted or not', async t => {
  const bytes = write({ ...own, chain: [pki.intermediate.der], trusted: [pki.intermediate.der] })
  t.notOk(objectsOf(bytes).has('PKRoot'))
  t.strictSame(read(bytes).identity.trusted, [pki.intermediate.der])
})

t.test('a bare anchor stays one', async t => {
  const bare = read(mintPse({ trusted: [toBeSigned(pki.root.der)] })).identity
  const bytes = write(bare)
  t.notOk(objectsOf(bytes).has('CertList'))
  t.strictSame(read(bytes).identity.trusted, bare.trusted)
  t.match(read(bytes).warnings, [{ code: 'POSTERN_WARN_PSE_TRUST_BARE' }])
})

t.test('keeps what the file that is replaced has beside its identity', async t => {
  const serial = pseObject('SerialNo', '1.3.36.2.10.1', octets(Buffer.from([7])))
  const parts = { key: rsaPseKey(rsa.key), certificate: rsa.der, root: pki.root.der, path: [pki.intermediate.der] }
  const before = mintPse({ ...parts, trusted: [toBeSigned(partner.intermediate.der)], certList: [rsa.der, oldRoot.der], more: [serial] })
  const { identity, rest } = read(before)
  t.strictSame(write(identity, { rest: rest! }), before)
  t.strictSame(identity.trusted, [pki.root.der], 'the entry is no use as an anchor, and stays in the list')
})

t.test('keeps the form of a trust list of complete certificates', async t => {
  const bare = toBeSigned(pki.root.der)
  const before = mintPse({ trusted: [partner.root.der, bare] })
  const { identity, rest } = read(before)
  const entries = objectsOf(write(identity, { rest: rest! })).get('PKList')!.children.map(({ encoded }) => encoded)
  t.strictSame(sorted(entries), sorted([partner.root.der, bare]))
})

t.test('a certificate without key stays in a verify PSE, and gives way to a new one', async t => {
  const before = mintPse({ certificate: rsa.der, path: [pki.intermediate.der], root: pki.root.der, trusted: [toBeSigned(partner.root.der)], certList: [partner.root.der] })
  const { identity, rest } = read(before)
  const after = write(identity, { rest: rest! })
  t.strictSame([...objectsOf(after).keys()].sort(), ['Cert', 'CertList', 'FCPath', 'PKList'])
  t.strictSame(sorted(read(after).identity.trusted), sorted(identity.trusted))
  const withKey = write({ ...own, privateKey: selfSigned.key, certificate: selfSigned.der }, { rest: rest! })
  t.strictSame(read(withKey).identity.certificate, selfSigned.der)
})

t.test('refuses keys whose form in a PSE is not known, and says what takes them', async t => {
  const keys: Array<[string, KeyObject]> = [
    ['ec', pki.server.key],
    ['rsa-pss', generateKeyPairSync('rsa-pss', { modulusLength: 1024 }).privateKey],
    ['ed25519', generateKeyPairSync('ed25519').privateKey]
  ]
  for (const [type, privateKey] of keys) {
    t.throws(() => write({ ...own, privateKey }), { code: 'POSTERN_ERR_PSE_KEY_UNWRITABLE', message: new RegExp(`type ${type} .*PKCS#12 or PEM`) })
  }
})

t.test('refuses PINs that another reader may turn into other bytes', async t => {
  const rows: Array<[pin: string, message: RegExp]> = [
    ['', /a PSE: it is empty/], ['Übung', /other characters than ASCII/], ['a\nb', /control characters/], ['x'.repeat(257), /257 characters/]
  ]
  for (const [pin, message] of rows) {
    t.throws(() => write(own, { pin }), { code: 'POSTERN_ERR_IDENTITY_PIN_UNWRITABLE', message })
    t.throws(() => write(own, { pin, version: 4 }), { code: 'POSTERN_ERR_IDENTITY_PIN_UNWRITABLE', message })
  }
})

t.test('refuses counts that a reader refuses', async t => {
  for (const iterations of [0, -1, 3_000_001]) t.throws(() => write(own, { iterations, pin: 'a' }), { code: 'POSTERN_ERR_IDENTITY_ITERATIONS' }, String(iterations))
})

t.test('no PIN is in a message', async t => {
  try {
    write(own, { pin: 'Geheim-Wört' })
    t.fail('written')
  } catch (error) {
    t.notMatch((error as Error).message, 'Geheim')
  }
})

t.test('a certificate that is none is refused', async t => {
  for (const broken of [Buffer.from('none'), Buffer.alloc(0)]) t.throws(() => write(trustOnly(broken)), { code: 'POSTERN_ERR_X509_CERTIFICATE_INVALID' })
})

t.test('PKRoot is not made of a root that could not be put together again', async t => {
  // two names of the signature's algorithm, one in the certificate and one outside of it
  const key = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const body = readDer(unsignedCertificate(key.publicKey), what => new Error(what)).child(0).encoded
  t.equal(encodeRoot(seq(body, seq(oid('1.2.840.10045.4.3.3')), bits(Buffer.alloc(8)))), null)
  t.equal(encodeRoot(pki.intermediate.der), null, 'another issuer')
  t.equal(encodeRoot(oldRoot.der), null, 'version 1')
  t.ok(encodeRoot(pki.root.der))
  t.ok(encodeRoot(unsignedCertificate(key.publicKey)), 'without extensions')
  t.throws(() => encodeRoot(Buffer.from('none')), { code: 'POSTERN_ERR_X509_CERTIFICATE_INVALID' })
})
