import t from 'tap'
import { commands } from '../../src/pse-tool/commands.ts'
import { exitCodeOf } from '../../src/pse-tool/exit-code.ts'
import { pseTool } from '../helpers/pse-tool.ts'

t.test('help', async t => {
  const tool = pseTool(t)
  for (const argv of [[], ['--help'], ['-help'], ['-h']]) {
    const { code, stdout } = await tool.run(argv)
    t.equal(code, 0)
    for (const { syntax } of commands) t.match(stdout, `  ${syntax.name} `)
  }
  for (const { syntax } of commands) t.match(await tool.run([syntax.name, '-help']), { code: 0, stderr: '' })
  t.match(await tool.run(['get_pse', '--help', '--json']), { code: 0, stdout: /^usage: postern pse gen_pse/ })
})

t.test('an unknown command', async t => {
  const tool = pseTool(t)
  t.match(await tool.run(['gen_cert', '-p', 'a']), { code: 1, stdout: '', stderr: /^error: "gen_cert" is no command.*\[POSTERN_ERR_PSE_TOOL_COMMAND\]\n$/ })
})

t.test('exit codes', async t => {
  const rows: Array<[code: string | undefined, exitCode: number]> = [
    ['PSE_TOOL_USAGE', 1], ['PSE_TOOL_COMMAND', 1], ['PSE_TOOL_EXISTS', 1], ['PSE_TOOL_WRITE', 1], ['IDENTITY_UNREADABLE', 1], ['PSE_TOOL_TRUST_NUMBER', 1],
    ['PSE_PIN_REQUIRED', 2], ['PSE_PIN_WRONG', 2], ['PSE_PIN_WRONG_OR_DAMAGED', 2], ['PKCS12_PIN_WRONG', 2], ['PEM_PIN_WRONG', 2], ['CREDV2_WRONG_USER', 2],
    ['CREDV2_NO_RECORD', 2], ['PSE_TOOL_NO_TERMINAL', 2], ['PSE_TOOL_INTERRUPTED', 2], ['PSE_TOOL_PIN_DIFFERS', 2], ['IDENTITY_PIN_UNWRITABLE', 2],
    ['PSE_DAMAGED', 3], ['PSE_NOT_DER', 3], ['PKCS12_ENCRYPTION', 3], ['PEM_DAMAGED', 3], ['CREDV2_INVALID', 3], ['IDENTITY_FORMAT_UNKNOWN', 3], ['TRUST_INVALID', 3], ['PSE_KEY_UNWRITABLE', 3],
    ['PSE_TOOL_CHANGED', 1], ['PSE_TOOL_BUSY', 1], ['IDENTITY_CHAIN', 3],
    ['PSE_TOOL_KEY_MISMATCH', 4], ['PSE_KEY_MISMATCH', 4], ['IDENTITY_KEY_MISMATCH', 4], ['PSE_TOOL_ISSUER_MISSING', 4], ['PSE_TOOL_DATES', 4], ['PSE_TOOL_NO_KEY', 4],
    [undefined, 1]
  ]
  for (const [code, exitCode] of rows) t.equal(exitCodeOf(code === undefined ? new TypeError('x') : { code: `POSTERN_ERR_${code}` }), exitCode, code ?? 'another error')
})

t.test('with --json there is JSON, wherever it stands', async t => {
  for (const argv of [['--json', 'gen_pse'], ['gen_pse', '--json'], ['gen_pse', '-json', '-x'], ['nothing', '--json'], ['get_my_name', '--json', '-p', 'missing']]) {
    const { code, stdout, stderr } = await pseTool(t).run(argv)
    t.equal(code, 1)
    t.equal(stderr, '')
    t.match(JSON.parse(stdout), { error: { code: /^POSTERN_ERR_/ } })
  }
})

t.test('a terminal obeys nothing that is in a name', async t => {
  const { stderr } = await pseTool(t).run(['get_my_name', '-p', 'a\u001b]0;title\u0007\nb\u009b2J'])
  t.match(stderr, 'a\\x1b]0;title\\x07\nb\\x9b2J')
  // eslint-disable-next-line no-control-regex -- these are the characters meant
  t.notMatch(stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
})

t.test('an error without a code is shown without one', async t => {
  const tool = pseTool(t)
  const ran = await tool.run(['gen_pse', '-p', 'a.pem', '-x', '', '-a', 'EC', '-noreq', 'CN=a'], { now: new Date(NaN) })
  t.match(ran, { code: 1, stderr: /^error: /m })
  t.notMatch(ran.stderr, 'POSTERN_')
  t.match(await tool.json(['gen_pse', '-p', 'a.pem', '-x', '', '-a', 'EC', '-noreq', 'CN=a'], { now: new Date(NaN) }), { code: 1, error: { message: /./ } })
})
