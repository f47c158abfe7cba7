import t from 'tap'
import { limits } from '../../src/profile/limits.ts'
import { readProfile } from '../../src/profile/read.ts'

function read (...lines: string[]) {
  const { parameters, findings } = readProfile([{ file: 'p', text: lines.join('\n') }], [], { hostname: 'h', fullHostname: 'h.example.com' })
  const value = (name: string): string => parameters.get(name)!.value
  const unresolved = (name: string): readonly string[] => parameters.get(name)!.unresolved
  return { value, unresolved, findings, parameters }
}

t.test('$(NAME) and $$ are replaced', async t => {
  const rows: Array<[rule: string, lines: string[], value: string]> = [
    ['reference', ['DIR_ROOT = /opt', 'x = $(DIR_ROOT)/log'], '/opt/log'],
    ['recursive', ['a = 1', 'b = $(a)2', 'x = $(b)3'], '123'],
    ['forward', ['x = $(b)3', 'b = $(a)2', 'a = 1'], '123'],
    ['several', ['a = 1', 'b = 2', 'x = $(a)-$(b)-$(a)'], '1-2-1'],
    ['helper variable', ['_MS = ms.example', 'x = MSHOST=$(_MS), MSPORT=8101'], 'MSHOST=ms.example, MSPORT=8101'],
    ['name with a path', ['icm/host_name_full = h.example', 'x = $(icm/host_name_full)'], 'h.example'],
    ['empty value', ['a =', 'x = [$(a)]'], '[]'],
    ['instance number', ['SAPSYSTEM = 07', 'x = PORT=443$$, TIMEOUT=60'], 'PORT=44307, TIMEOUT=60'],
    ['instance number twice', ['SAPSYSTEM = 07', 'x = $$$$'], '0707'],
    ['instance number through a reference', ['SAPSYSTEM = $(nr)', 'nr = 10', 'x = 80$$$(nr)'], '801010'],
    ['a dollar sign alone', ['x = a$b$'], 'a$b$'],
    ['the winner of a duplicate', ['a = 1', 'x = $(a)', 'a = 2'], '2']
  ]
  for (const [rule, lines, value] of rows) {
    const result = read(...lines)
    t.equal(result.value('x'), value, rule)
    t.strictSame(result.unresolved('x'), [], rule)
    t.strictSame(result.findings.filter(({ code }) => code !== 'POSTERN_WARN_PROFILE_DUPLICATE'), [], rule)
  }
})

t.test('the raw value is kept', async t => {
  const { parameters } = read('a = 1', 'x = $(a)$$', 'SAPSYSTEM = 00')
  t.match(parameters.get('x'), { value: '100', rawValue: '$(a)$$' })
})

t.test('a reference to nothing stays, is reported once where it stands, and marks the values above it', async t => {
  const { value, unresolved, findings } = read('a = $(NOTHING)/x', 'b = $(a)/y', 'c = $(dir_root)', 'DIR_ROOT = /', 'd = $()', 'e = $(DIR_ROOT')
  t.equal(value('b'), '$(NOTHING)/x/y')
  t.strictSame(unresolved('a'), ['$(NOTHING)'])
  t.strictSame(unresolved('b'), ['$(a)'])
  t.equal(value('e'), '$(DIR_ROOT')
  const code = 'POSTERN_WARN_PROFILE_REFERENCE'
  t.match(findings, [
    { severity: 'warning', code, line: 1, parameter: 'a', message: /"\$\(NOTHING\)"/ },
    { code, line: 3, parameter: 'c', expected: '$(DIR_ROOT)' },
    { code, line: 5, parameter: 'd' },
    { code, line: 6, parameter: 'e', message: /not closed/ }
  ])
  t.equal(findings.length, 4)
})

t.test('a reference is reported once per value, and of many the first few', async t => {
  const many = Array.from({ length: 20 }, (_, index) => `$(N${index})`)
  const { unresolved, findings } = read(`x = $(N0)$(N0)$$$$${many.join('')}$$`, 'y = $(x)')
  t.strictSame(unresolved('x'), ['$(N0)', '$$', '$(N1)', '$(N2)', '$(N3)'])
  t.strictSame(unresolved('y'), ['$(x)'])
  t.strictSame(findings.map(({ message }) => message.split(' ')[0]), ['"$(N0)"', '$$', '"$(N1)"', '"$(N2)"', '"$(N3)"'])
  t.match(read(`x = ${many.join('')}$$`).findings.at(-1), { severity: 'error', code: 'POSTERN_ERR_PROFILE_INSTANCE_NUMBER' }, 'an error is never left out')
})

t.test('$$ needs SAPSYSTEM with two digits', async t => {
  const code = 'POSTERN_ERR_PROFILE_INSTANCE_NUMBER'
  const without = read('x = PORT=443$$')
  t.equal(without.value('x'), 'PORT=443$$')
  t.strictSame(without.unresolved('x'), ['$$'])
  t.match(without.findings, [{ severity: 'error', code, line: 1, parameter: 'x', message: /not set/ }])
  for (const number of ['7', '007', 'AB', '']) {
    const { value, findings } = read(`SAPSYSTEM = ${number}`, 'x = PORT=443$$')
    t.equal(value('x'), 'PORT=443$$')
    t.match(findings, [{ severity: 'error', code, line: 2, message: `$$ stands for SAPSYSTEM, which is "${number}"`, expected: /two digits/ }])
  }
})

t.test('circles are errors that name the circle, one each', async t => {
  const rows: Array<[lines: string[], cycles: string[]]> = [
    [['A = $(A)'], ['A -> A']],
    [['A = $(B)', 'B = x$(A)'], ['A -> B -> A']],
    [['X = $(A)', 'A = $(B)', 'B = $(C)', 'C = $(A)', 'D = $(C)'], ['A -> B -> C -> A']],
    [['SAPSYSTEM = $$'], ['SAPSYSTEM -> SAPSYSTEM']],
    [['A = $(A)', 'B = $(C)$(A)', 'C = $(B)'], ['A -> A', 'B -> C -> B']],
    [['A = $(B)$(C)', 'B = $(A)', 'C = $(A)'], ['A -> B -> A']],
    [Array.from({ length: 20 }, (_, i) => `P${i} = $(P${(i + 1) % 20})`), ['P0 -> P1 -> P2 -> P3 -> P4 -> P5 -> P6 -> P7 -> P8 -> P9 -> ... -> P0']]
  ]
  for (const [lines, cycles] of rows) {
    const { findings, parameters } = read(...lines)
    t.strictSame(findings.map(({ severity, code, message }) => ({ severity, code, message })),
      cycles.map(cycle => ({ severity: 'error', code: 'POSTERN_ERR_PROFILE_CYCLE', message: `the value refers to itself: ${cycle}` })))
    for (const { value, rawValue, unresolved } of parameters.values()) {
      t.equal(value, rawValue)
      t.not(unresolved.length, 0)
    }
  }
})

t.test('the circle is reported at its first line', async t => {
  const { findings } = read('X = 1', 'B = $(C)', 'C = $(B)')
  t.match(findings, [{ parameter: 'B', line: 2 }])
})

t.test('values that double themselves end at the limit', async t => {
  const code = 'POSTERN_ERR_PROFILE_LIMIT'
  const laughs = ['a0 = lol', ...Array.from({ length: 60 }, (_, i) => `a${i + 1} = $(a${i})$(a${i})`)]
  const { findings, value } = read(...laughs)
  t.match(findings, [{ severity: 'error', code, parameter: 'a15', message: /98304 characters/, expected: `at most ${limits.valueLength}` }])
  t.equal(findings.length, 1)
  t.equal(value('a15'), '$(a14)$(a14)')
  t.equal(value('a16'), '$(a15)$(a15)')
})

t.test('all values together end at the limit', async t => {
  const big = 'x'.repeat(30_000)
  const { findings, parameters } = read(`big = ${big}`, ...Array.from({ length: 500 }, (_, i) => `a${i} = $(big)`))
  t.match(findings[0], { severity: 'error', code: 'POSTERN_ERR_PROFILE_LIMIT', message: /all values/ })
  const total = [...parameters.values()].reduce((sum, { value }) => sum + value.length, 0)
  t.ok(total < limits.substitutedLength + 100_000)
})

t.test('long ways of references end at the limit, in whatever order they stand', async t => {
  const chain = (length: number): string[] => ['a0 = x', ...Array.from({ length }, (_, i) => `a${i + 1} = $(a${i})`)]
  t.strictSame(read(...chain(limits.depth)).findings, [])
  for (const lines of [chain(limits.depth + 3), chain(limits.depth + 3).reverse()]) {
    const { findings, value } = read(...lines)
    t.match(findings, [{ severity: 'error', code: 'POSTERN_ERR_PROFILE_LIMIT', parameter: `a${limits.depth + 1}`, message: /65 references/ }])
    t.equal(findings.length, 1)
    t.equal(value(`a${limits.depth}`), 'x')
  }
  t.equal(read(...chain(40_000)).findings.length, 1, 'very long ways do not use up the stack')
})
