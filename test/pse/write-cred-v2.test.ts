import t from 'tap'
import { generateKeyPairSync } from 'node:crypto'
import { readPin } from '../../src/pse/cred-v2.ts'
import { listCredentials, removeCredential, writeCredential, type CredentialKind, type NewCredential } from '../../src/pse/write-cred-v2.ts'
import { bits, ia5, int, oid, seq, set, utf8 } from '../helpers/der.ts'
import { lpsBlob, mintCredentials, withChecksum, type Credential } from '../helpers/mint-cred-v2.ts'
import { unsignedCertificate } from '../helpers/mint-pse.ts'
import { mintPki } from '../helpers/pki.ts'

const pse = '/usr/sap/WD1/W00/sec/SAPSSLS.pse'
const file = 'cred_v2'
const certificate = unsignedCertificate(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey, 'test')
const one: NewCredential = { pse, user: 'wd1adm', pin: '1234567890', certificate }
const kinds: Array<[kind: CredentialKind, cipher: Credential['cipher'], random: string[]]> = [
  // the salts, keys and fillers of the other writer, which was written apart from this one
  ['3des-v0', 'v0', []],
  ['3des-v1', 'v1-3des', ['5a'.repeat(16), '07'.repeat(8)]],
  ['aes256-v1', 'v1-aes', ['5a'.repeat(16), '07'.repeat(16)]],
  ['lps-int', 'lps', ['33'.repeat(16), 'ee'.repeat(5)]]
]
const given = (...hex: string[]) => {
  const left = hex.map(text => Buffer.from(text, 'hex'))
  return (bytes: number) => {
    const next = left.shift()
    if (next?.length !== bytes) throw new TypeError(`${bytes} bytes were asked for`)
    return next
  }
}
const open = (bytes: Uint8Array, user = 'wd1adm', path = pse) => readPin(bytes, { file, pse: path, user })

t.test('writes each kind as the other writer does, byte for byte', async t => {
  for (const [kind, cipher, random] of kinds) {
    t.strictSame(writeCredential(null, one, { file, kind, random: given(...random) }), mintCredentials({ ...one, cipher }), kind)
  }
})

t.test('writes what CommonCryptoLib wrote for user "username"', async t => {
  // the worked examples of the format description, all for PIN 1234567890
  const known = { ...one, user: 'username' }
  t.match(writeCredential(null, known, { file, kind: '3des-v0' }).toString('hex'), /b8d7a58f4de096d1e8cc5e34ebae7921$/)
  const aes = writeCredential(null, known, { file, kind: 'aes256-v1', random: given('63cbb6383c92307c45b4a5b7c5b1a0a4', '2156055a3590c23844a07c5ce210a182') })
  t.match(aes.toString('hex'), /0101000063cbb6383c92307c45b4a5b7c5b1a0a42156055a3590c23844a07c5ce210a182.{32}$/)
  t.equal(open(aes, 'username'), '1234567890')
  const lps = writeCredential(null, known, { file, kind: 'lps-int', random: given('bdaf7c6221e8d6e8a529138d115f2ba4', 'd99e25fe8a') })
  t.match(lps.toString('hex'), /0010faa2330f0116ec47b876e00711609b8500000010fad978b96e0d9c60b02ce165d6943864a088f768023069277df032b304a0fc16d35a3379c9fb39a2$/)
})

t.test('each kind opens as its user and as no other, with PINs of any length', async t => {
  for (const [kind] of kinds) {
    for (const length of [1, 7, 8, 14, 15, 16, 256]) {
      const bytes = writeCredential(null, { ...one, pin: 'p'.repeat(length) }, { file, kind })
      t.equal(open(bytes), 'p'.repeat(length), `${kind}, ${length}`)
      t.throws(() => open(bytes, 'root'), { code: 'POSTERN_ERR_CREDV2_WRONG_USER' })
    }
  }
})

t.test('is AES-256 with random salt by default', async t => {
  const [a, b] = [writeCredential(null, one, { file }), writeCredential(null, one, { file })]
  t.notOk(a.equals(b))
  t.match(listCredentials(a, { file, user: 'wd1adm' }), [{ kind: 'aes256-v1', owner: null, own: true, pse, name: 'CN=test' }])
})

/** Records of other users, other PSEs, and of kinds that cannot be opened here. */
const others: Credential[] = [
  { pse, user: 'root', pin: '1', cipher: 'v0' },
  { pse: '/other.pse', user: 'wd1adm', pin: '2', cipher: 'v1-aes' },
  { pse, user: 'root', pin: '3', cipher: 'lps' },
  { pse, user: 'anybody', pin: '4', cipher: 'lps', blob: () => lpsBlob({ mode: 1, restriction: '(user=root)' }) },
  { pse, user: 'anybody', pin: '5', cipher: 'lps', blob: () => Buffer.from('damaged') }
]
const records = (bytes: Buffer) => bytes.toString('hex').slice(8)

t.test('adds a record behind those of others, which stay as they are', async t => {
  const before = mintCredentials(...others)
  for (const [kind] of kinds) {
    const after = writeCredential(before, one, { file, kind })
    t.ok(records(after).startsWith(records(before)), kind)
    t.equal(open(after), one.pin)
    t.equal(open(after, 'root'), '1')
    t.equal(open(after, 'wd1adm', '/other.pse'), '2')
  }
})

t.test('replaces every record of the same user and PSE, in the place of the first', async t => {
  for (const cipher of ['v0', 'v1-3des', 'v1-aes', 'lps'] as const) {
    const old = { ...one, pin: 'old', cipher }
    const windows: Credential = { ...one, cipher: 'lps', blob: () => lpsBlob({ mode: 1, restriction: '(user=wd1adm)' }) }
    const before = mintCredentials(others[0]!, old, others[1]!, old, windows, { ...one, cipher: 'v0', options: ['MSCryptProtect'] })
    const after = writeCredential(before, one, { file, kind: '3des-v0' })
    t.strictSame(after, mintCredentials(others[0]!, { ...one, cipher: 'v0' }, others[1]!), cipher)
  }
})

t.test('removes the records of a user for a PSE and no others', async t => {
  const before = mintCredentials(others[0]!, { ...one, cipher: 'v1-aes' }, others[1]!, { ...one, cipher: 'lps' })
  t.strictSame(removeCredential(before, one, { file }), mintCredentials(others[0]!, others[1]!))
  t.equal(removeCredential(mintCredentials({ ...one, cipher: 'v0' }), one, { file }), null, 'nothing is left')
  t.throws(() => removeCredential(mintCredentials(...others), one, { file }), { code: 'POSTERN_ERR_CREDV2_WRONG_USER' })
  t.throws(() => removeCredential(mintCredentials(others[1]!), one, { file }), { code: 'POSTERN_ERR_CREDV2_NO_RECORD', message: /\/other\.pse$/ })
})

t.test('lists what a file shows without a PIN', async t => {
  const lps = (blob: Buffer): Credential => ({ ...one, cipher: 'lps', blob: () => blob })
  const rows: Array<[Credential, Partial<ReturnType<typeof listCredentials>[number]>]> = [
    [{ ...one, cipher: 'v0' }, { kind: '3des-v0', owner: null, own: true, name: 'CN=test', pse }],
    [{ ...one, user: 'root', cipher: 'v0' }, { kind: '3des-v0', own: false }],
    [{ ...one, cipher: 'v1-3des' }, { kind: '3des-v1', own: true }],
    [{ ...one, cipher: 'v1-aes' }, { kind: 'aes256-v1', own: true }],
    [{ ...one, cipher: 'v0', blob: () => Buffer.alloc(0) }, { kind: '3des-v0', own: false }],
    [{ ...one, cipher: 'v0', blob: () => Buffer.from([1]) }, { kind: '3des-v0', own: false }],
    [{ ...one, cipher: 'v0', blob: () => Buffer.from([1, 7]) }, { kind: '3des-v0', own: false }],
    [{ ...one, cipher: 'v0', blob: () => Buffer.from([1, 1]) }, { kind: '3des-v0', own: false }],
    [{ ...one, cipher: 'lps' }, { kind: 'lps-int', owner: 'wd1adm', own: true, name: 'CN=test', pse }],
    [lps(lpsBlob({ mode: 1, restriction: '(user=root)' })), { kind: 'lps-dpapi', owner: 'root', own: false }],
    [lps(lpsBlob({ mode: 2, restriction: '' })), { kind: 'lps-tpm', owner: null, own: false }],
    [lps(lpsBlob({ mode: 9 })), { kind: 'lps-unknown' }],
    [lps(lpsBlob({ version: 3 })), { kind: 'lps-damaged', owner: null }],
    [lps(lpsBlob({ dataLength: 0x7fff })), { kind: 'lps-damaged' }],
    [lps(Buffer.alloc(9)), { kind: 'lps-damaged' }],
    [lps(Buffer.alloc(0)), { kind: 'lps-damaged' }],
    [lps(withChecksum(Buffer.from([2, 0]))), { kind: 'lps-damaged' }]
  ]
  const listed = listCredentials(mintCredentials(...rows.map(([credential]) => credential)), { file, user: 'wd1adm' })
  for (const [i, [, expected]] of rows.entries()) t.match(listed[i], expected, String(i))
  t.notMatch(JSON.stringify(listed), '1234567890')
})

t.test('a name that is none is shown as hexadecimal digits', async t => {
  const record = seq(int(2), seq(set()), utf8(pse), bits(lpsBlob({})))
  t.match(listCredentials(seq(record), { file, user: 'u' }), [{ name: '#30023100' }])
})

t.test('the name is the subject of the certificate', async t => {
  const pki = await mintPki(t, { serverSubject: 'CN=Müller, O=Größe & Söhne 🔑, C=DE' })
  const name = (credential: NewCredential, kind: CredentialKind) => listCredentials(writeCredential(null, credential, { file, kind }), { file, user: 'u' })[0]!.name
  t.equal(name({ ...one, certificate: pki.server.der }, '3des-v0'), 'CN=M\\C3\\BCller, O=Gr\\C3\\B6\\C3\\9Fe & S\\C3\\B6hne \\F0\\9F\\94\\91, C=DE'.replace(/\\(..)/g, pair => pair.toLowerCase()))
  t.equal(name({ ...one, certificate: pki.server.der }, 'lps-int'), 'CN=Müller, O=Größe & Söhne 🔑, C=DE')
  const old = await pki.issue({ subject: 'CN=old', issuer: null, version1: true })
  t.equal(name({ ...one, certificate: old.der }, 'lps-int'), 'CN=old', 'a certificate of version 1')
  for (const kind of ['aes256-v1', 'lps-int'] as const) t.equal(name({ ...one, certificate: null }, kind), '', 'a verify PSE')
})

t.test('a path of other than ASCII letters needs LPS', async t => {
  const path = '/usr/sap/Größe.pse'
  t.equal(open(writeCredential(null, { ...one, pse: path }, { file, kind: 'lps-int' }), 'wd1adm', path), one.pin)
  t.throws(() => writeCredential(null, { ...one, pse: path }, { file }), { code: 'POSTERN_ERR_CREDV2_UNWRITABLE', message: /path of the PSE/ })
})

t.test('refuses what no reader would find or open', async t => {
  const rows: Array<[what: Partial<NewCredential>, code: string, message: RegExp]> = [
    [{ pin: '' }, 'IDENTITY_PIN_UNWRITABLE', /a credential: it is empty/],
    [{ pin: 'Wört' }, 'IDENTITY_PIN_UNWRITABLE', /ASCII/],
    [{ user: '' }, 'CREDV2_UNWRITABLE', /the user/],
    [{ user: 'Jürgen' }, 'CREDV2_UNWRITABLE', /the user/],
    [{ user: 'u'.repeat(1025) }, 'CREDV2_UNWRITABLE', /the user/],
    [{ pse: '' }, 'CREDV2_UNWRITABLE', /path of the PSE is empty/],
    [{ certificate: Buffer.from('none') }, 'X509_CERTIFICATE_INVALID', /./]
  ]
  for (const [what, code, message] of rows) {
    for (const kind of ['3des-v0', 'lps-int'] as const) {
      t.throws(() => writeCredential(null, { ...one, ...what }, { file, kind }), { code: `POSTERN_ERR_${code}`, message }, `${code}, ${kind}`)
    }
  }
})

t.test('a present file that is none is left alone', async t => {
  for (const bytes of [Buffer.from('text'), Buffer.alloc(0), seq(int(1)), seq(seq(ia5('x')))]) {
    const invalid = { code: 'POSTERN_ERR_CREDV2_INVALID' }
    t.throws(() => writeCredential(bytes, one, { file }), invalid)
    t.throws(() => removeCredential(bytes, one, { file }), invalid)
    t.throws(() => listCredentials(bytes, { file, user: 'u' }), invalid)
  }
  t.strictSame(writeCredential(seq(), one, { file, kind: '3des-v0' }), mintCredentials({ ...one, cipher: 'v0' }), 'an empty list is one')
})

t.test('subjects are taken over as they are encoded', async t => {
  const subject = seq(set(seq(oid('2.5.4.3'), utf8('test'))))
  const other = unsignedCertificate(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey, 'test')
  const written = writeCredential(null, { ...one, certificate: other }, { file, kind: 'lps-int' })
  t.notOk(written.includes(subject), 'a PrintableString stays one')
})
