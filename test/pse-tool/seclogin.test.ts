import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readPin } from '../../src/pse/cred-v2.ts'
import { pseTool, type PseTool } from '../helpers/pse-tool.ts'

/** Two PSEs with PINs of their own. */
async function pses (t: Parameters<typeof pseTool>[0]): Promise<PseTool> {
  const tool = pseTool(t)
  for (const [name, pin] of [['a.p12', 'geheim'], ['b.p12', 'anders']] as const) await tool.run(['gen_pse', '-p', name, '-x', pin, '-a', 'EC', '-noreq', `CN=${name}`])
  return tool
}

t.test('a credential opens the PSE for its user, and for nobody else', async t => {
  const tool = await pses(t)
  t.match(await tool.json(['seclogin', '-p', 'a.p12', '-x', 'geheim']), { code: 0, file: join(tool.secudir, 'a.p12'), credentials: join(tool.secudir, 'cred_v2'), user: 'wdadm' })
  t.match(await tool.run(['seclogin', '-p', 'b.p12', '-x', 'anders', '-O', 'gateway']), { code: 0, stdout: /^gateway can open /, stderr: /gateway must be able to read / })
  t.equal(statSync(join(tool.secudir, 'cred_v2')).mode & 0o777, 0o600)
  const pin = (name: string, user: string) => readPin(tool.read('cred_v2'), { file: 'cred_v2', pse: join(tool.secudir, name), user })
  t.equal(pin('a.p12', 'wdadm'), 'geheim')
  t.equal(pin('b.p12', 'gateway'), 'anders')
  t.match(await tool.run(['get_my_name', '-p', 'a.p12', '-n', 'subject']), { code: 0, stdout: 'CN=a.p12\n' })
  const wrongUser = await tool.run(['get_my_name', '-p', 'a.p12'], { user: 'somebody' })
  t.match(wrongUser, { code: 2, stderr: /cannot be opened as user somebody/ })
  t.strictSame(tool.questions, [`PIN of ${join(tool.secudir, 'a.p12')}: `], 'asked for, since the credential is of no use')
})

t.test('a credential with a PIN that has changed is asked for again', async t => {
  const tool = await pses(t)
  await tool.run(['seclogin', '-p', 'a.p12', '-x', 'geheim'])
  await tool.run(['convert', '-p', 'a.p12', '-o', 'sec/a.p12', '-z', 'neu', '--replace'])
  t.match(await tool.run(['get_my_name', '-p', 'a.p12', '-n', 'subject'], { typed: ['neu'] }), { code: 0, stderr: /wrong password \(PIN\)/, stdout: 'CN=a.p12\n' })
})

t.test('the list', async t => {
  const tool = await pses(t)
  t.match(await tool.run(['seclogin', '-l']), { code: 0, stdout: 'no credentials\n', stderr: `credentials ${join(tool.secudir, 'cred_v2')}\n` })
  await tool.run(['seclogin', '-p', 'a.p12', '-x', 'geheim'])
  await tool.run(['seclogin', '-p', 'b.p12', '-x', 'anders', '-O', 'gateway'])
  const { stdout } = await tool.run(['seclogin', '-l'])
  t.match(stdout, /1\. .*\/a\.p12\n {3}Name +CN=a\.p12\n {3}User +wdadm\n/)
  t.match(stdout, /2\. .*\/b\.p12\n {3}Name +CN=b\.p12\n {3}User +not wdadm\n/)
  const listed = await tool.json(['seclogin', '-l', '-p', 'b.p12', '-O', 'gateway'])
  t.match(listed.entries, [{ own: false }, { own: true, pse: join(tool.secudir, 'b.p12') }])
  t.notMatch(JSON.stringify(listed), /geheim|anders/)
})

t.test('credentials are deleted one by one, and the file with the last', async t => {
  const tool = await pses(t)
  await tool.run(['seclogin', '-p', 'a.p12', '-x', 'geheim'])
  await tool.run(['seclogin', '-p', 'b.p12', '-x', 'anders', '-O', 'gateway'])
  t.match(await tool.run(['seclogin', '-d', '-p', 'b.p12']), { code: 2, stderr: /CREDV2_WRONG_USER/ })
  t.match(await tool.run(['seclogin', '-d', '-p', 'c.p12']), { code: 2, stderr: /CREDV2_NO_RECORD/ })
  t.match(await tool.run(['seclogin', '-d', '-p', 'b.p12', '-O', 'gateway']), { code: 0 })
  t.match((await tool.json(['seclogin', '-l'])).entries.length, 1)
  t.match(await tool.run(['seclogin', '-d', '-p', 'a.p12']), { code: 0 })
  t.notOk(existsSync(join(tool.secudir, 'cred_v2')))
  t.match(await tool.run(['seclogin', '-d', '-p', 'a.p12']), { code: 1, stderr: /IDENTITY_UNREADABLE/ })
})

t.test('what is wrong leaves cred_v2 as it was', async t => {
  const tool = await pses(t)
  await tool.run(['seclogin', '-p', 'a.p12', '-x', 'geheim'])
  await tool.run(['gen_pse', '-p', 'open.pem', '-x', '', '-a', 'EC', '-noreq', 'CN=open'])
  const before = tool.read('cred_v2')
  const rows: Array<[argv: string[], code: number, message: RegExp]> = [
    [['-p', 'b.p12', '-x', 'falsch'], 2, /wrong password \(PIN\)/],
    [['-p', 'open.pem'], 2, /open\.pem has no PIN: it opens without a credential.*PSE_TOOL_PIN_NONE/],
    [['-p', 'b.p12', '-x', 'anders', '-O', 'DOMAIN\\user'], 1, /a domain belongs to Windows/],
    [['-p', 'b.p12', '-x', 'anders', '-O', 'jörg'], 1, /CREDV2_UNWRITABLE/],
    [['-l', '-d'], 1, /-l and -d do not go together/],
    [[], 1, /-p is missing/]
  ]
  for (const [argv, code, message] of rows) t.match(await tool.run(['seclogin', ...argv]), { code, stderr: message }, argv.join(' '))
  t.strictSame(tool.read('cred_v2'), before)
  writeFileSync(join(tool.secudir, 'cred_v2'), 'damaged')
  t.match(await tool.run(['seclogin', '-p', 'b.p12', '-x', 'anders']), { code: 3, stderr: /CREDV2_INVALID/ })
  t.equal(tool.read('cred_v2').toString(), 'damaged')
})
