import t from 'tap'
import { limits } from '../../src/profile/limits.ts'
import { readProfile } from '../../src/profile/read.ts'

function read (text: string, env?: Record<string, string>) {
  return readProfile([{ file: 'p', text }], [], { hostname: 'h', fullHostname: 'h', ...env && { env } })
}

t.test('SETENV_<nn> sets variables in the order of the numbers', async t => {
  const { environment, findings, parameters } = read([
    'DIR_INSTANCE = /usr/sap/WDP/W00',
    'SETENV_26 = SECUDIR = $(DIR_INSTANCE)/sec',
    'SETENV_01 = B=%(A):%(HOME):%(NOTHING):%(A',
    'SETENV_00 = A=1=2',
    'SETENV_27 = A=3',
    'XSETENV_1 = C=1',
    'SETENV = D=1'
  ].join('\n'), { HOME: '/root' })
  t.strictSame(environment, new Map([['A', '3'], ['B', '1=2:/root::%(A'], ['SECUDIR', '/usr/sap/WDP/W00/sec']]))
  t.strictSame(findings, [])
  t.equal(parameters.get('SETENV_00')?.value, 'A=1=2', 'they are parameters too')
})

t.test('names of the object prototype are no variables of the process', async t => {
  t.equal(read('SETENV_00 = A=%(toString)%(__proto__)', {}).environment.get('A'), '')
  t.equal(read('SETENV_00 = A=%(PATH)').environment.get('A'), '', 'without an environment there is none')
})

t.test('a value without variable is warned about', async t => {
  const { environment, findings } = read('SETENV_00 = PATH\nSETENV_01 = =x\nSETENV_02 = A=')
  t.strictSame(environment, new Map([['A', '']]))
  t.match(findings, [
    { severity: 'warning', code: 'POSTERN_WARN_PROFILE_SETENV', line: 1, parameter: 'SETENV_00', expected: 'NAME=value' },
    { code: 'POSTERN_WARN_PROFILE_SETENV', line: 2 }
  ])
})

t.test('variables that double themselves end at the limit', async t => {
  const lines = ['SETENV_00 = A=xxxxxxxx', ...Array.from({ length: 60 }, (_, i) => `SETENV_${i + 1} = A=%(A)%(A)`)]
  const { environment, findings } = read(lines.join('\n'))
  t.match(findings, [{ severity: 'error', code: 'POSTERN_ERR_PROFILE_LIMIT' }])
  t.equal(findings.length, 1)
  t.ok(environment.get('A')!.length < limits.valueLength)
})
