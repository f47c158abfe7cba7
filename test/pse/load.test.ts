import t, { type Test } from 'tap'
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import type { PinSource } from '../../src/gateway/plan.ts'
import { loadIdentity } from '../../src/pse/load.ts'
import { mintCredentials } from '../helpers/mint-cred-v2.ts'
import { ecPrivateValue, mintPse, pseKey, toBeSigned } from '../helpers/mint-pse.ts'
import { mintPkcs7 } from '../helpers/mint-pkcs12.ts'
import { octets } from '../helpers/der.ts'
import { mintPki } from '../helpers/pki.ts'

const pki = await mintPki(t)
const other = await mintPki(t, { rootSubject: 'CN=Partner CA' })
const parts = { key: pseKey('ec', octets(ecPrivateValue(pki.server.key))), certificate: pki.server.der, root: pki.root.der }

/** A directory with these files, mode 600. */
function directory (t: Test, files: Record<string, string | Buffer>): (name: string) => string {
  const path = mkdtempSync(join(tmpdir(), 'postern-sec-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), content, { mode: 0o600 })
  }
  return name => join(path, name)
}

const load = (file: string, pin: PinSource[] = [], additionalTrust: string[] = []) =>
  loadIdentity({ file, pin, additionalTrust }, { user: 'wd1adm', env: { WD_PIN: '1234', EMPTY: '' } })
const cred = { from: 'cred_v2', user: null } as const
const environment = (variable: string) => ({ from: 'environment', variable }) as const

t.test('opens a file that needs no PIN without asking for one', async t => {
  const at = directory(t, { 'a.pse': mintPse(parts) })
  const { identity, warnings } = await load(at('a.pse'), [cred, environment('UNSET')])
  t.strictSame(identity.certificate, pki.server.der)
  t.equal(identity.source.file, at('a.pse'))
  t.strictSame(warnings, [])
})

t.test('takes the PIN from each source', async t => {
  const at = directory(t, { 'a.pse': mintPse({ ...parts, pin: '1234' }), pin: '1234\r\n', 'pin-of-blanks': ' 1234' })
  writeFileSync(at('cred_v2'), mintCredentials({ pse: at('a.pse'), user: 'wd1adm', pin: '1234', cipher: 'v1-aes' }, { pse: at('a.pse'), user: 'root', pin: '9', cipher: 'v0' }), { mode: 0o600 })
  for (const source of [cred, { from: 'cred_v2', user: 'wd1adm' }, { from: 'file', file: at('pin') }, environment('WD_PIN')] as PinSource[]) {
    const { identity, warnings } = await load(at('a.pse'), [source])
    t.strictSame(identity.certificate, pki.server.der, source.from)
    t.strictSame(warnings, [])
  }
  await t.rejects(load(at('a.pse'), [{ from: 'cred_v2', user: 'root' }]), { code: 'POSTERN_ERR_PSE_PIN_WRONG' })
  await t.rejects(load(at('a.pse'), [{ from: 'file', file: at('pin-of-blanks') }]), { code: 'POSTERN_ERR_PSE_PIN_WRONG' }, 'blanks belong to a PIN')
  t.ok(await load(relative(process.cwd(), at('a.pse')), [cred]), 'credentials are found by absolute path')
})

t.test('tries the sources in their order until one opens the file', async t => {
  const at = directory(t, { 'a.pse': mintPse({ ...parts, pin: '1234' }), wrong: '0815' })
  const wrong = { from: 'file', file: at('wrong') } as const
  t.ok(await load(at('a.pse'), [{ from: 'none' }, cred, { from: 'file', file: at('missing') }, environment('UNSET'), wrong, environment('WD_PIN')]))
  await t.rejects(load(at('a.pse'), [cred, environment('UNSET'), environment('EMPTY')]),
    { code: 'POSTERN_ERR_IDENTITY_PIN_SOURCE', message: /cred_v2 does not exist.*; .*UNSET is not set; .*wrong PIN$/ })
  await t.rejects(load(at('a.pse')), { code: 'POSTERN_ERR_PSE_PIN_REQUIRED' })
  await t.rejects(load(at('a.pse'), [{ from: 'none' }]), { code: 'POSTERN_ERR_PSE_PIN_REQUIRED' })
  await t.rejects(load(at('a.pse'), [cred]), { code: 'POSTERN_ERR_CREDV2_MISSING', message: /sapgenpse seclogin/ })
  await t.rejects(load(at('a.pse'), [environment('UNSET')]), { code: 'POSTERN_ERR_IDENTITY_PIN_SOURCE', message: /environment variable UNSET is not set/ })
})

t.test('a fault of the file is reported at once, whatever sources are left', async t => {
  const at = directory(t, { 'a.pse': mintPse({ ...parts, pin: '1234', tamper: bytes => bytes.subarray(8) }) })
  await t.rejects(load(at('a.pse'), [environment('WD_PIN'), environment('UNSET')]), { code: 'POSTERN_ERR_PSE_DAMAGED' })
})

t.test('warns of keys and PINs that others may read', async t => {
  const at = directory(t, { 'a.pse': mintPse(parts), 'b.pse': mintPse({ ...parts, pin: '1234' }), 'c.pem': pki.root.certPem, 'd.pem': pki.server.keyPem + pki.server.certPem, pin: '1234' })
  writeFileSync(at('cred_v2'), mintCredentials({ pse: at('b.pse'), user: 'wd1adm', pin: '1234', cipher: 'v0' }))
  for (const name of ['a.pse', 'b.pse', 'c.pem', 'pin', 'cred_v2']) chmodSync(at(name), 0o640)
  chmodSync(at('d.pem'), 0o604)
  const warned = async (file: string, pin: PinSource[] = []) => (await load(at(file), pin)).warnings
  const key = (file: string) => [{ code: 'POSTERN_WARN_IDENTITY_KEY_EXPOSED', message: `${at(file)} has a private key without PIN that group or others may read; expected mode 600` }]
  t.strictSame(await warned('a.pse'), key('a.pse'))
  t.strictSame(await warned('d.pem'), key('d.pem'))
  t.strictSame(await warned('b.pse', [environment('WD_PIN')]), [], 'a PIN protects it')
  t.strictSame(await warned('c.pem'), [], 'there is no key')
  t.match(await warned('b.pse', [cred]), [{ code: 'POSTERN_WARN_IDENTITY_PIN_EXPOSED', message: at('cred_v2') }])
  t.match(await warned('b.pse', [{ from: 'file', file: at('pin') }]), [{ code: 'POSTERN_WARN_IDENTITY_PIN_EXPOSED', message: at('pin') }])
})

t.test('passes on what the reader noticed', async t => {
  const at = directory(t, { 'a.pse': mintPse({ trusted: [toBeSigned(pki.root.der)] }) })
  t.match((await load(at('a.pse'))).warnings, [{ code: 'POSTERN_WARN_PSE_TRUST_BARE', message: at('a.pse') }])
})

t.test('adds certificates from files and directories, each once', async t => {
  const third = await mintPki(t, { rootSubject: 'CN=Third CA' })
  const at = directory(t, {
    'a.pse': mintPse(parts),
    'ca.pem': pki.root.certPem + other.root.certPem,
    'dir/a.der': other.root.der,
    'dir/b.p7b': mintPkcs7(third.root.der),
    'dir/.hidden': 'not read',
    'dir/sub/c.pem': 'not read',
    empty: '',
    'none/.keep': ''
  })
  const { identity } = await load(at('a.pse'), [], [at('ca.pem'), at('dir')])
  t.strictSame(identity.trusted, [pki.root.der, other.root.der, third.root.der])
  await t.rejects(load(at('a.pse'), [], [at('empty')]), { code: 'POSTERN_ERR_TRUST_INVALID', message: at('empty') })
  await t.rejects(load(at('a.pse'), [], [at('none')]), { code: 'POSTERN_ERR_TRUST_INVALID', message: /none .*the directory has no files/ })
  await t.rejects(load(at('a.pse'), [], [at('missing')]), { code: 'POSTERN_ERR_IDENTITY_UNREADABLE', message: `${at('missing')} cannot be read: there is no such file; expected one that this process may read` })
  symlinkSync('nowhere', at('dir/broken'))
  await t.rejects(load(at('a.pse'), [], [at('dir')]), { code: 'POSTERN_ERR_IDENTITY_UNREADABLE', message: /dir cannot be read: there is no such file/ })
})

t.test('follows the links of Kubernetes, before and after a swap', async t => {
  const at = directory(t, {
    '..1/tls.pem': pki.server.keyPem + pki.server.certPem,
    '..1/ca.crt': pki.root.certPem,
    '..2/tls.pem': other.server.keyPem + other.server.certPem,
    '..2/ca.crt': other.root.certPem
  })
  symlinkSync('..1', at('..data'))
  for (const name of ['tls.pem', 'ca.crt']) symlinkSync(`..data/${name}`, at(name))
  mkdirSync(at('trust'))
  symlinkSync('../..data/ca.crt', at('trust/ca.crt'))
  t.match((await load(at('tls.pem'), [], [at('trust')])).identity, { certificate: pki.server.der, trusted: [pki.root.der] })
  symlinkSync('..2', at('..new'))
  renameSync(at('..new'), at('..data'))
  t.match((await load(at('tls.pem'), [], [at('trust')])).identity, { certificate: other.server.der, trusted: [other.root.der] })
})

t.test('names files that cannot be read', async t => {
  const at = directory(t, { large: '' })
  truncateSync(at('large'), 4 * 1024 * 1024 + 1)
  await t.rejects(load(at('missing')), { code: 'POSTERN_ERR_IDENTITY_UNREADABLE', message: `${at('missing')} cannot be read: there is no such file; expected one that this process may read` })
  await t.rejects(load(at('.')), { code: 'POSTERN_ERR_IDENTITY_UNREADABLE', message: /it is a directory/ })
  symlinkSync('loop', at('loop'))
  await t.rejects(load(at('loop')), { code: 'POSTERN_ERR_IDENTITY_UNREADABLE', message: /ELOOP/ })
  await t.rejects(load(at('large')), { code: 'POSTERN_ERR_IDENTITY_TOO_LARGE', message: /4194305 bytes; expected at most 4194304/ })
  await t.rejects(load('/dev/zero'), { code: 'POSTERN_ERR_IDENTITY_TOO_LARGE' }, 'what has no size is read no further either')
})
