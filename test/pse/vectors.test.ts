/**
 * Files of SAP's and SECUDE's own programs, with the values that others found in them. They are not part of this repository: their
 * directory is looked for beside the checkout, or named by POSTERN_PSE_VECTORS.
 */
import t, { type Test } from 'tap'
import { createHash, createPublicKey, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readPin } from '../../src/pse/cred-v2.ts'
import { readIdentity } from '../../src/pse/read-identity.ts'

const directory = process.env['POSTERN_PSE_VECTORS'] ?? join(import.meta.dirname, '../../../shared/data/pse')
const expectations = join(directory, 'expected.json')

interface Expected {
  readonly kind: 'pse' | 'cred_v2'
  readonly version?: number
  readonly pin: string | null
  readonly cert_sha256?: string
  readonly issuer?: string
  readonly subject?: string
  readonly key?: { readonly type: string, readonly bits: number } | null
  readonly pse_path?: string
  readonly user?: string | null
}

if (existsSync(expectations)) {
  const expected = JSON.parse(readFileSync(expectations, 'utf8')) as Record<string, Expected>
  for (const [name, vector] of Object.entries(expected)) {
    await t.test(name, async t => vector.kind === 'pse' ? checkPse(t, name, vector) : checkCredential(t, name, vector))
  }
  await t.test('a file that only the legacy provider of OpenSSL reads', async t => {
    t.throws(() => readIdentity(bytesOf('sapsso2.p12'), { file: 'sapsso2.p12', pin: '' }), { code: 'POSTERN_ERR_PKCS12_ENCRYPTION', message: /RC2/ })
  })
} else {
  t.pass('no vectors', { skip: `${directory} does not exist` })
}

function bytesOf (name: string): Buffer {
  return readFileSync(join(directory, name))
}

function checkPse (t: Test, file: string, { pin, key, version, cert_sha256: fingerprint, issuer, subject }: Expected): void {
  if (key?.type === 'DSA') {
    t.throws(() => readIdentity(bytesOf(file), { file, pin }), { code: 'POSTERN_ERR_IDENTITY_KEY_DSA' })
    return
  }
  const { certificate, privateKey, chain, trusted, source } = readIdentity(bytesOf(file), { file, pin })
  t.equal(source.format, `pse-v${version}`)
  if (pin !== null) t.throws(() => readIdentity(bytesOf(file), { file, pin: `${pin}1` }), { code: 'POSTERN_ERR_PSE_PIN_WRONG' })
  if (key === null || key === undefined) {
    t.match({ certificate, privateKey, chain, trusted }, { certificate: null, privateKey: null, chain: [], trusted: [] })
    return
  }
  t.equal(createHash('sha256').update(certificate!).digest('hex'), fingerprint)
  t.equal(new X509Certificate(certificate!).checkPrivateKey(privateKey!), true)
  t.equal(createPublicKey(privateKey!).asymmetricKeyDetails?.modulusLength, key.bits)
  t.equal(chain.length, issuer === subject ? 0 : 1)
  t.equal(trusted.length, 1)
  if (issuer === subject) t.strictSame(trusted, [certificate], 'the root is rebuilt byte for byte')
}

function checkCredential (t: Test, file: string, { pin, pse_path: pse, user }: Expected): void {
  const read = (user: string) => readPin(bytesOf(file), { file, pse: pse!, user })
  if (pin === null) {
    t.throws(() => read('username'), { code: 'POSTERN_ERR_CREDV2_WINDOWS_ONLY' })
    return
  }
  t.equal(read(user ?? 'username'), pin)
  t.throws(() => read('another'), { code: 'POSTERN_ERR_CREDV2_WRONG_USER' })
}
