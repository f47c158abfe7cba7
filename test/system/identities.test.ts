/** Identities that the openssl program wrote, in the forms that its users choose. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { readTrustFile } from '../../src/pse/trust-file.ts'
import { mintPki } from '../helpers/pki.ts'

const pki = await mintPki(t)
const directory = mkdtempSync(join(tmpdir(), 'postern-openssl-'))
t.teardown(() => rmSync(directory, { recursive: true }))
writeFileSync(join(directory, 'key.pem'), pki.server.keyPem)
writeFileSync(join(directory, 'chain.pem'), pki.server.certPem + pki.intermediate.certPem + pki.root.certPem)

/** Runs openssl, which writes to its standard output. */
function openssl (...args: string[]): Buffer {
  return execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'pipe', 'ignore'] })
}

const exportPkcs12 = ['pkcs12', '-export', '-inkey', 'key.pem', '-in', 'chain.pem']

t.test('PKCS#12', async t => {
  const rows: Array<[name: string, options: string[], pin: string | null]> = [
    ['as OpenSSL 3 writes it', [], 'geheim'],
    ['with umlauts in the password', [], 'Schlüssel'],
    ['legacy with 3DES', ['-legacy', '-certpbe', 'PBE-SHA1-3DES'], 'geheim'],
    ['legacy with two-key 3DES', ['-legacy', '-certpbe', 'PBE-SHA1-2DES', '-keypbe', 'PBE-SHA1-2DES'], 'geheim'],
    ['AES-128 and a MAC with SHA-512', ['-certpbe', 'AES-128-CBC', '-keypbe', 'AES-192-CBC', '-macalg', 'sha512'], 'geheim'],
    ['without MAC', ['-nomac'], 'geheim'],
    ['with an empty password', [], ''],
    ['without any protection', ['-nomac', '-certpbe', 'NONE', '-keypbe', 'NONE'], null]
  ]
  for (const [name, options, pin] of rows) {
    const file = openssl(...exportPkcs12, ...options, '-passout', `pass:${pin ?? ''}`)
    const identity = readIdentity(file, { file: name, pin })
    t.strictSame([identity.certificate, ...identity.chain], [pki.server.der, pki.intermediate.der, pki.root.der], name)
    t.strictSame(identity.trusted, [])
  }
})

t.test('PKCS#12 with RC2 is refused, and the command of the message converts it', async t => {
  writeFileSync(join(directory, 'old.p12'), openssl(...exportPkcs12, '-legacy', '-passout', 'pass:geheim'))
  t.throws(() => readIdentity(readFileSync(join(directory, 'old.p12')), { file: 'old.p12', pin: 'geheim' }),
    { code: 'POSTERN_ERR_PKCS12_ENCRYPTION', message: /RC2.*"openssl pkcs12 -legacy -in <file> -out <new file>\.pem"/ })
  const converted = openssl('pkcs12', '-legacy', '-in', 'old.p12', '-passin', 'pass:geheim', '-passout', 'pass:geheim')
  t.strictSame(readIdentity(converted, { file: 'new.pem', pin: 'geheim' }).certificate, pki.server.der)
})

t.test('encrypted PEM keys', async t => {
  const rows: Array<[name: string, command: string[]]> = [
    ['PKCS#8 by default', ['pkcs8', '-topk8', '-in', 'key.pem']],
    ['PKCS#8 with scrypt', ['pkcs8', '-topk8', '-scrypt', '-in', 'key.pem']],
    ['PKCS#8 with PBE', ['pkcs8', '-topk8', '-v1', 'PBE-SHA1-3DES', '-in', 'key.pem']],
    ['PKCS#8 with AES-128 and SHA-512', ['pkcs8', '-topk8', '-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA512', '-in', 'key.pem']],
    ['the form before PKCS#8', ['ec', '-aes256', '-in', 'key.pem']]
  ]
  for (const [name, command] of rows) {
    const key = openssl(...command, '-passout', 'pass:geheim')
    const identity = readIdentity(Buffer.concat([key, Buffer.from(pki.server.certPem)]), { file: name, pin: 'geheim' })
    t.strictSame(identity.certificate, pki.server.der, name)
  }
})

t.test('PKCS#7', async t => {
  for (const form of ['DER', 'PEM']) {
    const file = openssl('crl2pkcs7', '-nocrl', '-certfile', 'chain.pem', '-outform', form)
    t.equal(readTrustFile(file, form).length, 3, form)
  }
})
