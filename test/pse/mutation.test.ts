/** Whatever happens to a file, reading it ends soon, in an identity or in an error of ours. */
import t from 'tap'
import fc from 'fast-check'
import { readPin } from '../../src/pse/cred-v2.ts'
import type { IdentityContent } from '../../src/pse/identity.ts'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { readTrustFile } from '../../src/pse/trust-file.ts'
import { listCredentials, removeCredential, writeCredential } from '../../src/pse/write-cred-v2.ts'
import { writePem } from '../../src/pse/write-pem.ts'
import { writePkcs12 } from '../../src/pse/write-pkcs12.ts'
import { mintCredentials } from '../helpers/mint-cred-v2.ts'
import { mintPse, rsaPseKey, toBeSigned } from '../helpers/mint-pse.ts'
import { mintPkcs12, mintPkcs7 } from '../helpers/mint-pkcs12.ts'
import { mintPki } from '../helpers/pki.ts'

const pin = 'Geheim-Wort'
const pki = await mintPki(t)
const rsa = await pki.issue({ subject: 'CN=rsa', issuer: pki.intermediate, keyType: 'RSA' })
const parts = { key: rsaPseKey(rsa.key), certificate: rsa.der, root: pki.root.der, path: [pki.intermediate.der], trusted: [toBeSigned(pki.root.der)], certList: [rsa.der], iterations: 10n }
const whole = { password: pin, keys: [rsa.key], certificates: [rsa.der, pki.intermediate.der] }
const encryptedKey = rsa.key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: pin })
const pse = '/sec/a.pse'

const written: IdentityContent = { privateKey: rsa.key, certificate: rsa.der, chain: [pki.intermediate.der, pki.root.der], trusted: [pki.root.der] }

const identities = {
  'PSE v2': mintPse(parts),
  'PSE v2 with PIN': mintPse({ ...parts, pin }),
  'PSE v2 of SECUDE': mintPse({ ...parts, pin, scheme: 'secude-count' }),
  'PSE v4': mintPse({ ...parts, version: 4 }),
  'PSE v4 with PIN': mintPse({ ...parts, version: 4, pin }),
  'PKCS#12 with PBES2': mintPkcs12(whole),
  'PKCS#12 with 3DES': mintPkcs12({ ...whole, keyEncryption: 'pbe-3des', certificateEncryption: 'pbe-3des', mac: 'sha1' }),
  'PKCS#12 of this program': writePkcs12(written, { pin, iterations: 10 }),
  'PKCS#12 without encryption': mintPkcs12({ ...whole, keyEncryption: 'none', certificateEncryption: 'none', mac: 'none' }),
  PEM: Buffer.from(rsa.keyPem + rsa.chainPem),
  'PEM of this program': writePem(written, { pin, iterations: 10 })!,
  'PEM with an encrypted key': Buffer.from(encryptedKey + rsa.chainPem)
}
const readers: Array<[name: string, bytes: Buffer, read: (bytes: Buffer) => unknown]> = [
  ...Object.entries(identities).map(([name, bytes]): [string, Buffer, (bytes: Buffer) => unknown] => [name, bytes, bytes => readIdentity(bytes, { file: 'a', pin })]),
  ...(['v0', 'v1-3des', 'v1-aes', 'lps'] as const).map((cipher): [string, Buffer, (bytes: Buffer) => unknown] =>
    [`cred_v2 ${cipher}`, mintCredentials({ pse, user: 'u', pin, cipher }), bytes => readPin(bytes, { file: 'cred_v2', pse, user: 'u' })]),
  ['a list of credentials', mintCredentials(...(['v0', 'v1-3des', 'v1-aes', 'lps'] as const).map(cipher => ({ pse, user: 'u', pin, cipher }))), changeCredentials],
  ['PKCS#7', mintPkcs7(pki.root.der, pki.intermediate.der), bytes => readTrustFile(bytes, 'a')]
]

/** Lists, adds and removes; nothing that is written can be read less than what it was made from. */
function changeCredentials (bytes: Buffer): void {
  const file = { file: 'cred_v2' }
  const before = listCredentials(bytes, { ...file, user: 'another' })
  const added = writeCredential(bytes, { pse: '/sec/b.pse', user: 'another', pin, certificate: null }, file)
  if (listCredentials(added, { ...file, user: 'another' }).length < before.length) throw new TypeError('a record is lost')
  if (removeCredential(added, { pse: '/sec/b.pse', user: 'another' }, file)?.equals(bytes) === false) throw new TypeError('a record has changed')
}

interface Edit { readonly at: number, readonly removed: number, readonly inserted: Uint8Array }

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  removed: fc.nat({ max: 8 }),
  // lengths that lie, tags, zeros
  inserted: fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.constantFrom(...['', '84ffffffff', '30', '80', '0000', 'a0', '02', '3080'].map(hex => Buffer.from(hex, 'hex'))))
})

function apply (bytes: Buffer, edits: readonly Edit[]): Buffer {
  return edits.reduce((current, { at, removed, inserted }) => {
    // half of the edits near the start, where the structure is
    const position = Math.floor(at < 0.5 ? at * Math.min(current.length, 400) : at * current.length)
    return Buffer.concat([current.subarray(0, position), inserted, current.subarray(position + removed)])
  }, bytes)
}

function endsWell (read: () => unknown): void {
  const start = performance.now()
  try {
    read()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (!/^POSTERN_ERR_(IDENTITY|PSE|PKCS12|PEM|CREDV2|TRUST)_/.test(String(code))) throw error
    if (message.includes(pin)) throw new TypeError('the PIN is in the message', { cause: error })
  }
  // three million iterations take some seconds; nothing may take longer
  if (performance.now() - start > 60_000) throw new TypeError('reading took too long')
}

for (const [name, bytes, read] of readers) {
  t.test(`${name}: any change ends in a result or in an error of ours`, async () => {
    fc.assert(fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), edits => endsWell(() => read(apply(bytes, edits)))), { seed: 4711, numRuns: 150 })
  })
}

t.test('any bytes end in an error of ours', async () => {
  const prefix = fc.constantFrom('', '30820003', '3082000302010', '30050201020400', '3080', '2d2d2d2d2d424547494e2041').map(hex => Buffer.from(hex, 'hex'))
  fc.assert(fc.property(prefix, fc.uint8Array({ maxLength: 300 }), (start, rest) => {
    const bytes = Buffer.concat([start, rest])
    endsWell(() => readIdentity(bytes, { file: 'a', pin }))
    endsWell(() => readPin(bytes, { file: 'a', pse, user: 'u' }))
    endsWell(() => readTrustFile(bytes, 'a'))
  }), { seed: 4711, numRuns: 500 })
})

t.test('a megabyte of nested or tiny elements ends soon', async () => {
  const nested = Buffer.alloc(1 << 20, Buffer.from('3080', 'hex'))
  const flat = Buffer.concat([Buffer.from('308310000002010230830ffff8', 'hex'), Buffer.alloc(0x0ffff8, Buffer.from('0500', 'hex'))])
  for (const bytes of [nested, flat, Buffer.alloc(1 << 20, '30'), Buffer.alloc(1 << 20, '-----BEGIN A-----\n')]) {
    endsWell(() => readIdentity(bytes, { file: 'a', pin }))
    endsWell(() => readPin(bytes, { file: 'a', pse, user: 'u' }))
    endsWell(() => readTrustFile(bytes, 'a'))
  }
})
