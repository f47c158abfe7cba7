import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readPin } from '../../src/pse/cred-v2.ts'
import { pseTool, type PseTool } from '../helpers/pse-tool.ts'

/** Two PSEs with PINs of their own. */
async function pses (t: Parameters<typeof pseTool>[0]): Promise<PseTool> {
  const tool = pseTool(t)
  for (const [name, pin] of [['a.pem', 'geheim'], ['b.pem', 'anders']] as const) await tool.run(['gen_pse', '-p', name, '-x', pin, '-a', 'EC', '-noreq', `CN=${name}`])
  return tool
}

t.test('a credential opens the PSE for its user, and for nobody else', async t => {
  const tool = await pses(t)
  t.match(await tool.json(['seclogin', '-p', 'a.pem', '-x', 'geheim']), { code: 0, file: join(tool.secudir, 'a.pem'), credentials: join(tool.secudir, 'cred_v2'), user: 'wdadm' })
  t.match(await tool.run(['seclogin', '-p', 'b.pem', '-x', 'anders', '-O', 'gateway']), { code: 0, stdout: /^gateway can open /, stderr: /gateway must be able to read / })
  t.equal(statSync(join(tool.secudir, 'cred_v2')).mode & 0o777, 0o600)
  const pin = (name: string, user: string) => readPin(tool.read('cred_v2'), { file: 'cred_v2', pse: join(tool.secudir, name), user })
  t.equal(pin('a.pem', 'wdadm'), 'geheim')
  t.equal(pin('b.pem', 'gateway'), 'anders')
  t.match(await tool.run(['get_my_name', '-p', 'a.pem', '-n', 'subject']), { code: 0, stdout: 'CN=a.pem\n' })
  const wrongUser = await tool.run(['get_my_name', '-p', 'a.pem'], { user: 'somebody' })
  t.match(wrongUser, { code: 2, stderr: /cannot be opened as user somebody/ })
  t.strictSame(tool.questions, [`PIN of ${join(tool.secudir, 'a.pem')}: `], 'asked for, since the credential is of no use')
})

t.test('a credential with a PIN that has changed is asked for again', async t => {
  const tool = await pses(t)
  await tool.run(['seclogin', '-p', 'a.pem', '-x', 'geheim'])
  await tool.run(['convert', '-p', 'a.pem', '-o', 'sec/a.pem', '-z', 'neu', '--replace'])
  t.match(await tool.run(['get_my_name', '-p', 'a.pem', '-n', 'subject'], { typed: ['neu'] }), { code: 0, stderr: /wrong passphrase \(PIN\)/, stdout: 'CN=a.pem\n' })
})

t.test('the list', async t => {
  const tool = await pses(t)
  t.match(await tool.run(['seclogin', '-l']), { code: 0, stdout: 'no credentials\n', stderr: `credentials ${join(tool.secudir, 'cred_v2')}\n` })
  await tool.run(['seclogin', '-p', 'a.pem', '-x', 'geheim'])
  await tool.run(['seclogin', '-p', 'b.pem', '-x', 'anders', '-O', 'gateway'])
  const { stdout } = await tool.run(['seclogin', '-l'])
  t.match(stdout, /1\. .*\/a\.pem\n {3}Name +CN=a\.pem\n {3}User +wdadm\n/)
  t.match(stdout, /2\. .*\/b\.pem\n {3}Name +CN=b\.pem\n {3}User +not wdadm\n/)
  const listed = await tool.json(['seclogin', '-l', '-p', 'b.pem', '-O', 'gateway'])
  t.match(listed.entries, [{ own: false }, { own: true, pse: join(tool.secudir, 'b.pem') }])
  t.notMatch(JSON.stringify(listed), /geheim|anders/)
})

t.test('credentials are deleted one by one, and the file with the last', async t => {
  const tool = await pses(t)
  await tool.run(['seclogin', '-p', 'a.pem', '-x', 'geheim'])
  await tool.run(['seclogin', '-p', 'b.pem', '-x', 'anders', '-O', 'gateway'])
  t.match(await tool.run(['seclogin', '-d', '-p', 'b.pem']), { code: 2, stderr: /CREDV2_WRONG_USER/ })
  t.match(await tool.run(['seclogin', '-d', '-p', 'c.pem']), { code: 2, stderr: /CREDV2_NO_RECORD/ })
  t.match(await tool.run(['seclogin', '-d', '-p', 'b.pem', '-O', 'gateway']), { code: 0 })
  t.match((await tool.json(['seclogin', '-l'])).entries.length, 1)
  t.match(await tool.run(['seclogin', '-d', '-p', 'a.pem']), { code: 0 })
  t.notOk(existsSync(join(tool.secudir, 'cred_v2')))
  t.match(await tool.run(['seclogin', '-d', '-p', 'a.pem']), { code: 1, stderr: /IDENTITY_UNREADABLE/ })
})

t.test('what is wrong leaves cred_v2 as it was', async t => {
  const tool = await pses(t)
  await tool.run(['seclogin', '-p', 'a.pem', '-x', 'geheim'])
  await tool.run(['gen_pse', '-p', 'open.pem', '-x', '', '-a', 'EC', '-noreq', 'CN=open'])
  const before = tool.read('cred_v2')
  const rows: Array<[argv: string[], code: number, message: RegExp]> = [
    [['-p', 'b.pem', '-x', 'falsch'], 2, /wrong passphrase \(PIN\)/],
    [['-p', 'open.pem'], 2, /open\.pem has no PIN: it opens without a credential.*PSE_TOOL_PIN_NONE/],
    [['-p', 'b.pem', '-x', 'anders', '-O', 'DOMAIN\\user'], 1, /a domain belongs to Windows/],
    [['-p', 'b.pem', '-x', 'anders', '-O', 'jörg'], 1, /CREDV2_UNWRITABLE/],
    [['-l', '-d'], 1, /-l and -d do not go together/],
    [[], 1, /-p is missing/]
  ]
  for (const [argv, code, message] of rows) t.match(await tool.run(['seclogin', ...argv]), { code, stderr: message }, argv.join(' '))
  t.strictSame(tool.read('cred_v2'), before)
  writeFileSync(join(tool.secudir, 'cred_v2'), 'damaged')
  t.match(await tool.run(['seclogin', '-p', 'b.pem', '-x', 'anders']), { code: 3, stderr: /CREDV2_INVALID/ })
  t.equal(tool.read('cred_v2').toString(), 'damaged')
})
