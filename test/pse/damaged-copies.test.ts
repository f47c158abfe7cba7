/** One sound file, and the copies of it that were damaged: each is told from the others. */
import t from 'tap'
import { createCipheriv, createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { IdentityContent } from '../../src/pse/identity.ts'
import { readPin } from '../../src/pse/cred-v2.ts'
import { readDer, type DerValue } from '../../src/pse/der-value.ts'
import { bmpPassword, deriveKey } from '../../src/pse/pkcs12-kdf.ts'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { writeCredential } from '../../src/pse/write-cred-v2.ts'
import { writePse } from '../../src/pse/write-pse.ts'
import { bits, context, int, octets, oid, seq, set } from '../helpers/der.ts'
import { ecPrivateValue, pseKey } from '../helpers/mint-pse.ts'
import { mintPki } from '../helpers/pki.ts'

const pki = await mintPki(t)
const rsa = await pki.issue({ subject: 'CN=rsa', issuer: pki.intermediate, keyType: 'RSA' })
const other = await pki.issue({ subject: 'CN=other', issuer: pki.intermediate, keyType: 'RSA' })
const identity: IdentityContent = { privateKey: rsa.key, certificate: rsa.der, chain: [pki.intermediate.der, pki.root.der], trusted: [pki.root.der] }
const pin = '1234567890'
const salt = Buffer.from('0102030405060708', 'hex')
const iterations = 100
const write = (version: 2 | 4, pin: string | null) => writePse(identity, { version, pin, iterations, random: () => salt })
const [plain, sealed, plain4, sealed4] = [write(2, null), write(2, pin), write(4, null), write(4, pin)] as const
const read = (bytes: Uint8Array, pin: string | null = null) => readIdentity(bytes, { file: 'a.pse', pin })
const parse = (bytes: Buffer) => readDer(bytes, what => new Error(what))

/** A copy with one byte changed. */
function flipped (bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at < 0 ? bytes.length + at : at]! ^= 1
  return copy
}

/** A copy of the PSE without PIN, with its objects changed. */
function withObjects (change: (name: string, object: DerValue) => Buffer[]): Buffer {
  const content = parse(plain).child(1)
  const [algorithm, time, flags, objects] = content.children as [DerValue, DerValue, DerValue, DerValue]
  const changed = objects.children.flatMap(object => change(object.child(0).content.toString(), object))
  return seq(int(2), seq(algorithm.encoded, time.encoded, flags.encoded, set(...changed)))
}

/** A copy with the value of one object exchanged. */
function withValue (wanted: string, value: Buffer): Buffer {
  return withObjects((name, object) => [name === wanted ? seq(...object.children.slice(0, -1).map(({ encoded }) => encoded), value) : object.encoded])
}

/** A copy with the AlgorithmIdentifier in front of the encrypted content exchanged. */
function withAlgorithm (bytes: Buffer, algorithm: Buffer): Buffer {
  const [version, container] = parse(bytes).children as [DerValue, DerValue]
  const parts = container.children.map(part => part.tag === 0x30 ? algorithm : part.encoded)
  return seq(version.encoded, context(container.tag - 0xa0, ...parts))
}

/** What stands in the file for other content, under the right PIN. */
function encrypted (content: Buffer): Buffer {
  const derive = (purpose: 1 | 2, length: number) => deriveKey({ digest: 'sha1', purpose, password: bmpPassword(pin), salt, iterations, length })
  const cipher = createCipheriv('des-ede3-cbc', derive(1, 24), derive(2, 8))
  return Buffer.concat([cipher.update(content), cipher.final()])
}

/** A copy with other encrypted content. */
function withContent (bytes: Buffer, content: Buffer): Buffer {
  const [version, container] = parse(bytes).children as [DerValue, DerValue]
  const isVersion4 = container.tag === 0xa3
  const parts = container.children.map((part, i) => i === 2 ? octets(encrypted(content)) : part.encoded)
  if (isVersion4) parts[3] = octets(createHash('sha1').update(content).digest())
  return seq(version.encoded, context(container.tag - 0xa0, ...parts))
}

t.test('the sound files open', async t => {
  for (const [bytes, key] of [[plain, null], [plain, pin], [sealed, pin], [plain4, null], [plain4, pin], [sealed4, pin]] as const) t.strictSame(read(bytes, key).certificate, rsa.der)
})

t.test('a PSE', async t => {
  const pbes2 = seq(oid('1.2.840.113549.1.5.13'), seq())
  const rows: Array<[what: string, bytes: Buffer, pin: string | null, code: string, message: RegExp]> = [
    ['not DER', Buffer.concat([Buffer.from([0x30, 0x80]), plain.subarray(4)]), null, 'PSE_NOT_DER', /a length that DER does not have/],
    ['truncated', sealed.subarray(0, -1), pin, 'PSE_NOT_DER', /beyond the end/],
    ['bytes behind the end', Buffer.concat([sealed, Buffer.from([5, 0])]), pin, 'PSE_NOT_DER', /bytes behind the end/],
    ['another version', flipped(plain, 6), null, 'PSE_VERSION', /version 3/],
    ['version 256', seq(int(256), parse(sealed).child(1).encoded), pin, 'PSE_LPS_PROTECTED', /LPS/],
    ['an unknown algorithm', withAlgorithm(sealed, seq(oid('1.2.3.4'))), pin, 'PSE_ENCRYPTION', /1\.2\.3\.4/],
    ['PBES2', withAlgorithm(sealed4, pbes2), pin, 'PSE_ENCRYPTION', /PBES2/],
    ['no PIN, version 2', sealed, null, 'PSE_PIN_REQUIRED', /PIN is required/],
    ['no PIN, version 4', sealed4, null, 'PSE_PIN_REQUIRED', /PIN is required/],
    ['a wrong PIN, version 2', sealed, '4711', 'PSE_PIN_WRONG', /wrong PIN$/],
    ['a changed verifier', flipped(sealed, 13), pin, 'PSE_PIN_WRONG', /wrong PIN$/],
    ['changed salt', withAlgorithm(sealed, seq(oid('1.2.840.113549.1.12.1.3'), seq(octets(Buffer.alloc(8)), int(iterations)))), pin, 'PSE_PIN_WRONG', /wrong PIN$/],
    ['the right PIN and broken padding', flipped(sealed, -9), pin, 'PSE_DAMAGED', /padding/],
    ['the right PIN and content that is no DER', withContent(sealed, Buffer.from('no DER')), pin, 'PSE_DAMAGED', /of the content/],
    ['a wrong PIN, version 4', sealed4, '4711', 'PSE_PIN_WRONG_OR_DAMAGED', /wrong PIN, or the file is damaged/],
    ['changed content, version 4', flipped(sealed4, 100), pin, 'PSE_PIN_WRONG_OR_DAMAGED', /damaged/],
    ['a changed digest, version 4', flipped(sealed4, -1), pin, 'PSE_PIN_WRONG_OR_DAMAGED', /damaged/],
    ['the right PIN, digest and content that is no DER, version 4', withContent(sealed4, Buffer.from('no DER')), pin, 'PSE_DAMAGED', /of the content/],
    ['plain version 4 with another digest', flipped(plain4, -1), null, 'PSE_DAMAGED', /digest/],
    ['a key without certificate', withObjects((name, { encoded }) => name === 'Cert' ? [] : [encoded]), null, 'PSE_NO_CERTIFICATE', /no certificate/],
    ['the certificate of another key', withValue('Cert', other.der), null, 'PSE_KEY_MISMATCH', /do not belong together/],
    ['a key in an unknown encoding', withValue('SKnew', pseKey('1.2.3.4', seq(int(1)))), null, 'PSE_KEY_ENCODING', /unsupported key type or encoding/],
    ['iterations beyond reason', withAlgorithm(sealed, seq(oid('1.2.840.113549.1.12.1.3'), seq(octets(salt), int(1n << 60n)))), pin, 'IDENTITY_ITERATIONS', /iterations/]
  ]
  for (const [what, bytes, key, code, message] of rows) t.throws(() => read(bytes, key), { code: `POSTERN_ERR_${code}`, message }, what)
})

t.test('an EC key in no known encoding is not guessed', async t => {
  const ec = await pki.issue({ subject: 'CN=ec', issuer: pki.intermediate })
  const bytes = withObjects((name, object) => {
    const head = object.children.slice(0, -1).map(({ encoded }) => encoded)
    if (name === 'Cert') return [seq(...head, ec.der)]
    return [name === 'SKnew' ? seq(...head, pseKey('ec', octets(Buffer.from(ecPrivateValue(ec.key)).reverse()))) : object.encoded]
  })
  t.throws(() => read(bytes), { code: 'POSTERN_ERR_PSE_KEY_ENCODING', message: /does not reproduce the public key/ })
})

t.test('without a key it is a verify PSE, which is no fault', async t => {
  t.match(read(withObjects((name, { encoded }) => name === 'SKnew' ? [] : [encoded])), { privateKey: null, certificate: null, trusted: [pki.root.der] })
})

t.test('unsorted objects are no fault', async t => {
  const content = parse(plain).child(1)
  const objects = content.child(3)
  const reversed = Buffer.concat([objects.encoded.subarray(0, 4), ...[...objects.children].reverse().map(({ encoded }) => encoded)])
  const bytes = seq(int(2), seq(...content.children.slice(0, 3).map(({ encoded }) => encoded), reversed))
  t.notOk(bytes.equals(plain))
  t.strictSame(read(bytes).certificate, rsa.der)
})

t.test('a cred_v2', async t => {
  const credential = { pse: '/sec/a.pse', user: 'wd1adm', pin, certificate: null }
  const written = (kind: '3des-v0' | 'aes256-v1' | 'lps-int') => writeCredential(null, credential, { file: 'cred_v2', kind })
  const sealedAgain = (blob: Buffer) => { blob.writeUInt32BE(crc32(blob.subarray(0, -4)), blob.length - 4); return blob }
  const lps = (change: (blob: Buffer) => Buffer) => {
    const record = parse(written('lps-int')).child(0)
    return seq(seq(...record.children.slice(0, -1).map(({ encoded }) => encoded), bits(change(Buffer.from(record.child(-1).content.subarray(1))))))
  }
  const rows: Array<[what: string, bytes: Buffer, user: string, pse: string, code: string, message: RegExp]> = [
    ['truncated', written('3des-v0').subarray(0, -1), 'wd1adm', '/sec/a.pse', 'CREDV2_INVALID', /beyond the end/],
    ['no record for the path', written('3des-v0'), 'wd1adm', '/sec/b.pse', 'CREDV2_NO_RECORD', /\/sec\/a\.pse$/],
    ['another user, version 0', written('3des-v0'), 'root', '/sec/a.pse', 'CREDV2_WRONG_USER', /as user root/],
    ['another user, version 1', written('aes256-v1'), 'root', '/sec/a.pse', 'CREDV2_WRONG_USER', /as user root/],
    ['another user, LPS', written('lps-int'), 'root', '/sec/a.pse', 'CREDV2_WRONG_USER', /as user root/],
    ['a changed cipher text', flipped(written('3des-v0'), -1), 'wd1adm', '/sec/a.pse', 'CREDV2_WRONG_USER', /as user/],
    ['DPAPI', lps(blob => { blob[1] = 1; return sealedAgain(blob) }), 'wd1adm', '/sec/a.pse', 'CREDV2_WINDOWS_ONLY', /DPAPI/],
    ['TPM', lps(blob => { blob[1] = 2; return sealedAgain(blob) }), 'wd1adm', '/sec/a.pse', 'CREDV2_TPM', /TPM/],
    ['LPS with another checksum', lps(blob => flipped(blob, -1)), 'wd1adm', '/sec/a.pse', 'CREDV2_DAMAGED', /checksum/],
    ['LPS with another HMAC', lps(blob => sealedAgain(flipped(blob, -5))), 'wd1adm', '/sec/a.pse', 'CREDV2_DAMAGED', /HMAC/],
    ['LPS with other data', lps(blob => sealedAgain(flipped(blob, -30))), 'wd1adm', '/sec/a.pse', 'CREDV2_DAMAGED', /HMAC/]
  ]
  for (const [what, bytes, user, pse, code, message] of rows) t.throws(() => readPin(bytes, { file: 'cred_v2', pse, user }), { code: `POSTERN_ERR_${code}`, message }, what)
})
