/** PKCS#12 as other programs see it: OpenSSL, and Java's keytool where there is one. */
import t, { type Test } from 'tap'
import { execFileSync } from 'node:child_process'
import { createPublicKey, type KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import type { IdentityContent } from '../../src/pse/identity.ts'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { writePkcs12, type Pkcs12WriteOptions } from '../../src/pse/write-pkcs12.ts'
import { mintPkcs12 } from '../helpers/mint-pkcs12.ts'
import { mintPki } from '../helpers/pki.ts'

const pki = await mintPki(t)
const partner = await mintPki(t, { rootSubject: 'CN=Partner CA' })
const twin = await mintPki(t, { rootSubject: 'CN=PARTNER CA' })
const { server, intermediate, root } = pki
const password = 'geheim-4711'
const whole: IdentityContent = { privateKey: server.key, certificate: server.der, chain: [intermediate.der, root.der], trusted: [root.der, partner.root.der, twin.root.der] }
const trustOnly: IdentityContent = { privateKey: null, certificate: null, chain: [], trusted: [root.der, partner.server.der] }
const write = (identity: IdentityContent, options: Partial<Pkcs12WriteOptions> = {}) => writePkcs12(identity, { pin: password, iterations: 2048, ...options })
const read = (bytes: Uint8Array, pin: string | null = password) => readIdentity(bytes, { file: 'a.p12', pin })
const sorted = (certificates: readonly Buffer[]) => certificates.map(der => der.toString('base64')).sort()
const isKey = (a: KeyObject | null, b: KeyObject) => a !== null && createPublicKey(a).equals(createPublicKey(b))

function directory (t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'postern-p12-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  return path
}

function run (command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function has (command: string, ...args: string[]): boolean {
  try {
    run(command, ...args)
    return true
  } catch {
    return false
  }
}

const keytool = has('keytool', '-help') ? {} : { skip: 'keytool is not installed' }
const legacy = has('openssl', 'list', '-provider', 'legacy', '-cipher-algorithms') ? {} : { skip: 'OpenSSL has no legacy provider' }

t.test('comes back with the same key, chain and trust list', async t => {
  const identity = read(write(whole))
  t.ok(isKey(identity.privateKey, server.key))
  t.strictSame(identity.certificate, server.der)
  t.strictSame(identity.chain, whole.chain)
  t.strictSame(sorted(identity.trusted), sorted(whole.trusted))
  t.match(read(write(trustOnly)), { privateKey: null, certificate: null, chain: [], trusted: trustOnly.trusted }, 'a certificate that is no CA\'s is trusted if it is marked')
})

t.test('without a mark, the chain is no trust list', async t => {
  t.strictSame(read(write({ ...whole, trusted: [] })).trusted, [])
})

t.test('where something is marked as trusted, what is left over is not', async t => {
  const { bags } = sectionOf(write({ ...trustOnly, trusted: [partner.root.der] }))
  const bytes = mintPkcs12({ password, keys: [server.key], certificates: [server.der, intermediate.der, twin.root.der], section: bags })
  t.strictSame(read(bytes).trusted, [partner.root.der])
  t.strictSame(read(mintPkcs12({ password, keys: [server.key], certificates: [server.der, intermediate.der, twin.root.der] })).trusted, [twin.root.der])
})

/** The encrypted section of a file that has no other. */
function sectionOf (bytes: Buffer): { bags: Buffer } {
  const identifier = bytes.indexOf(Buffer.from('06092a864886f70d010706a0', 'hex'))
  const start = bytes.lastIndexOf(0x30, identifier - 1)
  return { bags: bytes.subarray(start, start + 4 + bytes.readUInt16BE(start + 2)) }
}

t.test('OpenSSL opens it, with its algorithms, and finds the same', async t => {
  const path = join(directory(t), 'a.p12')
  writeFileSync(path, write(whole))
  const info = execFileSync('openssl', ['pkcs12', '-in', path, '-passin', `pass:${password}`, '-nodes', '-info'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  t.equal(info.match(/BEGIN CERTIFICATE/g)?.length, 6)
  t.match(info, /localKeyID: 01/)
  t.match(info, /friendlyName: CN=Partner CA\n/)
  t.match(info, /friendlyName: CN=PARTNER CA \(2\)\n/)
  t.match(info, /2\.16\.840\.1\.113894\.746875\.1\.1/)
  const back = readIdentity(Buffer.from(info), { file: 'a.pem', pin: null })
  t.ok(isKey(back.privateKey, server.key))
  t.strictSame(back.certificate, server.der)
  t.throws(() => run('openssl', 'pkcs12', '-in', path, '-passin', 'pass:wrong', '-nokeys'), /invalid password/)
  t.doesNotThrow(() => tls.createSecureContext({ pfx: write(whole), passphrase: password }), 'and so does Node')
})

t.test('a file without PIN opens with the empty password', async t => {
  const path = join(directory(t), 'a.p12')
  writeFileSync(path, write(whole, { pin: null }))
  t.match(run('openssl', 'pkcs12', '-in', path, '-passin', 'pass:', '-nodes'), /BEGIN PRIVATE KEY/)
  t.ok(isKey(read(readFileSync(path), null).privateKey, server.key))
})

t.test('letters outside of ASCII in a PIN are OpenSSL\'s as well', async t => {
  const path = join(directory(t), 'a.p12')
  writeFileSync(path, write(whole, { pin: 'Übung-🔑' }))
  const output = execFileSync('openssl', ['pkcs12', '-in', path, '-passin', 'pass:Übung-🔑', '-nodes'], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.match(output, /BEGIN PRIVATE KEY/)
})

t.test('Java takes the trust list for trusted certificates', keytool, async t => {
  const path = join(directory(t), 'a.p12')
  const list = (identity: IdentityContent) => {
    writeFileSync(path, write(identity))
    return run('keytool', '-J-Duser.language=en', '-list', '-keystore', path, '-storetype', 'PKCS12', '-storepass', password)
  }
  const listed = list(whole)
  t.equal(listed.match(/PrivateKeyEntry/g)?.length, 1)
  t.equal(listed.match(/trustedCertEntry/g)?.length, 3)
  t.equal(list(trustOnly).match(/trustedCertEntry/g)?.length, 2)
})

t.test('a key store of Java comes in with its trusted certificates', keytool, async t => {
  const path = join(directory(t), 'java.p12')
  const store = ['-J-Duser.language=en', '-keystore', path, '-storetype', 'PKCS12', '-storepass', password]
  run('keytool', ...store, '-genkeypair', '-alias', 'own', '-keyalg', 'EC', '-dname', 'CN=java')
  run('keytool', ...store, '-importcert', '-noprompt', '-alias', 'leaf', '-file', partner.file('leaf.pem', partner.server.certPem))
  const { certificate, chain, trusted } = read(readFileSync(path))
  t.ok(certificate)
  t.strictSame(chain, [])
  t.strictSame(trusted, [partner.server.der], 'Java trusts it, CA or not')
})

t.test('what OpenSSL writes comes in', async t => {
  const out = join(directory(t), 'openssl.p12')
  const key = pki.file('key.pem', server.keyPem + server.chainPem)
  const written = ['pkcs12', '-export', '-in', key, '-out', out, '-passout', `pass:${password}`]
  for (const options of [[], ['-certpbe', 'NONE', '-keypbe', 'NONE'], ['-certpbe', 'PBE-SHA1-3DES', '-keypbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'], ['-certpbe', 'AES-128-CBC', '-keypbe', 'AES-192-CBC'], ['-nomac']]) {
    run('openssl', ...written, ...options)
    const identity = read(readFileSync(out))
    t.ok(isKey(identity.privateKey, server.key), options.join(' ') || 'as it does today')
    t.strictSame(identity.chain, [intermediate.der])
  }
})

t.test('RC2, which OpenSSL wrote until version 3, is refused by name, with the command that converts it', legacy, async t => {
  const path = directory(t)
  const [old, converted] = [join(path, 'old.p12'), join(path, 'new.pem')]
  run('openssl', 'pkcs12', '-export', '-legacy', '-in', pki.file('old.pem', server.keyPem + server.chainPem), '-out', old, '-passout', `pass:${password}`)
  const error = { code: 'POSTERN_ERR_PKCS12_ENCRYPTION', message: /pbeWithSHA1And40BitRC2-CBC \(1\.2\.840\.113549\.1\.12\.1\.6\); "openssl pkcs12 -legacy -in <file> -out <new file>\.pem" converts it/ }
  t.throws(() => read(readFileSync(old)), error)
  run('openssl', 'pkcs12', '-legacy', '-in', old, '-out', converted, '-passin', `pass:${password}`, '-passout', `pass:${password}`)
  const identity = read(readFileSync(converted))
  t.ok(isKey(identity.privateKey, server.key))
  t.strictSame(identity.chain, [intermediate.der])
})

t.test('has random salts, and 50 000 iterations by default', async t => {
  const [a, b] = [writePkcs12(whole, { pin: password }), writePkcs12(whole, { pin: password })]
  t.notOk(a.equals(b))
  const path = join(directory(t), 'a.p12')
  writeFileSync(path, a)
  const args = ['-c', `openssl pkcs12 -in ${path} -passin pass:${password} -noout -info 2>&1`]
  t.equal(run('sh', ...args).match(/Iteration 50000/g)?.length, 3)
  const fixed = { random: (bytes: number) => Buffer.alloc(bytes, 7) }
  t.strictSame(write(whole, fixed), write(whole, fixed), 'nothing else is random')
})

t.test('refuses PINs and counts that a reader refuses', async t => {
  for (const pin of ['', 'a\0b', 'x'.repeat(257)]) t.throws(() => write(whole, { pin }), { code: 'POSTERN_ERR_IDENTITY_PIN_UNWRITABLE', message: /a PKCS#12 file/ })
  for (const iterations of [0, -1, 1_000_001]) t.throws(() => write(whole, { iterations }), { code: 'POSTERN_ERR_IDENTITY_ITERATIONS' })
})

t.test('no PIN is in a message', async t => {
  try {
    write(whole, { pin: 'Geheim\n' })
    t.fail('written')
  } catch (error) {
    t.notMatch((error as Error).message, 'Geheim')
  }
})
