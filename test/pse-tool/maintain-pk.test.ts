import { join } from 'node:path'
import t from 'tap'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { mintPki } from '../helpers/pki.ts'
import { pseTool, type PseTool } from '../helpers/pse-tool.ts'

const pki = await mintPki(t)
const other = await mintPki(t, { rootSubject: 'CN=Other Root' })

async function pse (t: Parameters<typeof pseTool>[0], format: string): Promise<PseTool> {
  const tool = pseTool(t)
  await tool.run(['gen_pse', '-p', 'own', '-f', format, '-x', 'geheim', '-a', format.startsWith('pse') ? 'RSA' : 'EC', '-noreq', 'CN=own'])
  tool.file('root.pem', pki.root.certPem)
  tool.file('other.der', other.root.der)
  tool.file('many.pem', pki.root.certPem + other.root.certPem + pki.intermediate.certPem)
  return tool
}

function trusted (tool: PseTool): string[] {
  return readIdentity(tool.read('own'), { file: 'own', pin: 'geheim' }).trusted.map(der => der.toString('base64')).sort()
}

const base64 = (...ders: Buffer[]): string[] => ders.map(der => der.toString('base64')).sort()

t.test('certificates are added one by one or many at once, listed and deleted, in every format', async t => {
  for (const format of ['pse-v2', 'pse-v4', 'pkcs12', 'pem']) {
    const tool = await pse(t, format)
    const run = async (...argv: string[]) => await tool.json(['maintain_pk', '-p', 'own', '-x', 'geheim', ...argv])
    t.strictSame((await run('-l')).trusted, [], format)
    const added = await run('-a', 'root.pem', '-a', 'other.der')
    t.match(added, { code: 0, file: join(tool.secudir, 'own') })
    t.strictSame(added.trusted, (await run('-l')).trusted, 'the numbers after a change are those that the next one counts by')
    t.strictSame(trusted(tool), base64(pki.root.der, other.root.der))
    const again = await run('-m', 'many.pem')
    t.ok(again.notes.includes('"CN=Other Root" is trusted already'))
    t.strictSame(trusted(tool), base64(pki.root.der, other.root.der, pki.intermediate.der))
    const list = (await run()).trusted as Array<{ number: number, subject: string }>
    t.strictSame(list.map(({ number }) => number), [1, 2, 3])
    const number = list.find(({ subject }) => subject === 'CN=Other Root')!.number
    t.match(await run('-d', String(number)), { code: 0 })
    t.strictSame(trusted(tool), base64(pki.root.der, pki.intermediate.der))
    t.match(await run('-d', '1', '-d', '2'), { code: 0, trusted: [] })
    t.strictSame(trusted(tool), [])
    t.ok(readIdentity(tool.read('own'), { file: 'own', pin: 'geheim' }).privateKey, 'the key is there still')
  }
})

t.test('for people', async t => {
  const tool = await pse(t, 'pem')
  t.equal((await tool.run(['maintain_pk', '-l', '-p', 'own', '-x', 'geheim'])).stdout, 'no certificate is trusted\n')
  t.match((await tool.run(['maintain_pk', '-p', 'own', '-x', 'geheim', '-a', 'root.pem'])).stdout, /^1\.\n {3}Subject +CN=Root CA, O=Example, C=DE\n/)
})

t.test('what is not understood changes nothing', async t => {
  const tool = await pse(t, 'pse')
  await tool.run(['maintain_pk', '-p', 'own', '-x', 'geheim', '-a', 'root.pem'])
  const before = tool.read('own')
  const rows: Array<[argv: string[], code: number, message: RegExp]> = [
    [['-l', '-a', 'root.pem'], 1, /-l does not go together/],
    [['-a', 'many.pem'], 1, /-a many\.pem: it holds 3 certificates; expected one, or -m/],
    [['-a', 'missing.pem'], 1, /IDENTITY_UNREADABLE/],
    [['-d', '2'], 1, /-d 2: .*own has 1 trusted certificates.*PSE_TOOL_TRUST_NUMBER/],
    [['-d', '0'], 1, /PSE_TOOL_TRUST_NUMBER/],
    [['-d', 'one'], 1, /PSE_TOOL_TRUST_NUMBER/]
  ]
  for (const [argv, code, message] of rows) t.match(await tool.run(['maintain_pk', '-p', 'own', '-x', 'geheim', ...argv]), { code, stderr: message }, argv.join(' '))
  t.match(await tool.run(['maintain_pk', '-p', 'own', '-x', 'falsch', '-a', 'other.der']), { code: 2, stderr: /wrong PIN \[POSTERN_ERR_PSE_PIN_WRONG\]/ })
  t.strictSame(tool.read('own'), before)
})

t.test('what is of doubtful use is a warning', async t => {
  const tool = await pse(t, 'pse')
  const expired = await pki.issue({ subject: 'CN=Old', issuer: null, ca: true, notBefore: new Date(0), notAfter: new Date(1000) })
  tool.file('old.pem', expired.certPem)
  tool.file('leaf.pem', pki.client.certPem)
  const { stderr } = await tool.run(['maintain_pk', '-p', 'own', '-x', 'geheim', '-a', 'old.pem', '-a', 'leaf.pem'])
  t.match(stderr, 'warning: the certificate of "CN=Old" has expired')
  t.match(stderr, 'warning: "CN=user, OU=Test, O=Example, C=DE" is no CA: trusted is this one certificate')
  t.strictSame(trusted(tool), base64(expired.der, pki.client.der))
})

t.test('PEM cannot hold every trust list, and then says so', async t => {
  const tool = await pse(t, 'pem')
  tool.file('leaf.pem', pki.client.certPem)
  const before = tool.read('own')
  t.match(await tool.run(['maintain_pk', '-p', 'own', '-x', 'geheim', '-a', 'leaf.pem']), { code: 1, stderr: /own is PEM, which has no place.*PSE_TOOL_PEM_TRUST/ })
  t.strictSame(tool.read('own'), before)
})
