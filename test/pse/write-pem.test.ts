import t from 'tap'
import { execFileSync } from 'node:child_process'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { IdentityContent } from '../../src/pse/identity.ts'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { readTrustFile } from '../../src/pse/trust-file.ts'
import { writePem, writePemTrust, type PemWriteOptions } from '../../src/pse/write-pem.ts'
import { mintPki } from '../helpers/pki.ts'

const pki = await mintPki(t)
const { server, intermediate, root } = pki
const whole: IdentityContent = { privateKey: server.key, certificate: server.der, chain: [intermediate.der, root.der], trusted: [root.der, pki.client.der] }
const write = (options: Partial<PemWriteOptions> = {}) => writePem(whole, { pin: null, iterations: 100, ...options })!
const read = (bytes: Uint8Array, pin: string | null = null) => readIdentity(bytes, { file: 'a.pem', pin })

t.test('has the key, the own certificate and the chain, as TLS sends them', async t => {
  t.strictSame(write().toString(), server.keyPem + server.chainPem + root.certPem)
  t.strictSame(read(write()).chain, whole.chain)
  t.strictSame(read(write()).trusted, [], 'the root of the chain is no trust')
})

t.test('the trust list is a file of its own, in which everything counts', async t => {
  t.strictSame(readTrustFile(writePemTrust(whole)!, 'trust.pem').map(({ der }) => der), whole.trusted)
  t.equal(writePemTrust({ ...whole, trusted: [] }), null)
  t.equal(writePem({ ...whole, privateKey: null }, { pin: null }), null, 'without a key there is only the trust list')
})

t.test('an encrypted key opens here and in OpenSSL', async t => {
  for (const pin of ['geheim', 'Übung 🔑']) {
    const bytes = write({ pin })
    t.ok(createPublicKey(read(bytes, pin).privateKey!).equals(createPublicKey(server.key)), pin)
    t.ok(createPublicKey(createPrivateKey({ key: bytes, passphrase: pin })).equals(createPublicKey(server.key)), `${pin}, OpenSSL of Node`)
    t.throws(() => read(bytes, 'wrong'), { code: 'POSTERN_ERR_PEM_PIN_WRONG' })
    t.throws(() => read(bytes), { code: 'POSTERN_ERR_PEM_PIN_REQUIRED' })
  }
})

t.test('is encrypted with AES-256 and HMAC-SHA-256, 50 000 iterations and random salt', async t => {
  const [a, b] = [writePem(whole, { pin: 'geheim' })!, writePem(whole, { pin: 'geheim' })!]
  t.notOk(a.equals(b))
  const parsed = execFileSync('openssl', ['asn1parse'], { input: a.toString().slice(0, a.indexOf('-----BEGIN CERTIFICATE')), encoding: 'utf8' })
  t.match(parsed, /PBES2[^]*PBKDF2[^]*INTEGER +:C350\n[^]*hmacWithSHA256[^]*aes-256-cbc/)
})

t.test('refuses PINs and counts that no reader takes', async t => {
  for (const pin of ['', 'a\n', 'x'.repeat(257)]) t.throws(() => write({ pin }), { code: 'POSTERN_ERR_IDENTITY_PIN_UNWRITABLE', message: /a PEM file/ })
  for (const iterations of [0, 3_000_001]) t.throws(() => write({ pin: 'a', iterations }), { code: 'POSTERN_ERR_IDENTITY_ITERATIONS' })
})

t.test('a key without certificate is written as it is', async t => {
  t.equal(writePem({ ...whole, certificate: null, chain: [] }, { pin: null })!.toString(), server.keyPem)
})
