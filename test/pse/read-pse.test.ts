import t from 'tap'
import { createPublicKey, type KeyObject } from 'node:crypto'
import { readIdentity, readIdentityWithWarnings } from '../../src/pse/read-identity.ts'
import { secudeCipher } from '../../src/pse/secude.ts'
import { int, none, octets, oid, printable, seq, set, context, bits, utcTime } from '../helpers/der.ts'
import { mintPse, pseKey, pseObject, rsaPseKey, toBeSigned, ecPrivateValue, type PseParts } from '../helpers/mint-pse.ts'
import { mintPki, type Issued } from '../helpers/pki.ts'

const pki = await mintPki(t)
const rsa = await pki.issue({ subject: 'CN=rsa, O=Example, C=DE', issuer: pki.intermediate, keyType: 'RSA' })
const own: PseParts = { key: rsaPseKey(rsa.key), certificate: rsa.der }
const read = (bytes: Uint8Array, pin: string | null = null) => readIdentity(bytes, { file: 'SAPSSLS.pse', pin })
const code = (what: string) => ({ code: `POSTERN_ERR_${what}`, message: 'SAPSSLS.pse' })
const isSameKey = (a: KeyObject | null, b: Issued) => a !== null && createPublicKey(a).equals(createPublicKey(b.key))

t.test('opens versions 2 and 4, with PIN and without', async t => {
  for (const version of [2, 4] as const) {
    for (const pin of [null, '1234567890']) {
      const identity = read(mintPse({ ...own, version, pin }), pin)
      t.ok(isSameKey(identity.privateKey, rsa), `version ${version}, ${pin === null ? 'no PIN' : 'PIN'}`)
      t.strictSame(identity.certificate, rsa.der)
      t.strictSame(identity.source, { file: 'SAPSSLS.pse', format: `pse-v${version}` })
    }
  }
})

t.test('opens the encryptions of SECUDE', async t => {
  for (const scheme of ['secude', 'secude-count'] as const) {
    t.ok(isSameKey(read(mintPse({ ...own, scheme, pin: '1234' }), '1234').privateKey, rsa), scheme)
    t.throws(() => read(mintPse({ ...own, scheme, pin: '1234' }), '1235'), code('PSE_PIN_WRONG'))
    t.throws(() => read(mintPse({ ...own, scheme, pin: '1234', tamper: bytes => bytes.subarray(8) }), '1234'), code('PSE_DAMAGED'))
    t.throws(() => read(mintPse({ ...own, scheme, pin: '1234', tamper: bytes => bytes.subarray(0, -8) }), '1234'), code('PSE_DAMAGED'))
    t.throws(() => read(mintPse({ ...own, scheme, pin: '1234', tamper: () => Buffer.alloc(0) }), '1234'), code('PSE_DAMAGED'))
    t.throws(() => read(mintPse({ ...own, scheme, pin: '1234', tamper: bytes => bytes.subarray(3) }), '1234'), code('PSE_DAMAGED'))
  }
})

t.test('the oldest padding of SECUDE consists of zero bytes', async t => {
  const tamper = () => secudeCipher('1234').encrypt(Buffer.from('padding\u0001')).subarray(0, 8)
  t.throws(() => read(mintPse({ ...own, scheme: 'secude-count', pin: '1234', tamper }), '1234'), code('PSE_DAMAGED'))
})

t.test('the keys of SECUDE are the ones of its own files', async t => {
  // the worked example of the format description: the verifier of PIN 1234
  t.equal(secudeCipher('1234').encrypt(Buffer.from('1234')).toString('hex'), '7843e34cb8367635')
})

t.test('ignores a PIN that the file does not need', async t => {
  t.ok(isSameKey(read(mintPse(own), 'anything').privateKey, rsa))
})

t.test('PKRoot and PKList are trusted, FCPath only leads up', async t => {
  const partner = await mintPki(t, { rootSubject: 'CN=Partner CA' })
  const identity = read(mintPse({ ...own, root: pki.root.der, path: [pki.intermediate.der], trusted: [partner.root.der], certList: [rsa.der] }))
  t.strictSame(identity.chain, [pki.intermediate.der, pki.root.der])
  t.strictSame(identity.trusted, [pki.root.der, partner.root.der])
})

t.test('the chain ends where an issuer is missing, and leaves out what does not lead up', async t => {
  t.strictSame(read(mintPse({ ...own, root: pki.root.der })).chain, [])
  const other = await mintPki(t)
  t.strictSame(read(mintPse({ ...own, path: [other.intermediate.der, pki.intermediate.der] })).chain, [pki.intermediate.der])
})

t.test('a self-signed certificate is its own root and has no chain', async t => {
  const identity = read(mintPse({ key: pseKey('ec', octets(ecPrivateValue(pki.root.key))), certificate: pki.root.der, root: pki.root.der }))
  t.strictSame(identity.chain, [])
  t.strictSame(identity.trusted, [pki.root.der])
})

t.test('finds the certificate of a PKList entry that is without signature', async t => {
  const trusted = [toBeSigned(pki.root.der), toBeSigned(pki.intermediate.der)]
  const { identity, warnings } = readIdentityWithWarnings(mintPse({ trusted, certList: [pki.root.der], path: [pki.intermediate.der] }), { file: 'a.pse', pin: null })
  t.strictSame(new Set(identity.trusted.map(der => der.toString('hex'))), new Set([pki.root.der, pki.intermediate.der].map(der => der.toString('hex'))))
  t.strictSame(warnings, [])
})

t.test('a root without signature becomes a bare anchor, an intermediate CA is left out; both are named', async t => {
  const { identity, warnings } = readIdentityWithWarnings(mintPse({ trusted: [toBeSigned(pki.root.der), toBeSigned(pki.intermediate.der)] }), { file: 'a.pse', pin: null })
  t.equal(identity.trusted.length, 1)
  t.strictSame(toBeSigned(identity.trusted[0]!), toBeSigned(pki.root.der))
  t.match(new Map(warnings.map(({ code, message }) => [code, message])), new Map([
    ['POSTERN_WARN_PSE_TRUST_BARE', /^a\.pse: .*CN=Root CA, O=Example, C=DE/],
    ['POSTERN_WARN_PSE_TRUST_UNUSABLE', /^a\.pse: .*CN=Issuing CA, O=Example, C=DE.*postern\/trust_/]
  ]))
})

t.test('a PSE without private key is a verify PSE', async t => {
  t.match(read(mintPse({ certificate: rsa.der, root: pki.root.der })), { privateKey: null, certificate: null, chain: [], trusted: [pki.root.der] })
  const application = seq(printable('EcPrivKey'), oid('1.3.36.2.0'), octets(Buffer.alloc(30)))
  t.match(read(mintPse({ more: [application] })), { privateKey: null, certificate: null, chain: [], trusted: [] })
})

t.test('takes content as SECUDE wrote it: owner, UTCTime without seconds, no flags, objects in any order', async t => {
  const objects = [pseObject('SKnew', '1.3.36.2.3.4', own.key!), seq(printable('Cert'), oid('1.3.36.2.1.3'), rsa.der)]
  for (const ordered of [objects, [...objects].reverse()]) {
    const content = seq(printable('bdf100'), utcTime('0607060951Z'), Buffer.concat([Buffer.from([0x31, 0x82, ...size(ordered)]), ...ordered]))
    t.ok(isSameKey(read(mintPse({ content, pin: '1', scheme: 'secude' }), '1').privateKey, rsa))
  }
})

function size (parts: readonly Buffer[]): [number, number] {
  const length = Buffer.concat(parts).length
  return [length >> 8, length & 0xff]
}

t.test('the old key of PKRoot is told from its extensions', async t => {
  const key = context(0, context(0, int(2)), int(1))
  const number = context(0, int(2), int(1))
  for (const oldKey of [seq(int(1)), key, number, context(0, seq(printable('x'))), context(0, seq(key)), context(0), context(0, seq(seq()))]) {
    t.strictSame(read(mintPse({ root: pki.root.der, oldKey })).trusted, [pki.root.der], oldKey.toString('hex'))
  }
})

t.test('names what is wrong', async t => {
  const pbes2 = seq(oid('1.2.840.113549.1.5.13'), seq())
  const withContent = (...objects: Buffer[]) => mintPse({ content: seq(set(...objects)) })
  const wrongContent = { pin: '1', digest: Buffer.alloc(20) }
  const rows: Array<[what: string, bytes: Buffer, pin: string | null, code: string, message: RegExp]> = [
    ['truncated', mintPse(own).subarray(0, -1), null, 'PSE_NOT_DER', /beyond the end, at byte 0/],
    ['trailing bytes', Buffer.concat([mintPse(own), Buffer.from([0x05, 0x00])]), null, 'PSE_NOT_DER', /bytes behind the end, at byte \d\d/],
    ['one byte behind', Buffer.concat([mintPse(own), Buffer.from([0])]), null, 'PSE_NOT_DER', /at byte 0/],
    ['no version', seq(printable('x'), seq()), null, 'PSE_NOT_DER', /version expected, tag 02; found tag 13, at byte 2/],
    ['a version and nothing else', seq(int(2)), null, 'PSE_NOT_DER', /an element is missing/],
    ['an empty version', seq(Buffer.from([2, 0]), seq()), null, 'PSE_NOT_DER', /version: not a positive number/],
    ['a negative version', seq(Buffer.from([2, 1, 0xff]), seq()), null, 'PSE_NOT_DER', /version: not a positive number/],
    ['an enormous version', seq(int(1n << 40_000n), seq()), null, 'PSE_NOT_DER', /version: not a positive number/],
    ['version 3', seq(int(3), seq()), null, 'PSE_VERSION', /version 3; expected 2 or 4/],
    ['version 256', mintPse({ ...own, version: 256 }), null, 'PSE_LPS_PROTECTED', /LPS/],
    ['an unknown container', seq(int(2), context(1, int(1))), null, 'PSE_DAMAGED', /container of version 2 expected/],
    ['PBES2', mintPse({ ...own, pin: '1', algorithm: pbes2 }), '1', 'PSE_ENCRYPTION', /PBES2 \(1\.2\.840\.113549\.1\.5\.13\)/],
    ['an unknown algorithm', mintPse({ ...own, pin: '1', version: 4, algorithm: seq(oid('1.2.3.4')) }), '1', 'PSE_ENCRYPTION', /1\.2\.3\.4/],
    ['no parameters', mintPse({ ...own, pin: '1', algorithm: seq(oid('1.2.840.113549.1.12.1.3')) }), '1', 'PSE_DAMAGED', /parameters/],
    ['no algorithm', mintPse({ ...own, pin: '1', algorithm: seq() }), '1', 'PSE_DAMAGED', /algorithm is missing/],
    ['an identifier that is none', mintPse({ ...own, pin: '1', algorithm: seq(Buffer.from([6, 1, 0x80])) }), '1', 'PSE_DAMAGED', /not an object identifier/],
    ['an identifier without end', mintPse({ ...own, pin: '1', algorithm: seq(Buffer.from([6, 100, ...Buffer.alloc(100, 1)])) }), '1', 'PSE_DAMAGED', /not an object identifier/],
    ['no iterations', mintPse({ ...own, pin: '1', iterations: 0n }), '1', 'IDENTITY_ITERATIONS', /asks for 0 iterations/],
    ['too many iterations', mintPse({ ...own, pin: '1', iterations: 3_000_001n }), '1', 'IDENTITY_ITERATIONS', /asks for 3000001 iterations/],
    ['absurd iterations', mintPse({ ...own, pin: '1', iterations: 1n << 400n }), '1', 'IDENTITY_ITERATIONS', /asks for \d{20} iterations/],
    ['no PIN for version 2', mintPse({ ...own, pin: '1' }), null, 'PSE_PIN_REQUIRED', /PIN is required/],
    ['no PIN for version 4', mintPse({ ...own, pin: '1', version: 4 }), null, 'PSE_PIN_REQUIRED', /PIN is required/],
    ['another PIN for version 2', mintPse({ ...own, pin: '1' }), '2', 'PSE_PIN_WRONG', /wrong PIN$/],
    ['another PIN for version 4', mintPse({ ...own, pin: '1', version: 4 }), '2', 'PSE_PIN_WRONG_OR_DAMAGED', /wrong PIN, or/],
    ['a verifier that is right, content that is not', mintPse({ ...own, pin: '1', tamper: bytes => bytes.subarray(0, -8) }), '1', 'PSE_DAMAGED', /padding/],
    ['content that is padded and no DER', mintPse({ content: Buffer.from('no DER'), pin: '1' }), '1', 'PSE_DAMAGED', /of the content/],
    ['content that is nothing', mintPse({ content: Buffer.alloc(0), pin: '1' }), '1', 'PSE_DAMAGED', /it is empty, at byte 0 of the content/],
    ['a wrong digest of plain content', mintPse({ ...own, version: 4, digest: Buffer.alloc(20) }), null, 'PSE_DAMAGED', /digest/],
    ['a wrong digest of encrypted content', mintPse({ ...own, version: 4, ...wrongContent }), '1', 'PSE_PIN_WRONG_OR_DAMAGED', /damaged/],
    ['mode 2 of version 4', mintPse({ ...own, version: 4, mode: 2 }), null, 'PSE_ENCRYPTION', /mode 2/],
    ['content without objects', mintPse({ content: seq(int(1)) }), null, 'PSE_DAMAGED', /objects expected, tag 31; found tag 02, at byte/],
    ['an object that is none', withContent(int(1)), null, 'PSE_DAMAGED', /object expected/],
    ['an object without type', withContent(seq(printable('Cert'))), null, 'PSE_DAMAGED', /element is missing/],
    ['an object of another type', withContent(pseObject('Cert', '1.3.36.2.0', rsa.der)), null, 'PSE_DAMAGED', /object Cert has type 1\.3\.36\.2\.0; expected 1\.3\.36\.2\.1\.3/],
    ['an object twice', withContent(pseObject('Cert', '1.3.36.2.1.3', rsa.der), pseObject('Cert', '1.3.36.2.1.3', rsa.der)), null, 'PSE_DAMAGED', /Cert is there twice/],
    ['a certificate that is none', mintPse({ ...own, certificate: seq(none) }), null, 'PSE_DAMAGED', /Cert: /],
    ['a root that is none', mintPse({ more: [pseObject('PKRoot', '1.3.36.2.5.1', none)] }), null, 'PSE_DAMAGED', /PKRoot expected/],
    ['a root with parts that fit nothing', mintPse({ more: [pseObject('PKRoot', '1.3.36.2.5.1', seq(seq(), seq(none, none, none, seq(none), seq(none), none)))] }), null, 'PSE_DAMAGED', /PKRoot: /],
    ['a path that is none', mintPse({ path: [none] }), null, 'PSE_DAMAGED', /FCPath: /],
    ['a trusted entry that is none', mintPse({ trusted: [none] }), null, 'PSE_DAMAGED', /a constructed element expected, at byte \d+/],
    ['a trusted certificate that is none', mintPse({ trusted: [seq(seq())] }), null, 'PSE_DAMAGED', /PKList: /],
    ['a trusted to-be-signed part that is none', mintPse({ trusted: [seq(int(1), seq(oid('1.2')), seq(), none, seq())] }), null, 'PSE_DAMAGED', /PKList: /],
    ['a key without certificate', mintPse({ key: own.key! }), null, 'PSE_NO_CERTIFICATE', /no certificate/],
    ['two key pairs, signing', mintPse({ more: [pseObject('SignSK', '1.3.36.2.3.1', own.key!)] }), null, 'PSE_TWO_KEY_PAIRS', /SignSK/],
    ['two key pairs, decrypting', mintPse({ more: [pseObject('DecSKnew', '1.3.36.2.3.2', own.key!)] }), null, 'PSE_TWO_KEY_PAIRS', /DecSKnew/],
    ['a key whose bits are not whole bytes', mintPse({ ...own, key: seq(seq(oid('1.2.840.113549.1.1.1')), Buffer.from([3, 2, 4, 0xf0])) }), null, 'PSE_DAMAGED', /without unused bits/],
    ['a key of other form', mintPse({ ...own, key: seq(int(0), bits()) }), null, 'PSE_DAMAGED', /AlgorithmIdentifier expected/]
  ]
  for (const [what, bytes, pin, expected, message] of rows) {
    t.throws(() => read(bytes, pin), { code: `POSTERN_ERR_${expected}`, message }, what)
  }
})

t.test('no message contains the PIN', async t => {
  const pin = 'Geheim-4711'
  for (const bytes of [mintPse({ ...own, pin: 'x' }), mintPse({ ...own, pin: 'x', version: 4 }), mintPse({ ...own, pin, tamper: bytes => bytes.subarray(8) })]) {
    try {
      read(bytes, pin)
      t.fail('opened')
    } catch (error) {
      t.notMatch(`${(error as Error).stack} ${JSON.stringify(error)}`, pin)
    }
  }
})
