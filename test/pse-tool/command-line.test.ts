import t from 'tap'
import { helpOf, readCommandLine, type Syntax } from '../../src/pse-tool/command-line.ts'

const syntax: Syntax = {
  name: 'some_command',
  summary: 'Does something.',
  options: {
    pse: { letter: 'p', value: '<pse>', required: true, text: 'the PSE' },
    pin: { letter: 'x', value: '<pin>', text: 'its PIN' },
    issuers: { letter: 'r', value: '<file>', many: true, text: 'certificates' },
    noreq: { text: 'no request' },
    list: { letter: 'l', text: 'list' }
  },
  argument: { value: '"<DN>"', text: 'a name', required: false }
}

t.test('options of one letter, of several behind one dash or two, and an argument', async t => {
  for (const argv of [['-p', 'a.pse', '-noreq', '-x', '', '-r', '1', 'CN=a, C=DE', '-r', '2'], ['--pse=a.pse', '--noreq', '--pin', '', '--issuers', '1', '-r2', 'CN=a, C=DE']]) {
    const line = readCommandLine(syntax, argv)
    t.equal(line.required('pse'), 'a.pse')
    t.equal(line.value('pin'), '', 'an empty PIN is one')
    t.strictSame(line.values('issuers'), ['1', '2'])
    t.ok(line.has('noreq'))
    t.notOk(line.has('list'))
    t.equal(line.argument, 'CN=a, C=DE')
  }
  const line = readCommandLine(syntax, ['-p', 'a'])
  t.strictSame([line.value('pin'), line.argument, line.values('issuers')], [null, null, []])
})

t.test('a PIN may stand right behind its letter', async t => {
  t.equal(readCommandLine(syntax, ['-p', 'a', '-xnoreq']).value('pin'), 'noreq')
})

t.test('behind two dashes there are no options', async t => {
  for (const argument of ['-noreq', '-CN=a', '--pse']) t.equal(readCommandLine(syntax, ['-p', 'a', '--', argument]).argument, argument)
  t.notOk(readCommandLine(syntax, ['-p', 'a', '--', '-noreq']).has('noreq'))
  t.throws(() => readCommandLine(syntax, ['-p', 'a', '-CN=geheim']), { code: 'POSTERN_ERR_PSE_TOOL_USAGE' })
})

t.test('what is not understood is said, without the values', async t => {
  const rows: Array<[argv: string[], message: RegExp]> = [
    [[], /some_command: -p is missing/],
    [['-p'], /'-p, --pse <value>' argument missing/],
    [['-p', 'a', '-q'], /Unknown option '-q';/],
    [['-p', 'a', '--nonsense'], /Unknown option '--nonsense';/],
    [['-p', 'a', '-p', 'b'], /-p is given more than once/],
    [['-p', 'a', '-x', '-geheim'], /argument is ambiguous/],
    [['-p', 'a', '-x', '1', '-x', '2'], /-x is given more than once/],
    [['-p', 'a', 'CN=a,', 'geheim'], /more arguments than expected.*quotation marks/],
    [['-p', 'a', '--noreq=yes'], /does not take an argument/]
  ]
  for (const [argv, message] of rows) {
    t.throws(() => readCommandLine(syntax, argv), { code: 'POSTERN_ERR_PSE_TOOL_USAGE', message }, argv.join(' '))
    try {
      readCommandLine(syntax, argv)
    } catch (error) {
      t.notMatch((error as Error).message, 'geheim')
      t.match((error as Error).message, '"postern pse some_command --help"')
    }
  }
})

t.test('an argument that must be there', async t => {
  const strict: Syntax = { ...syntax, argument: { value: '<file.p12>', text: 'a file', required: true } }
  t.throws(() => readCommandLine(strict, ['-p', 'a']), /<file\.p12> is missing/)
  t.equal(readCommandLine(strict, ['--help']).has('help'), true, 'help wants nothing else')
  const none: Syntax = { name: 'none', summary: '', options: {} }
  t.throws(() => readCommandLine(none, ['x']), /more arguments than expected/)
})

t.test('the help has every option', async t => {
  const help = helpOf({ ...syntax, aliases: ['other_name'] })
  for (const part of ['usage: postern pse some_command [options] "<DN>"', 'also called other_name', '-p, --pse <pse>', '    --noreq ', '--json', '-h, --help', '"<DN>"  ']) t.match(help, part)
  t.notMatch(helpOf({ name: 'none', summary: '', options: {} }), 'also called')
})
