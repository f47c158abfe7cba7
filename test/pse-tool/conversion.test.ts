import { createPublicKey } from 'node:crypto'
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { readTrustFile } from '../../src/pse/trust-file.ts'
import { mintPki } from '../helpers/pki.ts'
import { runToEnd } from '../helpers/processes.ts'
import { pseTool, type PseTool } from '../helpers/pse-tool.ts'

const pki = await mintPki(t, { keyType: 'RSA' })
const ec = await mintPki(t)
const other = await mintPki(t, { rootSubject: 'CN=Other Root' })

/** A PEM file with key, certificate, its chain, and a trusted CA. */
function bundle (tool: PseTool, name = 'bundle.pem'): string {
  return tool.file(name, pki.server.keyPem + pki.server.chainPem + pki.root.certPem + other.root.certPem)
}

const identityOf = (bytes: Buffer, pin: string | null) => {
  const { certificate, chain, trusted, privateKey } = readIdentity(bytes, { file: 'f', pin })
  return { certificate, chain, trusted, key: privateKey === null ? null : createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }) }
}

t.test('through every format, and the same comes back', async t => {
  const tool = pseTool(t)
  const first = join(tool.cwd, bundle(tool))
  const before = identityOf(readFileSync(first), null)
  t.strictSame(before.trusted, [other.root.der])
  let source = first
  let pin: string[] = []
  for (const [name, format, given] of [['a.pse', 'pse-v2', 'geheim'], ['b.p12', 'pkcs12', 'anders'], ['c.pse', 'pse-v4', 'geheim'], ['d.pem', 'pem', 'anders'], ['e.pse', 'v4', '']] as const) {
    const result = await tool.json(['convert', '-p', source, ...pin, '-o', name, '-f', format, '-z', given])
    t.match(result, { code: 0, outputFile: join(tool.cwd, name), trustFile: null }, name)
    source = join(tool.cwd, name)
    pin = given === '' ? [] : ['-x', given]
    t.strictSame(identityOf(readFileSync(source), given === '' ? null : given), before, name)
    t.equal(statSync(source).mode & 0o777, 0o600)
  }
})

t.test('the PIN stays the same unless another one is given, and files are not overwritten unasked', async t => {
  const tool = pseTool(t)
  await tool.run(['convert', '-p', join(tool.cwd, bundle(tool)), '-o', 'a.p12', '-z', 'geheim'])
  t.match(await tool.run(['convert', '-p', join(tool.cwd, 'a.p12'), '-x', 'geheim', '-o', 'b.pem']), { code: 0, stderr: /written .*b\.pem \(pem\)/ })
  t.throws(() => identityOf(readFileSync(join(tool.cwd, 'b.pem')), null), { code: 'POSTERN_ERR_PEM_PIN_REQUIRED' })
  t.match(await tool.run(['convert', '-p', join(tool.cwd, 'a.p12'), '-x', 'geheim', '-o', 'b.pem']), { code: 1, stderr: /PSE_TOOL_EXISTS/ })
  t.match(await tool.run(['convert', '-p', join(tool.cwd, 'a.p12'), '-x', 'geheim', '-z', '', '-o', 'b.pem', '--replace']), { code: 0, stderr: /gets no PIN/ })
  t.ok(identityOf(readFileSync(join(tool.cwd, 'b.pem')), null))
})

t.test('a trust list that PEM cannot hold goes into a file beside', async t => {
  const tool = pseTool(t)
  const name = join(tool.cwd, tool.file('own.pem', pki.server.keyPem + pki.server.chainPem + pki.root.certPem))
  await tool.run(['convert', '-p', name, '-o', 'a.pse'])
  tool.file('root.pem', pki.root.certPem)
  await tool.run(['maintain_pk', '-p', join(tool.cwd, 'a.pse'), '-a', 'root.pem'])
  const result = await tool.json(['convert', '-p', join(tool.cwd, 'a.pse'), '-o', 'b.pem'])
  t.match(result, { code: 0, trustFile: join(tool.cwd, 'b-trust.pem'), notes: [/PSE/, /postern\/trust_<xx>/, /written/] })
  t.match(identityOf(readFileSync(join(tool.cwd, 'b.pem')), null), { certificate: pki.server.der, trusted: [] })
  t.strictSame(readTrustFile(readFileSync(result.trustFile), 'trust').map(({ der }) => der), [pki.root.der])
})

t.test('a trust list beside is not left alone where its identity could not be written', async t => {
  const tool = pseTool(t)
  await tool.run(['convert', '-p', join(tool.cwd, tool.file('own.pem', pki.server.keyPem + pki.server.chainPem + pki.root.certPem)), '-o', 'a.pse'])
  await tool.run(['maintain_pk', '-p', join(tool.cwd, 'a.pse'), '-a', tool.file('root.pem', pki.root.certPem)])
  tool.file('b.pem', 'of another')
  t.match(await tool.run(['convert', '-p', join(tool.cwd, 'a.pse'), '-o', 'b.pem']), { code: 1, stderr: /b\.pem exists already/ })
  symlinkSync('1', join(tool.cwd, '.c.pem.lock'))
  t.match(await tool.run(['convert', '-p', join(tool.cwd, 'a.pse'), '-o', 'c.pem']), { code: 1, stderr: /PSE_TOOL_BUSY/ })
  t.strictSame(readdirSync(tool.cwd).filter(name => name.includes('trust')), [])
})

t.test('PKCS#12 goes out to openssl, and comes in from it', async t => {
  const tool = pseTool(t)
  const source = join(tool.cwd, bundle(tool))
  t.match(await tool.run(['export_p12', '-p', source, '-z', 'geheim', 'out.p12']), { code: 0 })
  const said = await runToEnd('openssl', ['pkcs12', '-in', join(tool.cwd, 'out.p12'), '-passin', 'pass:geheim', '-nokeys', '-clcerts'])
  t.equal(said.code, 0, said.stderr)
  t.match(said.stdout, pki.server.certPem)
  tool.file('key.pem', ec.server.keyPem)
  tool.file('chain.pem', ec.server.certPem)
  tool.file('issuers.pem', ec.intermediate.certPem + ec.root.certPem)
  await runToEnd('openssl', ['pkcs12', '-export', '-inkey', 'key.pem', '-in', 'chain.pem', '-passout', 'pass:fremd', '-out', 'in.p12'], { cwd: tool.cwd })
  const argv = ['import_p12', '-p', 'own.pem', '-x', 'geheim', '-z', 'fremd', 'in.p12']
  t.match(await tool.run(argv), { code: 4, stderr: /issuer "CN=Issuing CA, O=Example, C=DE" is missing/ })
  t.match(await tool.run([...argv, '-r', 'issuers.pem']), { code: 0, stdout: /Subject +CN=localhost/ })
  t.match(identityOf(tool.read('own.pem'), 'geheim'), { certificate: ec.server.der, chain: [ec.intermediate.der, ec.root.der], trusted: [] })
  t.match(await tool.run([...argv, '-r', 'issuers.pem']), { code: 1, stderr: /PSE_TOOL_EXISTS/ })
  t.match(await tool.run(['import_p12', '-p', 'own.pse', '-x', 'geheim', '-z', 'fremd', '-r', 'issuers.pem', 'in.p12']), { code: 3, stderr: /PSE_KEY_UNWRITABLE/ })
  t.match(await tool.run(['import_p12', '-p', 'new.pem', '-x', 'geheim', '-z', 'falsch', '-r', 'issuers.pem', 'in.p12']), { code: 2, stderr: /PKCS12_PIN_WRONG/ })
  t.match(await tool.run(['import_p12', '-p', 'new.pem', '-r', 'issuers.pem', 'in.p12'], { typed: ['fremd', 'neu', 'neu'] }), { code: 0 })
  t.ok(identityOf(tool.read('new.pem'), 'neu').key)
})

t.test('old PKCS#12 with RC2 is refused by name, with the command that converts it', async t => {
  const tool = pseTool(t)
  tool.file('key.pem', ec.server.keyPem)
  tool.file('chain.pem', ec.server.chainPem + ec.root.certPem)
  await runToEnd('openssl', ['pkcs12', '-export', '-legacy', '-inkey', 'key.pem', '-in', 'chain.pem', '-passout', 'pass:fremd', '-out', 'old.p12'], { cwd: tool.cwd })
  t.match(await tool.run(['import_p12', '-p', 'own.pem', '-x', '', '-z', 'fremd', 'old.p12']), { code: 3, stderr: /RC2.*openssl pkcs12 -legacy/ })
  await runToEnd('openssl', ['pkcs12', '-export', '-legacy', '-certpbe', 'PBE-SHA1-3DES', '-inkey', 'key.pem', '-in', 'chain.pem', '-passout', 'pass:fremd', '-out', 'better.p12'], { cwd: tool.cwd })
  t.match(await tool.run(['import_p12', '-p', 'own.pem', '-x', '', '-z', 'fremd', 'better.p12']), { code: 0 })
})

t.test('damaged and foreign files', async t => {
  const tool = pseTool(t)
  await tool.run(['convert', '-p', join(tool.cwd, bundle(tool)), '-o', 'sec/a.pse', '-z', 'geheim'])
  const whole = tool.read('a.pse')
  const damaged = Buffer.from(whole)
  // within the primes of the key
  damaged[300]! ^= 1
  writeFileSync(join(tool.secudir, 'damaged.pse'), damaged)
  writeFileSync(join(tool.secudir, 'half.pse'), whole.subarray(0, 1000))
  writeFileSync(join(tool.secudir, 'text.pse'), 'nothing of the kind')
  const rows: Array<[name: string, pin: string, code: number, error: RegExp]> = [
    ['a.pse', 'falsch', 2, /wrong PIN \[POSTERN_ERR_PSE_PIN_WRONG\]/],
    ['damaged.pse', 'geheim', 3, /PSE_(KEY_MISMATCH|KEY_ENCODING|DAMAGED)\]/],
    ['half.pse', 'geheim', 3, /PSE_NOT_DER/],
    ['text.pse', 'geheim', 3, /IDENTITY_FORMAT_UNKNOWN/]
  ]
  for (const [name, pin, code, error] of rows) t.match(await tool.run(['get_my_name', '-p', name, '-x', pin]), { code, stderr: error, stdout: '' }, name)
  t.match(await tool.json(['get_my_name', '-p', 'a.pse', '-x', 'falsch']), { code: 2, command: 'get_my_name', error: { code: 'POSTERN_ERR_PSE_PIN_WRONG' } })
})

t.test('a PIN that is not needed is not used', async t => {
  const tool = pseTool(t)
  t.match(await tool.run(['get_my_name', '-p', join(tool.cwd, bundle(tool)), '-x', 'geheim']), { code: 0, stderr: /has no PIN; the given one is not needed/ })
})
