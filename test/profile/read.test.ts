import t from 'tap'
import { limits } from '../../src/profile/limits.ts'
import { readProfile } from '../../src/profile/read.ts'
import type { ProfileContext } from '../../src/profile/read.ts'

const context: ProfileContext = { hostname: 'wd', fullHostname: 'wd.example.com' }

function read (text: string, overrides: string[] = [], more: Partial<ProfileContext> = {}) {
  const profile = readProfile([{ file: 'test.pfl', text }], overrides, { ...context, ...more })
  return { values: Object.fromEntries([...profile.parameters.values()].map(({ name, value }) => [name, value])), ...profile }
}

t.test('name and value are what stands around the first =, without the blanks', async t => {
  const rows: Array<[line: string, name: string, value: string]> = [
    ['a=b', 'a', 'b'],
    ['a = b', 'a', 'b'],
    ['DIR_GLOBAL =     x', 'DIR_GLOBAL', 'x'],
    ['\ta\t=\tb\t', 'a', 'b'],
    ['icm/server_port_0 = PROT=HTTPS,PORT=443', 'icm/server_port_0', 'PROT=HTTPS,PORT=443'],
    ['a =', 'a', ''],
    ['a = "x y"', 'a', '"x y"'],
    ['a = x#y', 'a', 'x#y'],
    ['a = C:\\usr\\sap', 'a', 'C:\\usr\\sap'],
    ['__proto__ = x', '__proto__', 'x'],
    ['a = a$b$', 'a', 'a$b$']
  ]
  for (const [line, name, value] of rows) {
    const { parameters, findings } = read(line)
    t.strictSame([...parameters.values()], [{ name, value, rawValue: value, origin: { file: 'test.pfl', line: 1 }, unresolved: [] }], line)
    t.strictSame(findings, [], line)
  }
})

t.test('lines that are no parameter are errors with file and line, and the others count', async t => {
  const rows: Array<[line: string, code: string, message: RegExp]> = [
    ['icm/server_port_0', 'POSTERN_ERR_PROFILE_LINE', /"icm\/server_port_0" has no =/],
    [' = x', 'POSTERN_ERR_PROFILE_LINE', /"= x" has no name/],
    ['\u00a0= x', 'POSTERN_ERR_PROFILE_LINE', /no name/],
    ['x'.repeat(200), 'POSTERN_ERR_PROFILE_LINE', /^"x{77}\.\.\." has no =$/],
    ['a = x\u0000y', 'POSTERN_ERR_PROFILE_CONTROL_CHARACTER', /U\+0000, NUL/],
    ['a\u001b[1m = x', 'POSTERN_ERR_PROFILE_CONTROL_CHARACTER', /U\+001B, escape/],
    ['a = x\ry = z', 'POSTERN_ERR_PROFILE_CONTROL_CHARACTER', /U\+000D, carriage return/],
    ['a = x\u0085', 'POSTERN_ERR_PROFILE_CONTROL_CHARACTER', /U\+0085/]
  ]
  for (const [line, code, message] of rows) {
    const { values, findings } = read(`ok = 1\n${line}\nok2 = 2`)
    t.strictSame(values, { ok: '1', ok2: '2' })
    t.equal(findings.length, 1)
    t.match(findings, [{ severity: 'error', code, file: 'test.pfl', line: 2, message }])
  }
})

t.test('characters that cannot be seen are reported, and dropped at the ends', async t => {
  const { values, findings } = read('\u00a0a\u200b = \u00a0b\u00a0c\u2007\nd\u00a0= e\nf = g')
  t.strictSame(values, { a: 'b\u00a0c', d: 'e', f: 'g' })
  t.match(findings, [
    { severity: 'warning', code: 'POSTERN_WARN_PROFILE_INVISIBLE_CHARACTER', line: 1, parameter: 'a', message: /U\+00A0, no-break space/ },
    { severity: 'warning', code: 'POSTERN_WARN_PROFILE_INVISIBLE_CHARACTER', line: 2, parameter: 'd' }
  ])
  t.equal(findings.length, 2)
})

t.test('a # behind a value belongs to it, with a warning where it looks like a comment', async t => {
  const { values, findings } = read('a = b # c\nd = # e\nf = g#h\ni = j\t#k')
  t.strictSame(values, { a: 'b # c', d: '# e', f: 'g#h', i: 'j\t#k' })
  t.strictSame(findings.map(({ code, line }) => [code, line]), [1, 2, 4].map(line => ['POSTERN_WARN_PROFILE_COMMENT_IN_VALUE', line]))
})

t.test('the later line of a name wins, and the warning names both', async t => {
  const { values, findings, parameters } = read('x = 0\nicm/HTTP/redirect_0 = a\nb = c\nicm/HTTP/redirect_0 = d\nicm/HTTP/redirect_0 = e')
  t.equal(values['icm/HTTP/redirect_0'], 'e')
  t.strictSame([...parameters.keys()], ['x', 'icm/HTTP/redirect_0', 'b'], 'the order is that of the first occurrence')
  t.match(findings, [
    { severity: 'warning', code: 'POSTERN_WARN_PROFILE_DUPLICATE', line: 4, message: /line 2 and again in line 4; line 2 is ignored/ },
    { code: 'POSTERN_WARN_PROFILE_DUPLICATE', line: 5, message: /line 4 and again in line 5/ }
  ])
})

t.test('names are case sensitive', async t => {
  const { values, findings } = read('sapsystem = 1\nSAPSYSTEM = 02')
  t.strictSame(values, { sapsystem: '1', SAPSYSTEM: '02' })
  t.strictSame(findings, [])
})

t.test('the default profile comes first, then the instance profile, then the command line', async t => {
  const profile = readProfile([
    { file: 'DEFAULT.PFL', text: 'a = default\nb = default\nc = default $(b)' },
    { file: 'wd.pfl', text: '\na = instance\nb = instance' }
  ], ['b=line', ' d = new '], context)
  t.strictSame([...profile.parameters.values()].map(({ name, value, origin }) => [name, value, origin.file, origin.line]), [
    ['a', 'instance', 'wd.pfl', 2],
    ['b', 'line', null, null],
    ['c', 'default line', 'DEFAULT.PFL', 3],
    ['d', 'new', null, null]
  ])
  t.strictSame(profile.findings, [], 'a value of another source is no duplicate')
})

t.test('faults of the command line are reported without file and line', async t => {
  const { values, findings } = read('', ['-x', 'a=1 # no comment here', 'a=2', `b=${'x'.repeat(limits.lineLength)}`, 'c=\n'])
  t.strictSame(values, { a: '2' })
  t.match(findings, [
    { code: 'POSTERN_ERR_PROFILE_LINE', file: null, line: null, message: '"-x" has no =' },
    { code: 'POSTERN_ERR_PROFILE_LIMIT', file: null, parameter: 'b' },
    { code: 'POSTERN_ERR_PROFILE_CONTROL_CHARACTER', parameter: 'c' },
    { code: 'POSTERN_WARN_PROFILE_DUPLICATE', file: null, line: null, parameter: 'a', message: /twice on the command line; "1 # no comment here" is ignored/ }
  ])
})

t.test('an index with a leading zero is warned about, except those of the start service and of helper variables', async t => {
  const { findings } = read([
    'icm/HTTP/redirect_00 = a', 'icm/HTTP/redirect_0 = b', 'icm/HTTP/redirect_100000 = c',
    'SETENV_00 = A=b', 'Start_Program_01 = x', 'Restart_Program_00 = x', 'Stop_Program_00 = x', 'Execute_00 = x', '_CPARG_00 = x', '_00 = y', 'x00 = y'
  ].join('\n'))
  t.match(findings, [
    { severity: 'warning', code: 'POSTERN_WARN_PROFILE_INDEX', line: 1, message: /"00"/, expected: /icm\/HTTP\/redirect_0$/ },
    { code: 'POSTERN_WARN_PROFILE_INDEX', line: 3, expected: 'a number from 0 to 99999' }
  ])
  t.equal(findings.length, 2)
})

t.test('variables of the machine can be referred to, and set by the profile', async t => {
  const text = ['a = $(SAPLOCALHOST)', 'b = $(SAPLOCALHOSTFULL)', 'c = x$(DIR_SEP)sapwebdisp$(FT_EXE)', 'd = $(FT_DLL_PREFIX)sapcrypto$(FT_DLL)', 'e = $(SAPGLOBALHOST)'].join('\n')
  t.strictSame(read(text).values, { a: 'wd', b: 'wd.example.com', c: 'x/sapwebdisp', d: 'libsapcrypto.so', e: 'wd' })
  t.strictSame(read(text, [], { directorySeparator: '\\' }).values, { a: 'wd', b: 'wd.example.com', c: 'x\\sapwebdisp.exe', d: 'sapcrypto.dll', e: 'wd' })
  t.strictSame(read('SAPGLOBALHOST = other\na = $(SAPGLOBALHOST)').values, { SAPGLOBALHOST: 'other', a: 'other' })
})

t.test('defaults of parameters serve references and are no parameters', async t => {
  const defaults = new Map([['DIR_INSTANCE', '/usr/sap/$(SAPSYSTEMNAME)'], ['unused', '$(nothing)']])
  const { values, findings } = read('SAPSYSTEMNAME = WDP\na = $(DIR_INSTANCE)/sec', [], { defaults })
  t.strictSame(values, { SAPSYSTEMNAME: 'WDP', a: '/usr/sap/WDP/sec' })
  t.strictSame(findings, [])
  t.match(read('a = $(DIR_INSTANCE)', [], { defaults }).findings, [{ parameter: 'DIR_INSTANCE', file: null, message: /SAPSYSTEMNAME/ }])
})
