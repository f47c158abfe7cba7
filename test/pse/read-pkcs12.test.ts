import t from 'tap'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import tls from 'node:tls'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { context, int, none, octets, oid, printable, seq } from '../helpers/der.ts'
import { encryptedSection, mintPkcs12, shroudedKeyBag, type Pkcs12Parts } from '../helpers/mint-pkcs12.ts'
import { mintPki, type Issued } from '../helpers/pki.ts'

const pki = await mintPki(t)
const partner = await mintPki(t, { rootSubject: 'CN=Partner CA' })
const { server, intermediate, root } = pki
const password = 'Übung 4711'
const whole: Pkcs12Parts = { password, keys: [server.key], certificates: [root.der, server.der, partner.root.der, intermediate.der] }
const read = (bytes: Uint8Array, pin: string | null = password) => readIdentity(bytes, { file: 'id.p12', pin })
const isSameKey = (a: KeyObject | null, b: Issued) => a !== null && createPublicKey(a).equals(createPublicKey(b.key))

t.test('is a whole identity: own certificate by the key, issuers as chain, other CAs as trust', async t => {
  const identity = read(mintPkcs12(whole))
  t.ok(isSameKey(identity.privateKey, server))
  t.strictSame(identity.certificate, server.der)
  t.strictSame(identity.chain, [intermediate.der, root.der])
  t.strictSame(identity.trusted, [partner.root.der])
  t.strictSame(identity.source, { file: 'id.p12', format: 'pkcs12' })
})

t.test('opens every encryption and every MAC that OpenSSL opens as well', async t => {
  for (const encryption of ['none', 'pbe-3des', 'pbe-2des', 'pbes2'] as const) {
    const bytes = mintPkcs12({ ...whole, password: 'ascii', keyEncryption: encryption, certificateEncryption: encryption })
    t.ok(isSameKey(read(bytes, 'ascii').privateKey, server), encryption)
    t.doesNotThrow(() => tls.createSecureContext({ pfx: bytes, passphrase: 'ascii' }), `OpenSSL, ${encryption}`)
  }
  for (const mac of ['sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'pbmac1'] as const) {
    const bytes = mintPkcs12({ ...whole, password: 'ascii', mac })
    t.ok(isSameKey(read(bytes, 'ascii').privateKey, server), mac)
    t.doesNotThrow(() => tls.createSecureContext({ pfx: bytes, passphrase: 'ascii' }), `OpenSSL, ${mac}`)
  }
  t.ok(isSameKey(read(mintPkcs12({ ...whole, macIterations: null })).privateKey, server), 'one iteration by default')
  t.ok(isSameKey(read(mintPkcs12({ ...whole, mac: 'none' })).privateKey, server), 'no MAC')
})

t.test('opens without PIN what has an empty password, no password, or no protection', async t => {
  t.ok(isSameKey(read(mintPkcs12({ ...whole, password: '' }), null).privateKey, server))
  t.ok(isSameKey(read(mintPkcs12({ ...whole, password: '', withoutPassword: true, keyEncryption: 'pbe-3des', certificateEncryption: 'pbe-3des' }), null).privateKey, server))
  const plain = { keyEncryption: 'none', certificateEncryption: 'none', mac: 'none' } as const
  t.ok(isSameKey(read(mintPkcs12({ ...whole, ...plain }), null).privateKey, server))
  t.ok(isSameKey(read(mintPkcs12({ ...whole, ...plain }), 'not needed').privateKey, server))
})

t.test('without a key it is a trust list', async t => {
  t.match(read(mintPkcs12({ password, certificates: [root.der, server.der] })), { privateKey: null, certificate: null, chain: [], trusted: [root.der] })
})

t.test('passes over bags of other kinds', async t => {
  const secret = seq(oid('1.2.840.113549.1.12.10.1.5'), context(0, seq(oid('1.2.3'), context(0, octets(Buffer.from('x'))))))
  t.ok(isSameKey(read(mintPkcs12({ ...whole, bag: secret })).privateKey, server))
})

t.test('reads BER: lengths of indefinite form and strings in pieces', async t => {
  const der = mintPkcs12({ ...whole, keyEncryption: 'none', certificateEncryption: 'none', mac: 'none' })
  t.ok(isSameKey(read(split(der)).privateKey, server))
})

/** The same file with its content in two pieces and in indefinite form. */
function split (der: Buffer): Buffer {
  const start = der.indexOf(Buffer.from('06092a864886f70d010701a0', 'hex'))
  const contentStart = start + 11 + 1 + headerLength(der, start + 12) // behind OID and [0]
  const bytes = der.subarray(contentStart + 1 + headerLength(der, contentStart + 1))
  const middle = Math.floor(bytes.length / 2)
  const indefinite = (tag: number, ...parts: Buffer[]) => Buffer.concat([Buffer.from([tag, 0x80]), ...parts, Buffer.from([0, 0])])
  const string = indefinite(0x24, octets(bytes.subarray(0, middle)), octets(bytes.subarray(middle)))
  return indefinite(0x30, int(3), indefinite(0x30, oid('1.2.840.113549.1.7.1'), indefinite(0xa0, string)))
}

function headerLength (der: Buffer, lengthAt: number): number {
  const first = der[lengthAt]!
  return first < 0x80 ? 1 : 1 + (first & 0x7f)
}

t.test('tells a wrong password from damage', async t => {
  for (const keyEncryption of ['pbe-3des', 'pbes2'] as const) {
    const encryption = { keyEncryption, certificateEncryption: keyEncryption }
    t.throws(() => read(mintPkcs12({ ...whole, ...encryption }), 'wrong'), { code: 'POSTERN_ERR_PKCS12_PIN_WRONG', message: 'id.p12: wrong password (PIN)' })
    t.throws(() => read(mintPkcs12({ ...whole, ...encryption, mac: 'none' }), 'wrong'), { code: 'POSTERN_ERR_PKCS12_PIN_WRONG' })
    const lastByte = (content: Buffer) => Buffer.concat([content.subarray(0, -1), Buffer.from([content.at(-1)! ^ 1])])
    t.throws(() => read(mintPkcs12({ ...whole, ...encryption, tamper: { outside: lastByte } })), { code: 'POSTERN_ERR_PKCS12_DAMAGED', message: /password is right, the MAC is not/ })
    t.throws(() => read(mintPkcs12({ ...whole, ...encryption, tamper: { inside: lastByte } })), { code: 'POSTERN_ERR_PKCS12_DAMAGED', message: /private key is damaged/ })
  }
})

t.test('names what is wrong', async t => {
  const damaged = (section: Buffer) => mintPkcs12({ password, section })
  const certificateBag = (value: Buffer) => seq(oid('1.2.840.113549.1.12.10.1.3'), context(0, seq(oid('1.2.840.113549.1.9.22.1'), context(0, value))))
  const dsa = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey
  const x25519 = generateKeyPairSync('x25519').privateKey
  const emptyAlgorithm = seq(oid('1.2.840.113549.1.5.13'))
  const rows: Array<[what: string, bytes: Buffer, pin: string | null, code: string, message: RegExp]> = [
    ['no PIN', mintPkcs12(whole), null, 'PKCS12_PIN_REQUIRED', /required/],
    ['no PIN and no MAC', mintPkcs12({ ...whole, mac: 'none' }), null, 'PKCS12_PIN_REQUIRED', /required/],
    ['padded by chance', mintPkcs12({ password, mac: 'none', section: encryptedSection(Buffer.from('no BER'), 'pbe-3des', { password }) }), password, 'PKCS12_PIN_WRONG', /wrong/],
    ['RC2', mintPkcs12({ ...whole, certificateEncryption: 'rc2-40' }), password, 'PKCS12_ENCRYPTION', /40BitRC2.*openssl pkcs12 -legacy/],
    ['an unknown digest of the MAC', mintPkcs12({ ...whole, macAlgorithm: seq(oid('1.2.840.113549.2.5'), none) }), password, 'PKCS12_ENCRYPTION', /of the MAC, 1\.2\.840\.113549\.2\.5/],
    ['an unknown digest of PBMAC1', mintPkcs12({ ...whole, macAlgorithm: seq(oid('1.2.840.113549.1.5.14'), seq(seq(oid('1.2')), seq(oid('1.2.3')))) }), password, 'PKCS12_ENCRYPTION', /of the MAC, 1\.2\.3/],
    ['PBMAC1 without parameters', mintPkcs12({ ...whole, macAlgorithm: seq(oid('1.2.840.113549.1.5.14')) }), password, 'PKCS12_DAMAGED', /an element is missing/],
    ['too many iterations', mintPkcs12({ ...whole, macIterations: 3_000_001n }), password, 'IDENTITY_ITERATIONS', /3000001/],
    ['absurd iterations', mintPkcs12({ ...whole, macIterations: 1n << 80n }), password, 'IDENTITY_ITERATIONS', /at least 1/],
    ['no iterations', mintPkcs12({ ...whole, macIterations: 0n }), password, 'IDENTITY_ITERATIONS', /asks for 0/],
    ['two keys', mintPkcs12({ ...whole, keys: [server.key, pki.client.key] }), password, 'PKCS12_SEVERAL_KEYS', /2 private keys; expected one/],
    ['a key alone', mintPkcs12({ password, keys: [server.key] }), password, 'IDENTITY_NO_CERTIFICATE', /no certificate/],
    ['a key of another certificate', mintPkcs12({ ...whole, keys: [pki.client.key] }), password, 'IDENTITY_KEY_MISMATCH', /belongs to the private key/],
    ['a DSA key', mintPkcs12({ ...whole, keys: [dsa] }), password, 'IDENTITY_KEY_DSA', /DSA/],
    ['a key for key agreement', mintPkcs12({ ...whole, keys: [x25519] }), password, 'IDENTITY_KEY_UNSUPPORTED', /x25519/],
    ['truncated', mintPkcs12(whole).subarray(0, -5), password, 'PKCS12_DAMAGED', /not in BER/],
    ['trailing bytes', Buffer.concat([mintPkcs12(whole), none]), password, 'PKCS12_DAMAGED', /bytes behind the end/],
    ['protected by a signature', seq(int(3), seq(oid('1.2.840.113549.1.7.2'), context(0, seq()))), password, 'PKCS12_MODE', /by a signature/],
    ['protected by a certificate', damaged(seq(oid('1.2.840.113549.1.7.3'), context(0, seq()))), password, 'PKCS12_MODE', /1\.2\.840\.113549\.1\.7\.3/],
    ['protected by a certificate, and no MAC', mintPkcs12({ ...whole, mac: 'none', section: seq(oid('1.2.840.113549.1.7.3'), context(0, seq())) }), password, 'PKCS12_MODE', /1\.2\.840\.113549\.1\.7\.3/],
    ['content that is no string', seq(int(3), seq(oid('1.2.840.113549.1.7.1'), context(0, none))), password, 'PKCS12_DAMAGED', /OCTET STRING expected/],
    ['content of other structure', mintPkcs12({ ...whole, tamper: { inside: () => seq(none) } }), password, 'PKCS12_DAMAGED', /schema/],
    ['content of no structure', mintPkcs12({ ...whole, tamper: { inside: () => Buffer.alloc(3) } }), password, 'PKCS12_DAMAGED', /BER|behind/],
    ['a MAC of other structure', seq(int(3), seq(oid('1.2.840.113549.1.7.1'), context(0, octets(seq()))), int(1)), password, 'PKCS12_DAMAGED', /schema/],
    ['a section of other structure', damaged(seq(oid('1.2.840.113549.1.7.6'), context(0, seq(none)))), password, 'PKCS12_DAMAGED', /./],
    ['an encrypted section of nothing', damaged(seq(oid('1.2.840.113549.1.7.6'), context(0, seq(int(0), seq(oid('1.2.840.113549.1.7.1'), seq(oid('1.2.3'))))))), password, 'PKCS12_DAMAGED', /./],
    ['bags of other structure', damaged(seq(oid('1.2.840.113549.1.7.1'), context(0, octets(seq(none))))), password, 'PKCS12_DAMAGED', /./],
    ['a certificate that is none', mintPkcs12({ password, bag: certificateBag(octets(seq(printable('x')))) }), password, 'PKCS12_DAMAGED', /./],
    ['a bag of unknown type', mintPkcs12({ password, bag: seq(oid('1.2.3'), context(0, none)) }), password, 'PKCS12_DAMAGED', /./],
    ['an encrypted section with broken padding', mintPkcs12({ ...whole, section: shortened(encryptedSection(seq(), 'pbe-3des', { password })) }), password, 'PKCS12_DAMAGED', /padding of an encrypted part/],
    ['a key that decrypts to something else', mintPkcs12({ ...whole, keys: [], bag: shrouded(Buffer.from('no key')) }), password, 'PKCS12_DAMAGED', /private key is damaged/],
    ['a key that decrypts to another structure', mintPkcs12({ ...whole, keys: [], bag: shrouded(seq(int(0), int(1))) }), password, 'PKCS12_DAMAGED', /private key is damaged/],
    ['a key of the right form and no sense', mintPkcs12({ ...whole, keys: [], bag: shrouded(seq(int(0), seq(oid('1.2.3')), octets())) }), password, 'PKCS12_DAMAGED', /cannot be read/],
    ['encryption without parameters', mintPkcs12({ ...whole, keys: [], bag: shroudedKeyBag(emptyAlgorithm, Buffer.alloc(16)) }), password, 'PKCS12_DAMAGED', /parameters of the encryption are missing/]
  ]
  for (const [what, bytes, pin, expected, message] of rows) t.throws(() => read(bytes, pin), { code: `POSTERN_ERR_${expected}`, message }, what)
})

/** The shrouded key bag of something that need not be a key. */
function shrouded (plain: Buffer): Buffer {
  const section = encryptedSection(plain, 'pbe-3des', { password })
  const algorithm = section.indexOf(Buffer.from('301b060a2a864886f70d010c0103', 'hex'))
  const algorithmEnd = algorithm + 2 + section[algorithm + 1]!
  return shroudedKeyBag(section.subarray(algorithm, algorithmEnd), section.subarray(algorithmEnd + 2))
}

/** The section with another block in place of its last. */
function shortened (section: Buffer): Buffer {
  return Buffer.concat([section.subarray(0, -8), Buffer.alloc(8, 0x77)])
}
