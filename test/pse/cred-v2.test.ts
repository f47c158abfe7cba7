import t from 'tap'
import { readPin } from '../../src/pse/cred-v2.ts'
import { bits, ia5, int, seq } from '../helpers/der.ts'
import { lpsBlob, mintCredentials, withChecksum, type Credential } from '../helpers/mint-cred-v2.ts'

const pse = '/usr/sap/WD1/W00/sec/SAPSSLS.pse'
const one: Credential = { pse, user: 'wd1adm', pin: '1234567890', cipher: 'v0' }
const read = (bytes: Uint8Array, user = 'wd1adm') => readPin(bytes, { file: 'cred_v2', pse, user })
const ciphers = ['v0', 'v1-3des', 'v1-aes', 'lps'] as const

t.test('opens each cipher as its user, and as no other', async t => {
  for (const cipher of ciphers) {
    t.equal(read(mintCredentials({ ...one, cipher })), '1234567890', cipher)
    t.throws(() => read(mintCredentials({ ...one, cipher }), 'root'),
      { code: 'POSTERN_ERR_CREDV2_WRONG_USER', message: `cred_v2: the credential for ${pse} cannot be opened as user root` }, `${cipher}, another user`)
    t.equal(read(mintCredentials({ ...one, cipher, pin: '', user: 'a-user-of-many-letters' }), 'a-user-of-many-letters'), '', `${cipher}, empty PIN`)
  }
})

t.test('opens what CommonCryptoLib wrote for user "username"', async t => {
  // the worked example of the format description: cipher version 0, PIN 1234567890
  const record = seq(ia5('CN=PSEOwner'), ia5(''), ia5(pse), ia5(''), bits(Buffer.from('b8d7a58f4de096d1e8cc5e34ebae7921', 'hex')))
  t.equal(read(seq(record), 'username'), '1234567890')
})

t.test('finds the record by path and user', async t => {
  const file = mintCredentials({ ...one, pse: '/other.pse', pin: '1' }, { ...one, user: 'root', pin: '2' }, { ...one, pin: '3' }, { ...one, user: 'last', pin: '4', cipher: 'lps' })
  t.equal(read(file), '3')
  t.equal(read(file, 'root'), '2')
  t.equal(read(file, 'last'), '4')
  t.throws(() => readPin(file, { file: 'cred_v2', pse: '/third.pse', user: 'wd1adm' }),
    { code: 'POSTERN_ERR_CREDV2_NO_RECORD', message: `cred_v2 has no credential for /third.pse; it has some for: /other.pse, ${pse}` })
})

t.test('a record that cannot be opened here does not hide one that can', async t => {
  const broken = ['windows', 'damaged'].map((what): Credential => ({ ...one, cipher: 'lps', blob: blob => what === 'windows' ? lpsBlob({ mode: 1 }) : blob.subarray(1) }))
  t.equal(read(mintCredentials(...broken, one)), '1234567890')
  t.throws(() => read(mintCredentials(...broken)), { code: 'POSTERN_ERR_CREDV2_WINDOWS_ONLY' }, 'the first is reported')
})

t.test('a ciphertext of version 0 that starts like one of version 1 is read all the same', async t => {
  // the key of version 0 is made of the name alone: this one was found by trying
  const chance: Credential = { ...one, user: 'u68208', pin: 'a PIN that is long enough to be taken for a header with a salt' }
  t.match(cipherOf(chance).subarray(0, 2), Buffer.from([1, 1]))
  t.equal(read(mintCredentials(chance), chance.user), chance.pin)
})

function cipherOf (credential: Credential): Buffer {
  let cipher = Buffer.alloc(0) as Buffer
  mintCredentials({ ...credential, blob: blob => (cipher = blob) })
  return cipher
}

t.test('a credential of LPS that is restricted in another way is anybody\'s', async t => {
  t.equal(read(mintCredentials({ ...one, cipher: 'lps', blob: () => lpsBlob({ pin: '77', restriction: '' }) })), '77')
})

t.test('names what is wrong', async t => {
  const lps = (blob: (blob: Buffer) => Buffer) => mintCredentials({ ...one, cipher: 'lps', blob })
  const flipped = (at: number) => (blob: Buffer) => withChecksum(Buffer.from(blob.subarray(0, -4).map((byte, i, all) => i === (at < 0 ? all.length + at : at) ? byte ^ 1 : byte)))
  const rows: Array<[what: string, bytes: Uint8Array, code: string, message: RegExp]> = [
    ['no DER', Buffer.from('text'), 'CREDV2_INVALID', /is not a cred_v2 file: .*, at byte 0/],
    ['empty', Buffer.alloc(0), 'CREDV2_INVALID', /empty/],
    ['another structure', seq(int(1)), 'CREDV2_INVALID', /credential expected, tag 30; found tag 02, at byte 2/],
    ['a record without path', seq(seq(ia5('a'))), 'CREDV2_INVALID', /element is missing/],
    ['no record at all', seq(), 'CREDV2_NO_RECORD', /it has some for: $/],
    ['Windows, without LPS', mintCredentials({ ...one, options: ['MSCryptProtect'] }), 'CREDV2_WINDOWS_ONLY', /DPAPI/],
    ['nothing', mintCredentials({ ...one, blob: () => Buffer.alloc(0) }), 'CREDV2_WRONG_USER', /wd1adm/],
    ['plain text that is no DER', mintCredentials({ ...one, plain: Buffer.from('1234') }), 'CREDV2_WRONG_USER', /wd1adm/],
    ['plain text without fields', mintCredentials({ ...one, plain: seq() }), 'CREDV2_WRONG_USER', /wd1adm/],
    ['version 1 without data', mintCredentials({ ...one, blob: () => Buffer.from('0101'.padEnd(72, '0'), 'hex') }), 'CREDV2_WRONG_USER', /wd1adm/],
    ['version 1 with an unknown cipher', mintCredentials({ ...one, cipher: 'v1-aes', blob: blob => Buffer.concat([Buffer.from([1, 7]), blob.subarray(2)]) }), 'CREDV2_WRONG_USER', /wd1adm/],
    ['LPS with DPAPI', lps(() => lpsBlob({ mode: 1 })), 'CREDV2_WINDOWS_ONLY', /DPAPI/],
    ['LPS with TPM', lps(() => lpsBlob({ mode: 2 })), 'CREDV2_TPM', /TPM/],
    ['LPS with another mode', lps(() => lpsBlob({ mode: 3 })), 'CREDV2_MODE', /version 2, mode 3/],
    ['LPS of another version', lps(() => lpsBlob({ version: 3 })), 'CREDV2_MODE', /version 3, mode 0/],
    ['LPS of nothing', lps(() => Buffer.alloc(0)), 'CREDV2_DAMAGED', /checksum/],
    ['LPS of one byte and its checksum', lps(() => withChecksum(Buffer.from([2]))), 'CREDV2_DAMAGED', /checksum/],
    ['LPS with a wrong checksum', lps(blob => Buffer.concat([blob.subarray(0, -1), Buffer.from([blob.at(-1)! ^ 1])])), 'CREDV2_DAMAGED', /checksum differs/],
    ['LPS with a wrong HMAC', lps(flipped(-1)), 'CREDV2_DAMAGED', /HMAC differs/],
    ['LPS with a wrapped key of no blocks', lps(() => lpsWithKey(Buffer.alloc(5))), 'CREDV2_DAMAGED', /HMAC differs/],
    ['LPS with a wrapped key of two blocks', lps(() => lpsWithKey(Buffer.alloc(32))), 'CREDV2_DAMAGED', /HMAC differs/],
    ['LPS with a field that is too long', lps(() => lpsBlob({ dataLength: 0x7fff })), 'CREDV2_DAMAGED', /fields/],
    ['LPS with too few fields', lps(() => withChecksum(Buffer.from([2, 0, 0, 0]))), 'CREDV2_DAMAGED', /fields/],
    ['LPS with a count beyond its data', lps(() => lpsBlob({ data: Buffer.alloc(16, 0xff), restriction: '' })), 'CREDV2_DAMAGED', /data cannot be read/],
    ['LPS without data', lps(() => lpsBlob({ data: Buffer.alloc(0), restriction: '' })), 'CREDV2_DAMAGED', /data cannot be read/]
  ]
  for (const [what, bytes, code, message] of rows) t.throws(() => read(bytes), { code: `POSTERN_ERR_${code}`, message }, what)
})

/** A blob whose fields are in order and whose wrapped key is not. */
function lpsWithKey (key: Buffer): Buffer {
  const field = (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
  return withChecksum(Buffer.concat([Buffer.from([2, 0]), ...['CredEncryption', ''].map(text => field(Buffer.from(text))), field(key), field(Buffer.alloc(0)), field(Buffer.alloc(0)), Buffer.alloc(20)]))
}
