import { join } from 'node:path'
import t from 'tap'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { mintPki, type Issued, type Pki } from '../helpers/pki.ts'
import { pseTool, type PseTool } from '../helpers/pse-tool.ts'

const day = 86_400_000
const pki = await mintPki(t)

/** A PEM identity with a self-signed certificate in SECUDIR, and its key for the CA of this test. */
async function request (t: Parameters<typeof pseTool>[0], format = 'pem'): Promise<{ tool: PseTool, key: Issued }> {
  const tool = pseTool(t)
  await tool.run(['gen_pse', '-p', 'own', '-f', format, '-x', '', '-a', format === 'pem' ? 'EC' : 'RSA', '-noreq', 'CN=www.example.com, O=Example, C=DE'])
  const { privateKey } = readIdentity(tool.read('own'), { file: 'own', pin: null })
  return { tool, key: { ...pki.server, key: privateKey! } }
}

/** What the CA makes of the request. */
async function answer (key: Issued, options: Partial<Parameters<Pki['issue']>[0]> = {}): Promise<Issued> {
  const keyType = key.key.asymmetricKeyType === 'rsa' ? 'RSA' : 'EC'
  // signed by an EC CA, whatever the key
  return await pki.issue({ subject: 'CN=www.example.com, O=Example, C=DE', issuer: pki.intermediate, keyOf: key, keyType, ...options })
}

t.test('the answer with its issuers in any order and in several files', async t => {
  for (const format of ['pem', 'pse-v2', 'pse-v4']) {
    const { tool, key } = await request(t, format)
    const own = await answer(key)
    tool.file('answer.pem', pki.root.certPem + pki.server.certPem + own.certPem)
    tool.file('ca.der', pki.intermediate.der)
    const result = await tool.json(['import_own_cert', '-p', 'own', '-c', 'answer.pem', '-r', 'ca.der'])
    t.match(result, { code: 0, file: join(tool.secudir, 'own'), certificate: { issuer: 'CN=Issuing CA, O=Example, C=DE' }, chain: [{ subject: 'CN=Issuing CA, O=Example, C=DE' }, { subject: 'CN=Root CA, O=Example, C=DE' }], warnings: [] })
    const identity = readIdentity(tool.read('own'), { file: 'own', pin: null })
    t.strictSame([identity.certificate, ...identity.chain], [own.der, pki.intermediate.der, pki.root.der])
    t.strictSame(identity.trusted, [], 'the CA of a server certificate is nobody who may vouch for clients')
  }
})

t.test('a renewal finds the issuers in the file, and of two answers takes the newer', async t => {
  const { tool, key } = await request(t)
  const [old, renewed] = [await answer(key, { notBefore: new Date(Date.now() - 3 * day) }), await answer(key)]
  tool.file('old.pem', old.certPem + pki.intermediate.certPem + pki.root.certPem)
  t.match(await tool.run(['import_own_cert', '-p', 'own', '-c', 'old.pem']), { code: 0, stdout: /Subject +CN=www\.example\.com, O=Example, C=DE\n.*\n.*\n {2}Subject +CN=Issuing CA/ })
  tool.file('new.pem', old.certPem + renewed.certPem)
  t.match(await tool.run(['import_own_cert', '-p', 'own', '-c', 'new.pem']), { code: 0 })
  t.strictSame(readIdentity(tool.read('own'), { file: 'own', pin: null }).certificate, renewed.der)
})

t.test('of two answers the one that is valid now is taken, whatever comes later', async t => {
  const { tool, key } = await request(t)
  const [valid, later] = [await answer(key), await answer(key, { notBefore: new Date(Date.now() + day), notAfter: new Date(Date.now() + 2 * day) })]
  for (const order of [[valid, later], [later, valid]]) {
    tool.file('both.pem', order.map(({ certPem }) => certPem).join('') + pki.intermediate.certPem + pki.root.certPem)
    t.match(await tool.run(['import_own_cert', '-p', 'own', '-c', 'both.pem']), { code: 0 })
    t.strictSame(readIdentity(tool.read('own'), { file: 'own', pin: null }).certificate, valid.der)
  }
})

t.test('what does not fit is refused, by name, and the file stays as it was', async t => {
  const { tool, key } = await request(t)
  const before = tool.read('own')
  const good = await answer(key)
  tool.file('issuers.pem', pki.intermediate.certPem + pki.root.certPem)
  tool.file('good.pem', good.certPem)
  tool.file('foreign.pem', pki.server.certPem)
  tool.file('expired.pem', (await answer(key, { notBefore: new Date(Date.now() - 9 * day), notAfter: new Date(Date.now() - day) })).certPem)
  tool.file('early.pem', (await answer(key, { notBefore: new Date(Date.now() + day / 24) })).certPem)
  const expiredCa = await pki.issue({ subject: 'CN=Old CA', issuer: pki.root, ca: true, notBefore: new Date(Date.now() - 9 * day), notAfter: new Date(Date.now() - day) })
  tool.file('old-ca.pem', (await answer(key, { issuer: expiredCa })).certPem + expiredCa.certPem)
  tool.file('no.pem', 'nothing')
  const rows: Array<[answer: string, issuers: boolean, code: number, message: RegExp]> = [
    ['foreign.pem', true, 4, /foreign\.pem: no certificate in it belongs to the private key of .*own, but to another one: "CN=localhost, O=Example, C=DE".*PSE_TOOL_KEY_MISMATCH/],
    ['good.pem', false, 4, /issuer "CN=Issuing CA, O=Example, C=DE" is missing, which issued "CN=www\.example\.com.*PSE_TOOL_ISSUER_MISSING/],
    ['expired.pem', true, 4, /"CN=www\.example\.com, O=Example, C=DE" is not valid at this time.*PSE_TOOL_DATES/],
    ['early.pem', true, 4, /PSE_TOOL_DATES/],
    ['old-ca.pem', true, 4, /"CN=Old CA" is not valid at this time/],
    ['no.pem', true, 3, /TRUST_INVALID/],
    ['missing.pem', true, 1, /IDENTITY_UNREADABLE/]
  ]
  for (const [file, issuers, code, message] of rows) {
    const ran = await tool.run(['import_own_cert', '-p', 'own', '-c', file, ...issuers ? ['-r', 'issuers.pem'] : []])
    t.equal(ran.code, code, file)
    t.match(ran.stderr, message)
    t.equal(ran.stdout, '')
  }
  tool.file('half.pem', good.certPem + pki.intermediate.certPem)
  t.match(await tool.run(['import_own_cert', '-p', 'own', '-c', 'half.pem']), { code: 4, stderr: /issuer "CN=Root CA, O=Example, C=DE" is missing, which issued "CN=Issuing CA/ })
  t.strictSame(tool.read('own'), before)
})

t.test('another name than was asked for is a warning', async t => {
  const { tool, key } = await request(t)
  tool.file('answer.pem', (await answer(key, { subject: 'CN=www.example.com' })).chainPem + pki.root.certPem)
  t.match(await tool.run(['import_own_cert', '-p', 'own', '-c', 'answer.pem']), { code: 0, stderr: /warning: the CA has changed the name: it was "CN=www\.example\.com, O=Example, C=DE" and is "CN=www\.example\.com"/ })
})

t.test('the root of a public CA need not be brought along', async t => {
  const { tool, key } = await request(t)
  const own = await answer(key)
  tool.file('fullchain.pem', own.chainPem)
  const argv = ['import_own_cert', '-p', 'own', '-c', 'fullchain.pem']
  t.match(await tool.run(argv, { publicRoots: [pki.server.certPem] }), { code: 4, stderr: /"CN=Root CA, O=Example, C=DE" is missing/ })
  t.match(await tool.run(argv, { publicRoots: [pki.server.certPem, pki.root.certPem] }), { code: 0, stderr: /the root "CN=Root CA, O=Example, C=DE" is taken from the public CAs/ })
  const identity = readIdentity(tool.read('own'), { file: 'own', pin: null })
  t.strictSame([identity.chain, identity.trusted], [[pki.intermediate.der, pki.root.der], []])
})

t.test('the own certificate goes out, alone or with its chain', async t => {
  const { tool, key } = await request(t)
  const own = await answer(key)
  tool.file('answer.pem', own.chainPem + pki.root.certPem)
  await tool.run(['import_own_cert', '-p', 'own', '-c', 'answer.pem'])
  t.equal((await tool.run(['export_own_cert', '-p', 'own'])).stdout, own.certPem)
  t.equal((await tool.run(['export_own_cert', '-p', 'own', '-chain'])).stdout, own.chainPem + pki.root.certPem)
  t.match(await tool.run(['export_own_cert', '-p', 'own', '-o', 'own.crt']), { code: 0, stdout: '', stderr: `certificate ${join(tool.cwd, 'own.crt')}` })
  t.match(await tool.json(['export_own_cert', '-p', 'own', '-o', 'own.crt']), { pem: own.certPem, outputFile: join(tool.cwd, 'own.crt') })
})

t.test('what is known of the own certificate', async t => {
  const { tool, key } = await request(t)
  const own = await answer(key, { serverNames: ['www.example.com'], serialNumber: Uint8Array.of(0x0a, 0xbc) })
  tool.file('answer.pem', own.chainPem + pki.root.certPem)
  await tool.run(['import_own_cert', '-p', 'own', '-c', 'answer.pem'])
  const rows: Array<[part: string, text: string | RegExp]> = [
    ['Subject', 'CN=www.example.com, O=Example, C=DE\n'],
    ['issuer', 'CN=Issuing CA, O=Example, C=DE\n'],
    ['SerialNo', '0ABC\n'],
    ['Validity', / to .* \(\d+ days left\)\n/],
    ['Key', 'EC P-256\n'],
    ['Fingerprint', `${own.certificate.fingerprint256}\n`],
    ['AlternativeNames', 'DNS:www.example.com\n']
  ]
  for (const [part, text] of rows) t.match((await tool.run(['get_my_name', '-p', 'own', '-n', part])).stdout, text, part)
  t.match(await tool.run(['get_my_name', '-p', 'own', '-n', 'Colour']), { code: 1, stderr: /-n Colour: expected Subject/ })
  const late = await tool.run(['get_my_name', '-p', 'own', '-v'], { now: new Date(Date.now() + 400 * day) })
  t.match(late.stdout, /\(expired\)/)
  t.match(late.stdout, /\n {4}Subject +CN=Root CA/)
  t.match(await tool.json(['get_my_name', '-p', 'own']), { format: 'pem', protected: false, certificate: { alternativeNames: 'DNS:www.example.com' }, chain: [{}, {}] })
  tool.file('verify.pem', pki.root.certPem)
  t.match(await tool.run(['get_my_name', '-p', join(tool.cwd, 'verify.pem')]), { code: 4, stderr: /PSE_TOOL_NO_KEY/ })
})

t.test('the self-signed certificate that held the place is no longer trusted, all others are', async t => {
  const { tool, key } = await request(t, 'pse-v2')
  tool.file('self.pem', (await tool.run(['export_own_cert', '-p', 'own'])).stdout)
  tool.file('other.pem', pki.root.certPem)
  await tool.run(['maintain_pk', '-p', 'own', '-a', 'self.pem', '-a', 'other.pem'])
  t.equal(readIdentity(tool.read('own'), { file: 'own', pin: null }).trusted.length, 2)
  tool.file('answer.pem', (await answer(key)).chainPem)
  t.match(await tool.run(['import_own_cert', '-p', 'own', '-c', 'answer.pem']), { code: 0 }, 'the root is known from the trust list')
  t.strictSame(readIdentity(tool.read('own'), { file: 'own', pin: null }).trusted, [pki.root.der])
})
