/** Files of less than a megabyte that ask for as much work and memory as they can: each ends soon, in an error that says why or in a result. */
import t from 'tap'
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { readPin } from '../../src/pse/cred-v2.ts'
import { encodeDer } from '../../src/pse/der-value.ts'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { readTrustFile } from '../../src/pse/trust-file.ts'
import { listCredentials, writeCredential } from '../../src/pse/write-cred-v2.ts'
import { readRevocationLists } from '../../src/revocation/read-lists.ts'
import { bits, context, generalizedTime, ia5, int, none, octets, oid, printable, seq, set } from '../helpers/der.ts'
import { encryptPbes2, mintPkcs12, pemBlock } from '../helpers/mint-pkcs12.ts'
import { mintPse, pseKey } from '../helpers/mint-pse.ts'

/** CPU time, in seconds: none took two, where unbounded ones took fifteen and more. A slower machine has time for its own. */
const maxSeconds = 8
const maxMebibytes = 1024
const pin = 'Geheim-Wort'
const file = 'a'
const data = '1.2.840.113549.1.7.1'
const pse = '/sec/a.pse'

const many = (count: number, part: Buffer) => Buffer.concat(Array<Buffer>(count).fill(part))
const list = (count: number, part: Buffer) => encodeDer(0x30, many(count, part))
const pfx = (...sections: readonly Buffer[]) => seq(int(3), seq(oid(data), context(0, octets(seq(...sections)))))
const section = (bags: Buffer) => seq(oid(data), context(0, octets(bags)))
const open = (bytes: Buffer) => readIdentity(bytes, { file, pin })

const ec = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const name = (text: string) => seq(set(seq(oid('2.5.4.3'), printable(text))))
const ecdsa = seq(oid('1.2.840.10045.4.3.2'))
const validity = seq(generalizedTime('20250101000000Z'), generalizedTime('20990101000000Z'))
let serialNumber = 0

/** A certificate as small as they are; with `spki`, of a key that nobody has, and with a signature of nothing. */
function certificate ({ subject, issuer, publicKey, signer, encodedName, algorithm = ecdsa }: { subject: string, issuer: string, publicKey: KeyObject | Buffer, signer?: KeyObject, encodedName?: Buffer, algorithm?: Buffer }): Buffer {
  const spki = Buffer.isBuffer(publicKey) ? publicKey : publicKey.export({ type: 'spki', format: 'der' })
  const body = seq(context(0, int(2)), int(++serialNumber), algorithm, encodedName ?? name(issuer), validity, encodedName ?? name(subject), spki)
  return seq(body, algorithm, bits(signer === undefined ? Buffer.alloc(384, 1) : sign('sha256', body, signer)))
}

/** Each certificate is issued by the next one. */
function pemOfChain (length: number, nameOf: (level: number) => string): Buffer {
  const keys = Array.from({ length }, ec)
  const levels = keys.map(({ publicKey }, i) => certificate({ subject: nameOf(i), issuer: nameOf(i + 1), publicKey, signer: (keys[i + 1] ?? keys[i])!.privateKey }))
  const [own, ...issuers] = levels.map(der => pemBlock('CERTIFICATE', der))
  return Buffer.from([keys[0]!.privateKey.export({ type: 'pkcs8', format: 'pem' }), own, ...issuers.reverse()].join(''))
}

function encryptedKey (keyDerivation: Buffer): Buffer {
  const { algorithm, data } = encryptPbes2(Buffer.alloc(100), { password: pin, keyDerivation })
  return Buffer.from(pemBlock('ENCRYPTED PRIVATE KEY', seq(algorithm, octets(data))))
}

const pbkdf2 = (iterations: number | bigint, hmac: number) => seq(oid('1.2.840.113549.1.5.12'), seq(octets(Buffer.alloc(8)), int(iterations), seq(oid(`1.2.840.113549.2.${hmac}`), none)))
const scrypt = (cost: number, blockSize: number, parallelization: number) => seq(oid('1.3.6.1.4.1.11591.4.11'), seq(octets(Buffer.alloc(8)), int(cost), int(blockSize), int(parallelization)))
const pbmac1 = (derivation: Buffer) => seq(oid('1.2.840.113549.1.5.14'), seq(derivation, seq(oid('1.2.840.113549.2.11'), none)))
const emptyList = (issuer: Buffer) => seq(seq(int(1), ecdsa, issuer, generalizedTime('20250101000000Z')), ecdsa, bits(Buffer.alloc(8)))
const nameOfType = (type: Buffer) => seq(set(seq(type, printable('a'))))
const longNumber = encodeDer(6, Buffer.alloc(900_000, 0x81), Buffer.from([1]))
const manyNumbers = encodeDer(6, Buffer.alloc(900_000, 1))

/** A key on P-521 without its public half, which takes OpenSSL a millisecond to find. */
function smallKey (): Buffer {
  const { d } = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey.export({ format: 'jwk' })
  return seq(int(0), seq(oid('1.2.840.10045.2.1'), oid('1.3.132.0.35')), octets(seq(int(1), octets(Buffer.from(d!, 'base64url')))))
}

function pseOfManyFactors (): Buffer {
  const modulus = 3n * (1n << 2046n) + 3n
  const publicKey = seq(seq(oid('1.2.840.113549.1.1.1'), none), bits(seq(int(modulus), int(65537))))
  return mintPse({ key: pseKey('rsa', list(300_000, int(3))), certificate: certificate({ subject: 'a', issuer: 'a', publicKey }) })
}

/** Verifying with such an exponent takes as long as signing. */
function pemOfSlowKeys (): Buffer {
  const slow = seq(seq(oid('1.2.840.113549.1.1.1'), none), bits(seq(int((1n << 3071n) + 1n), int((1n << 3070n) + 1n))))
  const { privateKey, publicKey } = ec()
  const own = certificate({ subject: 'a', issuer: 'b', publicKey, algorithm: seq(oid('1.2.840.113549.1.1.11'), none) })
  const issuers = Array.from({ length: 500 }, () => certificate({ subject: 'b', issuer: 'b', publicKey: slow }))
  return Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }) + [own, ...issuers].map(der => pemBlock('CERTIFICATE', der)).join(''))
}

const unencrypted = { password: pin, keys: [ec().privateKey], keyEncryption: 'none' } as const

const rows: Array<[what: string, make: () => Buffer, read: (bytes: Buffer) => unknown, expected: RegExp | null]> = [
  ['iterations of a PSE', () => mintPse({ pin, version: 4, iterations: 3_000_000n, content: seq() }), open, /IDENTITY_ITERATIONS/],
  ['as many iterations of a PSE as there may be', () => mintPse({ pin, version: 4, iterations: 333_333n, content: seq() }), open, /PIN_WRONG_OR_DAMAGED/],
  ['iterations of a MAC', () => mintPkcs12({ mac: 'sha512', macIterations: 1_000_001n, ...unencrypted }), open, /IDENTITY_ITERATIONS/],
  ['a MAC and keys that take the rest', () => mintPkcs12({ password: pin, keys: [ec().privateKey], macAlgorithm: pbmac1(pbkdf2(3_000_000, 11)) }), open, /IDENTITY_ITERATIONS/],
  ...[7, 9, 11].map((hmac): typeof rows[number] => [`PBMAC1 with HMAC ${hmac}`, () => mintPkcs12({ ...unencrypted, macAlgorithm: pbmac1(pbkdf2(740_000, hmac)) }), open, /PKCS12_PIN_WRONG/]),
  ...[7, 10, 11].map((hmac): typeof rows[number] => [`PBKDF2 with HMAC ${hmac}`, () => encryptedKey(pbkdf2(1_500_000, hmac)), open, /PEM_PIN_WRONG/]),
  ['PBKDF2 without end', () => encryptedKey(pbkdf2(1n << 64n, 11)), open, /IDENTITY_ITERATIONS/],
  ['scrypt', () => encryptedKey(scrypt(65_536, 15, 3)), open, /PEM_PIN_WRONG/],
  ['scrypt with much memory', () => encryptedKey(scrypt(2 ** 20, 2, 1)), open, /PEM_ENCRYPTION/],
  ['keys', () => pfx(section(list(3000, seq(oid('1.2.840.113549.1.12.10.1.1'), context(0, smallKey()))))), open, /SEVERAL_KEYS/],
  ['sections', () => pfx(...Array<Buffer>(101).fill(section(seq(seq(oid('1.2.840.113549.1.12.10.1.3')))))), open, /more than 100 sections/],
  ['numbers of an RSA key', pseOfManyFactors, open, /RSA, 300000 numbers/],
  ['certificates of one name', () => pemOfChain(800, () => 'X'), open, /IDENTITY_CHAIN/],
  ['a chain of 800 levels', () => pemOfChain(800, level => `X${level}`), open, /IDENTITY_CHAIN/],
  ['keys with long exponents', pemOfSlowKeys, open, /IDENTITY_CHAIN/],
  ['an attribute type of a megabyte', () => certificate({ subject: '', issuer: '', publicKey: ec().publicKey, encodedName: nameOfType(encodeDer(6, Buffer.alloc(400_000, 0x81), Buffer.from([1]))) }), bytes => readTrustFile(bytes, file), /no object identifier/],
  ['an attribute type of a megabyte in a list', () => emptyList(nameOfType(longNumber)), bytes => readRevocationLists(bytes, file), /no object identifier/],
  ['a name of 70 000 parts', () => emptyList(list(70_000, set(seq(oid('2.5.4.3'), printable('a'))))), bytes => readRevocationLists(bytes, file), null],
  ['identifiers in BER', () => seq(oid('1.2.840.113549.1.7.2'), context(0, manyNumbers)), bytes => readTrustFile(bytes, file), /more than 200000 parts/],
  ['an identifier that is a little too long', () => pfx(seq(encodeDer(6, Buffer.alloc(65, 1)))), open, /too long/],
  ['a tag of several bytes', () => pfx(Buffer.from('1f8101020102', 'hex')), open, /more than one byte/],
  ['a length without its bytes', () => pfx(Buffer.from('30', 'hex')), open, /PKCS12_DAMAGED/],
  ...[0x02, 0x0c, 0x16, 0x17, 0x1e].map((tag): typeof rows[number] => [`a value of tag ${tag}`, () => pfx(encodeDer(tag, Buffer.alloc(900_000, 0x31))), open, /a value of 900000 bytes/]),
  ['a time that is none', () => pfx(seq(encodeDer(0x18, Buffer.from('no time')))), open, /not in BER/],
  ['tiny elements', () => pfx(list(450_000, none)), open, /more than 200000 parts/],
  ['PKCS#7 in many blocks', () => Buffer.from(many(4700, Buffer.from(pemBlock('PKCS7', seq(oid('1.2.840.113549.1.7.2'), context(0, list(45, none))))))), bytes => readTrustFile(bytes, file), /more than 200000 parts/],
  ['nested elements', () => Buffer.alloc(1 << 20, Buffer.from('3080', 'hex')), open, /PSE_NOT_DER/],
  ['nested elements in BER', () => Buffer.concat([Buffer.from('30800201033080', 'hex'), oid(data), Buffer.alloc(1 << 20, Buffer.from('a080', 'hex'))]), open, /PKCS12_DAMAGED/],
  ['text that begins blocks', () => Buffer.alloc(1 << 20, '-----BEGIN A-----\n'), open, /PEM_DAMAGED/],
  ['text that begins lists', () => Buffer.alloc(1 << 20, '-----BEGIN X509 CRL-----\n'), bytes => readRevocationLists(bytes, file), /CRL_INVALID/],
  ['tiny lists', () => Buffer.alloc(1 << 20, Buffer.from('3000', 'hex')), bytes => readRevocationLists(bytes, file), /CRL_INVALID/],
  ['an object with a long name', () => mintPse({ content: seq(int(1), set(seq(printable('o'.repeat(900_000)), int(1), int(1)))) }), open, /^.{0,200}$/],
  ['tiny credentials', () => list(80_000, seq(ia5(''), ia5(''), ia5(''), ia5(''), bits())), bytes => listCredentials(bytes, { file, user: 'u' }), null],
  ['tiny credentials, one more', () => list(80_000, seq(ia5(''), ia5(''), ia5(''), ia5(''), bits())), bytes => writeCredential(bytes, { pse, user: 'u', pin, certificate: null }, { file }), null],
  ['credentials of one PSE', () => list(30_000, seq(ia5(''), ia5(''), ia5(pse), ia5(''), bits(Buffer.alloc(8)))), bytes => readPin(bytes, { file, pse, user: 'u' }), /WRONG_USER/]
]

for (const [what, make, read, expected] of rows) {
  t.test(what, async t => {
    const bytes = make()
    t.ok(bytes.length <= 1_100_000, `${bytes.length} bytes`)
    const start = process.cpuUsage()
    const fault = faultOf(() => read(bytes))
    const { user, system } = process.cpuUsage(start)
    const seconds = (user + system) / 1e6
    t.comment(`${seconds.toFixed(2)} s`)
    t.ok(seconds < maxSeconds, `${seconds} s of CPU`)
    if (expected === null) t.equal(fault, null)
    else t.match(fault, expected)
    if (fault !== null) t.match(fault, /^POSTERN_ERR_/)
  })
}

t.test('memory', async t => {
  const mebibytes = Math.round(process.resourceUsage().maxRSS / 1024)
  t.comment(`${mebibytes} MiB at most`)
  t.ok(mebibytes < maxMebibytes, `${mebibytes} MiB`)
})

/** Code and message, `null` for a result. */
function faultOf (read: () => unknown): string | null {
  try {
    read()
    return null
  } catch (error) {
    return `${(error as NodeJS.ErrnoException).code} ${(error as Error).message}`
  }
}
