import t from 'tap'
import { parseArguments, usage, type Arguments } from '../../src/gateway/arguments.ts'

const usual: Arguments = { command: 'start', profile: '', overrides: [], json: false, traceFile: null, traceLevel: null, faults: [] }

t.test('arguments as sapwebdisp has them', async t => {
  const rows: Array<{ argv: string[], expected: Partial<Arguments> }> = [
    { argv: ['pf=a.pfl'], expected: { profile: 'a.pfl' } },
    { argv: ['pf=a=b.pfl'], expected: { profile: 'a=b.pfl' } },
    { argv: ['pf=a.pfl', 'SAPSYSTEM=01', 'icm/server_port_0=PROT=HTTP, PORT=0', '_X='], expected: { profile: 'a.pfl', overrides: ['SAPSYSTEM=01', 'icm/server_port_0=PROT=HTTP, PORT=0', '_X='] } },
    { argv: ['-checkconfig', 'pf=a.pfl'], expected: { command: 'checkconfig', profile: 'a.pfl' } },
    { argv: ['pf=a.pfl', '-checkconfig=json'], expected: { command: 'checkconfig', profile: 'a.pfl', json: true } },
    { argv: ['-version'], expected: { command: 'version' } },
    { argv: ['-help'], expected: { command: 'help' } },
    { argv: ['--help'], expected: { command: 'help' } },
    { argv: ['-h'], expected: { command: 'help' } },
    { argv: ['pf=a.pfl', '-f', 'dev_webdisp', '-t', '2'], expected: { profile: 'a.pfl', traceFile: 'dev_webdisp', traceLevel: 2 } },
    { argv: ['pf=a.pfl', '-t', '0'], expected: { profile: 'a.pfl', traceLevel: 0 } },
    { argv: ['pf=a.pfl', '-cleanup', '-auto_restart', '-shm_attach_mode', '6', '-t', '1'], expected: { profile: 'a.pfl', traceLevel: 1 } }
  ]
  for (const { argv, expected } of rows) t.strictSame(parseArguments(argv), { ...usual, ...expected }, argv.join(' '))
})

t.test('what is wrong with arguments is said, and nothing is run', async t => {
  const rows: Array<[argv: string[], faults: string[]]> = [
    [[], ['pf=<profile> is missing']],
    [['pf='], ['pf=<profile> is missing']],
    [['-checkconfig'], ['pf=<profile> is missing']],
    [['pf=a', '-nonsense'], ['-nonsense: unknown argument']],
    [['pf=a', '-checkconfig=xml'], ['-checkconfig=xml: unknown argument']],
    [['pf=a', 'a.pfl'], ['a.pfl: unknown argument']],
    [['pf=a', '-t'], ['-t : 0, 1, 2 or 3 was expected']],
    [['pf=a', '-t', '4'], ['-t 4: 0, 1, 2 or 3 was expected']],
    [['pf=a', '-t', '01', '-f'], ['-t 01: 0, 1, 2 or 3 was expected', '-f: the name of a file was expected']]
  ]
  for (const [argv, faults] of rows) t.strictSame(parseArguments(argv).faults, faults, argv.join(' '))
})

t.test('the usage names every option', async t => {
  for (const option of ['pf=', '-checkconfig', '-version', '-f ', '-t ']) t.ok(usage.includes(option), option)
})
