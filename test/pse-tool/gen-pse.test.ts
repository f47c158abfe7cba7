import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { runToEnd } from '../helpers/processes.ts'
import { pseTool } from '../helpers/pse-tool.ts'

const dn = 'CN=www.example.com, OU=Web, O=Example, C=DE'

async function openssl (request: string): Promise<string> {
  const { stdout, stderr } = await runToEnd('openssl', ['req', '-verify', '-noout', '-text', '-nameopt', 'RFC2253'], { input: request })
  return stdout + stderr
}

t.test('a PSE with a key, a self-signed certificate, and a request that openssl verifies', async t => {
  const tool = pseTool(t)
  const { code, stdout, stderr } = await tool.run(['gen_pse', '-p', 'SAPSSLS.pse', '-x', '@pin', '-r', 'a.req', '-a', 'sha256WithRsaEncryption', '-s', '2048', '-k', 'GN-dNSName:www.example.com', dn].map(one => one === '@pin' ? `@${tool.file('pin', 'geheim\n')}` : one))
  t.equal(code, 0, stderr)
  t.equal(stdout, '', 'the request is in its file')
  t.match(stderr, `PSE ${join(tool.secudir, 'SAPSSLS.pse')}\n`)
  t.match(stderr, `request ${join(tool.cwd, 'a.req')}\n`)
  t.notMatch(stderr, 'warning')
  const identity = readIdentity(tool.read('SAPSSLS.pse'), { file: 'a', pin: 'geheim' })
  const certificate = new X509Certificate(identity.certificate!)
  t.ok(certificate.checkPrivateKey(identity.privateKey!))
  t.equal(certificate.subjectAltName, 'DNS:www.example.com')
  t.match(identity, { chain: [], trusted: [], source: { format: 'pse-v2' } })
  const said = await openssl(readFileSync(join(tool.cwd, 'a.req'), 'utf8'))
  for (const part of ['verify OK', 'Subject: CN=www.example.com,OU=Web,O=Example,C=DE', 'DNS:www.example.com', 'sha256WithRSAEncryption']) t.match(said, part)
  t.equal(statSync(join(tool.secudir, 'SAPSSLS.pse')).mode & 0o777, 0o600)
})

t.test('the request goes to standard output, or nowhere', async t => {
  const tool = pseTool(t)
  const made = await tool.run(['get_pse', '-p', 'a.pem', '-x', '', '-a', 'EC:P-384', dn])
  t.match(await openssl(made.stdout), /verify OK/)
  t.match(made.stderr, /warning: .*a\.pem gets no PIN/)
  const none = await tool.run(['gen_pse', '-p', 'b.p12', '-x', 'geheim', '-a', 'EC', '-noreq', dn])
  t.match(none, { code: 0, stdout: '' })
  t.match(none.stderr, /warning: a PIN on the command line is visible/)
  t.match(readIdentity(tool.read('a.pem'), { file: 'a', pin: null }).privateKey!.asymmetricKeyDetails, { namedCurve: 'secp384r1' })
  t.match(readIdentity(tool.read('b.p12'), { file: 'b', pin: 'geheim' }), { source: { format: 'pkcs12' } })
})

t.test('a name the wrong way round is warned of; -v is no mistake', async t => {
  const tool = pseTool(t)
  const reversed = await tool.run(['gen_pse', '-v', '-p', 'a.pem', '-x', 'geheim', '-a', 'EC', '-noreq', 'C=DE, O=Example, CN=www.example.com'])
  t.match(reversed, { code: 0, stderr: /warning: C=DE, O=Example, CN=www\.example\.com: the name begins with its least specific part/ })
})

t.test('for programs', async t => {
  const tool = pseTool(t)
  const result = await tool.json(['gen_pse', '-p', 'a.pem', '-x', '', '-a', 'EC', dn])
  t.match(result, { command: 'gen_pse', code: 0, file: join(tool.secudir, 'a.pem'), format: 'pem', key: 'EC P-256', subject: dn, warnings: [/gets no PIN/] })
  t.match(await openssl(result.request), 'verify OK')
})

t.test('a renewal asks for the same names with the same key', async t => {
  const tool = pseTool(t)
  await tool.run(['gen_pse', '-p', 'a.pem', '-x', '', '-a', 'EC:P-384', '-noreq', '-k', 'GN-dNSName:www.example.com', dn])
  const before = tool.read('a.pem')
  const same = await openssl((await tool.run(['get_pse', '-p', 'a.pem', '-onlyreq'])).stdout)
  for (const part of ['verify OK', 'Subject: CN=www.example.com,OU=Web,O=Example,C=DE', 'DNS:www.example.com', 'ecdsa-with-SHA384']) t.match(same, part)
  const others = await tool.run(['gen_pse', '-p', 'a.pem', '-onlyreq', '-k', 'GN-iPAddress:192.0.2.1', 'CN=new'])
  const said = await openssl(others.stdout)
  t.match(said, /Subject: CN=new\n/)
  t.match(said, /IP Address:192\.0\.2\.1\n/)
  t.strictSame(tool.read('a.pem'), before)
})

t.test('nothing is made where something is wrong', async t => {
  const tool = pseTool(t)
  writeFileSync(join(tool.secudir, 'there.pse'), 'x')
  const rows: Array<[argv: string[], code: number, error: string]> = [
    [['-p', 'a.pse', '-x', ''], 1, 'PSE_TOOL_USAGE'],
    [['-p', 'a.pse', '-x', '', '-noreq', '-r', 'a', dn], 1, 'PSE_TOOL_USAGE'],
    [['-p', 'a.pse', '-x', '', '-f', 'jks', dn], 1, 'PSE_TOOL_USAGE'],
    [['-p', 'a.pse', '-x', '', 'www.example.com'], 1, 'X509_NAME_INVALID'],
    [['-p', 'a.pse', '-x', '', '-k', 'www.example.com', dn], 1, 'X509_ALTERNATIVE_NAME'],
    [['-p', 'there.pse', '-x', '', dn], 1, 'PSE_TOOL_EXISTS'],
    [['-p', 'a.pse', '-x', '', '-a', 'EC', dn], 3, 'PSE_KEY_UNWRITABLE'],
    [['-p', 'a.pem', '-x', '', '-a', 'EC', '-f', 'v4', dn], 3, 'PSE_KEY_UNWRITABLE'],
    [['-p', 'a.pse', '-onlyreq', '-noreq'], 1, 'PSE_TOOL_USAGE'],
    [['-p', 'a.pse', '-onlyreq'], 1, 'IDENTITY_UNREADABLE'],
    [['-p', 'a.pse', dn], 2, 'PSE_TOOL_NO_TERMINAL'],
    [['-p', 'a.pse', '-x', '@missing', dn], 1, 'IDENTITY_UNREADABLE'],
    [['-p', 'a.pse', '-x', 'env:MISSING', dn], 2, 'PSE_TOOL_PIN_SOURCE'],
    [['-p', 'no/such/dir.pem', '-x', '', '-a', 'EC', dn], 1, 'PSE_TOOL_WRITE']
  ]
  for (const [argv, code, error] of rows) {
    const ran = await tool.run(['gen_pse', ...argv])
    t.equal(ran.code, code, `${argv.join(' ')}: ${ran.stderr}`)
    t.match(ran.stderr, `[POSTERN_ERR_${error}]\n`)
  }
  t.equal(tool.read('there.pse').toString(), 'x')
  t.throws(() => tool.read('a.pse'))
})

t.test('the PIN of a new PSE is asked for twice', async t => {
  const tool = pseTool(t)
  const argv = ['gen_pse', '-p', 'a.pem', '-a', 'EC', '-noreq', dn]
  t.match(await tool.run(argv, { typed: ['geheim', 'anders'] }), { code: 2, stderr: /PSE_TOOL_PIN_DIFFERS/ })
  t.match(await tool.run(argv, { typed: ['geheim', 'geheim'] }), { code: 0 })
  t.strictSame(tool.questions.slice(0, 2), [`New PIN of ${join(tool.secudir, 'a.pem')} (empty for none): `, 'The same again: '])
  t.ok(readIdentity(tool.read('a.pem'), { file: 'a', pin: 'geheim' }).privateKey)
})

t.test('the PIN comes from an environment variable, and a file that others may read is a warning', async t => {
  const tool = pseTool(t)
  t.match(await tool.run(['gen_pse', '-p', 'a.pem', '-x', 'env:PIN', '-a', 'EC', '-noreq', dn], { env: { PIN: 'geheim' } }), { code: 0 })
  t.ok(readIdentity(tool.read('a.pem'), { file: 'a', pin: 'geheim' }).privateKey)
  writeFileSync(join(tool.cwd, 'open'), 'geheim', { mode: 0o644 })
  t.match(await tool.run(['get_my_name', '-p', 'a.pem', '-x', '@open']), { code: 0, stderr: /warning: .*open holds a PIN that group or others may read/ })
})

t.test('a relative name is looked up in SECUDIR, and without it in the current directory', async t => {
  const tool = pseTool(t)
  const { file } = await tool.json(['gen_pse', '-p', 'a.pem', '-x', '', '-a', 'EC', '-noreq', dn], { env: { SECUDIR: '' } })
  t.equal(file, join(tool.cwd, 'a.pem'))
  t.match(await tool.json(['get_my_name', '-p', 'a.pem']), { code: 1, error: { code: 'POSTERN_ERR_IDENTITY_UNREADABLE' } })
  t.match(await tool.json(['get_my_name', '-p', file]), { code: 0 })
})
