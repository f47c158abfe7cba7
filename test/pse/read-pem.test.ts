import t from 'tap'
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { bits, int, none, octets, oid, printable, seq } from '../helpers/der.ts'
import { unsignedCertificate } from '../helpers/mint-pse.ts'
import { encryptPbes2, mintPkcs7, pemBlock, type Pbes2Parts } from '../helpers/mint-pkcs12.ts'
import { mintPki, type Issued } from '../helpers/pki.ts'

const pki = await mintPki(t)
const partner = await mintPki(t, { rootSubject: 'CN=Partner CA' })
const { server, intermediate, root } = pki
const passphrase = 'Geheim 4711'
const read = (text: string | Buffer, pin: string | null = null) => readIdentity(Buffer.from(text), { file: 'id.pem', pin })
const isSameKey = (a: KeyObject | null, b: Issued) => a !== null && createPublicKey(a).equals(createPublicKey(b.key))

t.test('is a whole identity: own certificate by the key, issuers as chain, other CAs as trust, in any order', async t => {
  const blocks = [server.keyPem, server.certPem, intermediate.certPem, root.certPem, partner.root.certPem, pki.client.certPem]
  for (const order of [blocks, [...blocks].reverse()]) {
    const identity = read(order.join('text between the blocks\n'))
    t.ok(isSameKey(identity.privateKey, server))
    t.strictSame(identity.certificate, server.der)
    t.strictSame(identity.chain, [intermediate.der, root.der])
    t.strictSame(identity.trusted, [partner.root.der], 'neither the own root nor another server is trusted')
    t.strictSame(identity.source, { file: 'id.pem', format: 'pem' })
  }
})

t.test('no form of an issuer that is cross-signed becomes trust', async t => {
  const other = await pki.issue({ subject: 'CN=Public CA', issuer: null, ca: true })
  const crossRoot = await pki.issue({ subject: 'CN=Root CA, O=Example, C=DE', issuer: other, ca: true, keyOf: root })
  const crossIntermediate = await pki.issue({ subject: 'CN=Issuing CA, O=Example, C=DE', issuer: other, ca: true, keyOf: intermediate })
  const certificates = [crossRoot, root, intermediate, crossIntermediate, other]
  const identity = read([server, ...certificates, partner.root].map(one => one.certPem).join('') + server.keyPem)
  t.strictSame(identity.trusted, [partner.root.der])
  t.strictSame(identity.chain, [intermediate.der, crossRoot.der, other.der])
  const shorter = read([server, root, crossRoot, intermediate, other].map(one => one.certPem).join('') + server.keyPem)
  t.strictSame(shorter.chain, [intermediate.der, root.der], 'a root ends the chain')
  t.strictSame(shorter.trusted, [])
})

t.test('a CA of the same name and another key is no issuer', async t => {
  const impostor = await mintPki(t)
  const identity = read([server, impostor.intermediate, intermediate].map(one => one.certPem).join('') + server.keyPem)
  t.strictSame(identity.chain, [intermediate.der])
  t.strictSame(identity.trusted, [impostor.intermediate.der])
})

t.test('an issuer whose key OpenSSL cannot verify with leads nowhere', async t => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const certificate = unsignedCertificate(publicKey)
  const sameName = [generateKeyPairSync('x25519').publicKey, seq(seq(oid('1.2.3')), bits(Buffer.alloc(8)))].map(key => pemBlock('CERTIFICATE', unsignedCertificate(key)))
  const identity = read(pemBlock('CERTIFICATE', certificate) + sameName.join('') + privateKey.export({ type: 'sec1', format: 'pem' }).toString())
  t.match(identity, { certificate, chain: [], trusted: [] })
})

t.test('without a key it is a trust list', async t => {
  t.match(read(root.certPem + server.certPem + root.certPem), { privateKey: null, certificate: null, chain: [], trusted: [root.der] })
})

t.test('takes certificates out of PKCS#7 blocks and by the old label', async t => {
  for (const text of [pemBlock('PKCS7', mintPkcs7(server.der, intermediate.der)), pemBlock('CMS', mintPkcs7(server.der, intermediate.der)),
    pemBlock('X509 CERTIFICATE', server.der) + intermediate.certPem + pemBlock('DH PARAMETERS', seq(int(5), int(2)))]) {
    t.strictSame(read(server.keyPem + text).chain, [intermediate.der])
  }
})

t.test('reads keys in each form', async t => {
  const rsa = await pki.issue({ subject: 'CN=rsa', issuer: intermediate, keyType: 'RSA' })
  const exported = (key: KeyObject, options: object) => String((key.export as (options: object) => string)({ format: 'pem', ...options }))
  for (const [one, type] of [[server, 'pkcs8'], [server, 'sec1'], [rsa, 'pkcs8'], [rsa, 'pkcs1']] as const) {
    t.ok(isSameKey(read(one.certPem + exported(one.key, { type })).privateKey, one), type)
    t.ok(isSameKey(read(one.certPem + exported(one.key, { type, cipher: 'aes-256-cbc', passphrase }), passphrase).privateKey, one), `${type}, encrypted`)
  }
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  t.ok(read(pemBlock('CERTIFICATE', unsignedCertificate(publicKey)) + exported(privateKey, { type: 'pkcs8' })).privateKey, 'Ed25519')
})

t.test('lines may end as on Windows', async t => {
  t.ok(isSameKey(read((server.certPem + server.keyPem).replaceAll('\n', '\r\n')).privateKey, server))
})

/** The encrypted key as OpenSSL and we see it. */
function encryptedKey (parts: Omit<Pbes2Parts, 'password'> & { plain?: Buffer }): string {
  const { algorithm, data } = encryptPbes2(parts.plain ?? server.key.export({ type: 'pkcs8', format: 'der' }), { password: passphrase, ...parts })
  return pemBlock('ENCRYPTED PRIVATE KEY', seq(algorithm, octets(data)))
}

t.test('opens every cipher and key derivation of PBES2 that OpenSSL opens as well', async t => {
  const variants: Array<Omit<Pbes2Parts, 'password'>> = [
    ...(['des-ede3-cbc', 'aes-128-cbc', 'aes-192-cbc', 'aes-256-cbc'] as const).map(cipher => ({ cipher })),
    ...(['sha1', 'sha224', 'sha256', 'sha384', 'sha512', null] as const).map(digest => ({ digest })),
    { scrypt: { cost: 1024, blockSize: 8, parallelization: 1 } }
  ]
  for (const variant of variants) {
    const key = encryptedKey(variant)
    t.ok(createPublicKey(createPrivateKey({ key, passphrase })).equals(createPublicKey(server.key)), `OpenSSL, ${JSON.stringify(variant)}`)
    t.ok(isSameKey(read(server.certPem + key, passphrase).privateKey, server), JSON.stringify(variant))
  }
})

t.test('names what is wrong', async t => {
  const { certPem, keyPem } = server
  const traditional = server.key.export({ type: 'sec1', format: 'pem', cipher: 'aes-128-cbc', passphrase }).toString()
  const dsa = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey
  const pbkdf2 = (...parameters: Buffer[]) => ({ keyDerivation: seq(oid('1.2.840.113549.1.5.12'), seq(...parameters)) })
  const scrypt = (cost: number, blockSize: number, parallelization: number) =>
    ({ keyDerivation: seq(oid('1.3.6.1.4.1.11591.4.11'), seq(octets(Buffer.from('salt')), int(cost), int(blockSize), int(parallelization))) })
  const salt = octets(Buffer.alloc(8))
  const rows: Array<[what: string, text: string, pin: string | null, code: string, message: RegExp]> = [
    ['no PIN', encryptedKey({}), null, 'PEM_PIN_REQUIRED', /required/],
    ['no PIN, old form', traditional, null, 'PEM_PIN_REQUIRED', /required/],
    ['another PIN', encryptedKey({}), 'wrong', 'PEM_PIN_WRONG', /wrong/],
    ['another PIN, old form', traditional, 'wrong', 'PEM_PIN_WRONG', /wrong/],
    ['something else decrypted', encryptedKey({ plain: Buffer.from('not a key') }), passphrase, 'PEM_PIN_WRONG', /wrong/],
    ['a key of no sense', encryptedKey({ plain: seq(int(0), seq(oid('1.2.3')), octets()) }), passphrase, 'PEM_DAMAGED', /cannot be read/],
    ['DES', encryptedKey({ encryption: seq(oid('1.3.14.3.2.7'), octets(Buffer.alloc(8))) }), passphrase, 'PEM_ENCRYPTION', /DES-CBC \(1\.3\.14\.3\.2\.7\)/],
    ['an unknown cipher, old form', traditional.replace('AES-128-CBC', 'FOO-128-CBC'), passphrase, 'PEM_ENCRYPTION', /FOO-128-CBC/],
    ['an unknown key derivation', encryptedKey({ keyDerivation: seq(oid('1.2.3'), none) }), passphrase, 'PEM_ENCRYPTION', /1\.2\.3/],
    ['an unknown digest', encryptedKey(pbkdf2(salt, int(1), seq(oid('1.2.4')))), passphrase, 'PEM_ENCRYPTION', /1\.2\.4/],
    ['scrypt that OpenSSL refuses', encryptedKey(scrypt(3, 8, 1)), passphrase, 'PEM_ENCRYPTION', /scrypt with N=3, r=8, p=1/],
    ['scrypt with much memory', encryptedKey(scrypt(1 << 20, 2, 1)), passphrase, 'PEM_ENCRYPTION', /scrypt with N=1048576/],
    ['scrypt with much work', encryptedKey(scrypt(1 << 20, 8, 1)), passphrase, 'IDENTITY_ITERATIONS', /8388608/],
    ['much work', encryptedKey(pbkdf2(salt, int(3_000_001))), passphrase, 'IDENTITY_ITERATIONS', /3000001/],
    ['no parameters', encryptedKey({ keyDerivation: seq(oid('1.2.840.113549.1.5.12')) }), passphrase, 'PEM_DAMAGED', /parameters of the key derivation/],
    ['a short initialisation vector', encryptedKey({ encryption: seq(oid('2.16.840.1.101.3.4.1.42'), octets(Buffer.alloc(8))) }), passphrase, 'PEM_DAMAGED', /initialisation vector.*, at byte \d+/],
    ['no initialisation vector', encryptedKey({ encryption: seq(oid('2.16.840.1.101.3.4.1.42')) }), passphrase, 'PEM_DAMAGED', /initialisation vector/],
    ['an encrypted key that is no DER', pemBlock('ENCRYPTED PRIVATE KEY', Buffer.from('no DER')), passphrase, 'PEM_DAMAGED', /encrypted private key: /],
    ['a key that is none', certPem + pemBlock('PRIVATE KEY', seq(int(0))), null, 'PEM_DAMAGED', /cannot be read/],
    ['an EC key that is none', certPem + pemBlock('EC PRIVATE KEY', seq(int(0))), null, 'PEM_DAMAGED', /cannot be read/],
    ['a key of OpenSSH', certPem + pemBlock('OPENSSH PRIVATE KEY', seq(int(0))), null, 'IDENTITY_KEY_UNSUPPORTED', /OPENSSH PRIVATE KEY/],
    ['a DSA key', certPem + dsa.export({ type: 'pkcs8', format: 'pem' }), null, 'IDENTITY_KEY_DSA', /DSA/],
    ['two keys', certPem + keyPem + pki.client.keyPem, null, 'PEM_SEVERAL_KEYS', /2 private keys/],
    ['no certificate', keyPem, null, 'IDENTITY_NO_CERTIFICATE', /no certificate/],
    ['another certificate', keyPem + pki.client.certPem, null, 'IDENTITY_KEY_MISMATCH', /belongs/],
    ['neither key nor certificate', pemBlock('CERTIFICATE REQUEST', seq(int(0))), null, 'PEM_EMPTY', /holds: CERTIFICATE REQUEST/],
    ['a block without end', certPem + keyPem.replace('-----END', '-----ENDE'), null, 'PEM_DAMAGED', /the block at byte \d+ has no end/],
    ['a block without label', '-----BEGIN CERTIFICATE', null, 'PEM_DAMAGED', /the block at byte 0 has no end/],
    ['a block that is no Base64', certPem.replace('MI', '**'), null, 'PEM_DAMAGED', /the block at byte 0 is not Base64/],
    ['a block that lacks a character', certPem.replace('MI', 'M'), null, 'PEM_DAMAGED', /the block at byte 0 is not Base64/],
    ['a certificate that is none', pemBlock('CERTIFICATE', seq(printable('x'))), null, 'PEM_DAMAGED', /not an X\.509 certificate/],
    ['PKCS#7 of another kind', pemBlock('PKCS7', seq(oid('1.2.3'))), null, 'PEM_DAMAGED', /signed data expected/],
    ['PKCS#7 that is no BER', pemBlock('PKCS7', Buffer.from('abc')), null, 'PEM_DAMAGED', /BER/]
  ]
  for (const [what, text, pin, expected, message] of rows) t.throws(() => read(text, pin), { code: `POSTERN_ERR_${expected}`, message }, what)
})

t.test('many unfinished blocks take no time', async t => {
  t.throws(() => read('-----BEGIN A-----'.repeat(60_000)), { code: 'POSTERN_ERR_PEM_DAMAGED' })
})
