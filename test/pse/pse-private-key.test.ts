import t from 'tap'
import { generateKeyPairSync, createPublicKey, type KeyObject } from 'node:crypto'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { bits, context, int, none, octets, oid, printable, seq } from '../helpers/der.ts'
import { ecPrivateValue, mintPse, pseKey, rsaPrimes, rsaPseKey, unsignedCertificate } from '../helpers/mint-pse.ts'

const open = (key: Buffer, certificate: Buffer) => readIdentity(mintPse({ key, certificate }), { file: 'a.pse', pin: null }).privateKey
const belongs = (key: KeyObject | null, publicKey: KeyObject) => key !== null && createPublicKey(key).equals(publicKey)

const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
const rsaCertificate = unsignedCertificate(rsa.publicKey)

t.test('makes an RSA key from its primes in either order, as SAP and as SECUDE name the algorithm', async t => {
  const [p, q] = rsaPrimes(rsa.privateKey) as [bigint, bigint]
  for (const key of [rsaPseKey(rsa.privateKey), rsaPseKey(rsa.privateKey, 'smaller-first'), pseKey('secude-rsa', seq(int(p), int(q)))]) {
    const made = open(key, rsaCertificate)
    t.ok(belongs(made, rsa.publicKey))
    t.strictSame(made?.export({ format: 'jwk' }), rsa.privateKey.export({ format: 'jwk' }), 'every number of the key')
  }
})

t.test('takes a longer form of an RSA key if two of its numbers make up the modulus', async t => {
  t.ok(belongs(open(pseKey('rsa', rsa.privateKey.export({ type: 'pkcs1', format: 'der' })), rsaCertificate), rsa.publicKey))
})

t.test('refuses an RSA key for a certificate whose numbers are zero', async t => {
  for (const numbers of [seq(int(0), int(65537)), seq(int(35), int(0))]) {
    const certificate = unsignedCertificate(seq(seq(oid('1.2.840.113549.1.1.1'), none), bits(numbers)))
    t.throws(() => open(pseKey('rsa', seq(int(5), int(7))), certificate), { code: 'POSTERN_ERR_PSE_KEY_MISMATCH' })
  }
})

t.test('refuses an RSA key that is not the certificate\'s, or not understood', async t => {
  const other = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const { n, d } = rsa.privateKey.export({ format: 'jwk' })
  const [modulus, exponent] = [n, d].map(text => int(BigInt(`0x${Buffer.from(text!, 'base64url').toString('hex')}`))) as [Buffer, Buffer]
  const mismatch = { code: 'POSTERN_ERR_PSE_KEY_MISMATCH', message: /^a\.pse/ }
  const encoding = { code: 'POSTERN_ERR_PSE_KEY_ENCODING', message: /^a\.pse/ }
  t.throws(() => open(rsaPseKey(other.privateKey), rsaCertificate), mismatch)
  t.throws(() => open(pseKey('rsa', seq(modulus, int(1))), rsaCertificate), mismatch, 'the modulus and 1 are no primes')
  t.throws(() => open(pseKey('rsa', seq(int(0), int(2))), rsaCertificate), mismatch)
  t.throws(() => open(pseKey('rsa', seq(modulus, exponent, int(3))), rsaCertificate), encoding)
  t.throws(() => open(pseKey('rsa', seq()), rsaCertificate), encoding)
  t.throws(() => open(pseKey('rsa', int(5)), rsaCertificate), encoding)
  t.throws(() => open(pseKey('rsa', seq(printable('p'), printable('q'))), rsaCertificate), encoding)
  t.throws(() => open(pseKey('rsa', Buffer.from('garbage')), rsaCertificate), encoding)
})

t.test('refuses primes to which the certificate\'s exponent has no inverse', async t => {
  // n = 7 * 13, e = 3 divides 7 - 1; and n = 5 * 5, where q has no inverse modulo p
  for (const [n, e, p, q] of [[91n, 3n, 13n, 7n], [25n, 3n, 5n, 5n]] as const) {
    const publicKey = createPublicKey({ key: seq(int(n), int(e)), format: 'der', type: 'pkcs1' })
    t.throws(() => open(pseKey('rsa', seq(int(p), int(q))), unsignedCertificate(publicKey)), { code: 'POSTERN_ERR_PSE_KEY_MISMATCH' })
  }
})

t.test('makes an EC key from each encoding that reproduces the certificate\'s public point', async t => {
  for (const namedCurve of ['P-256', 'P-384', 'P-521']) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
    const d = ecPrivateValue(privateKey)
    const number = int(BigInt(`0x${d.toString('hex')}`))
    const forms = {
      ECPrivateKey: privateKey.export({ type: 'sec1', format: 'der' }),
      'ECPrivateKey without public key': seq(int(1), octets(d)),
      INTEGER: number,
      'OCTET STRING': octets(d),
      'SEQUENCE { INTEGER, ... }': seq(number, context(0, int(1))),
      'SEQUENCE { INTEGER }': seq(number)
    }
    for (const [name, value] of Object.entries(forms)) {
      t.ok(belongs(open(pseKey('ec', value), unsignedCertificate(publicKey)), publicKey), `${namedCurve} ${name}`)
    }
    t.ok(belongs(open(pseKey('1.2.3.4', number), unsignedCertificate(publicKey)), publicKey), `${namedCurve}, whatever the algorithm is called`)
  }
})

t.test('never guesses an EC key', async t => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const certificate = unsignedCertificate(publicKey)
  const encoding = { code: 'POSTERN_ERR_PSE_KEY_ENCODING', message: /^a\.pse.*EC, in an encoding/ }
  const forms = [octets(ecPrivateValue(other.privateKey)), octets(Buffer.alloc(32)), octets(), octets(Buffer.alloc(33, 1)), octets(Buffer.alloc(32, 0xff)),
    printable('d'), seq(), seq(printable('d'))]
  for (const value of forms) t.throws(() => open(pseKey('ec', value), certificate), encoding, value.toString('hex'))
})

t.test('refuses keys that it has no rules for', async t => {
  const secp256k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  t.throws(() => open(pseKey('ec', octets(ecPrivateValue(secp256k1.privateKey))), unsignedCertificate(secp256k1.publicKey)),
    { code: 'POSTERN_ERR_PSE_KEY_ENCODING', message: /secp256k1/ })
  const ed25519 = generateKeyPairSync('ed25519')
  t.throws(() => open(pseKey('1.3.101.112', octets(Buffer.alloc(32))), unsignedCertificate(ed25519.publicKey)),
    { code: 'POSTERN_ERR_PSE_KEY_ENCODING', message: /1\.3\.101\.112, for a certificate with a key of type ed25519/ })
  const unknown = unsignedCertificate(seq(seq(oid('1.2.3')), bits(Buffer.alloc(8))))
  t.throws(() => open(pseKey('1.2.3', int(5)), unknown), { code: 'POSTERN_ERR_PSE_KEY_ENCODING', message: /key of type unknown/ })
  t.throws(() => open(pseKey('dsa', int(5)), rsaCertificate), { code: 'POSTERN_ERR_IDENTITY_KEY_DSA', message: /RSA or EC/ })
  t.throws(() => open(pseKey('rsa', seq(int(3), int(5))), unsignedCertificate(ed25519.publicKey)), { code: 'POSTERN_ERR_PSE_KEY_MISMATCH' })
})

t.test('a key that is no BIT STRING is damage', async t => {
  t.throws(() => open(seq(seq(bits())), rsaCertificate), { code: 'POSTERN_ERR_PSE_DAMAGED' })
})
