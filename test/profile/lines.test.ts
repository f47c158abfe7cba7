import t from 'tap'
import { limits } from '../../src/profile/limits.ts'
import { readLines } from '../../src/profile/lines.ts'

const file = 'test.pfl'

function read (text: string | Uint8Array) {
  const { lines, findings } = readLines({ file, text })
  return { lines: lines.map(({ line, text }) => `${line}: ${text}`), findings }
}

t.test('lines that say something come out trimmed, with their numbers', async t => {
  const rows: Array<[rule: string, text: string, lines: string[]]> = [
    ['nothing', '', []],
    ['a line without line feed', 'a=b', ['1: a=b']],
    ['comments and empty lines are dropped', '# c\n\n \t \n  # d\na = b\n', ['5: a = b']],
    ['a comment does not continue', '# c, \\\na=b', ['2: a=b']],
    ['carriage returns before line feeds are dropped', 'a=b\r\n\r\nc=d\r\n', ['1: a=b', '3: c=d']],
    ['a carriage return elsewhere stays, and is judged with the value', 'a=b\rc=d', ['1: a=b\rc=d']],
    ['a byte order mark is dropped', '\ufeffa=b', ['1: a=b']],
    ['a byte order mark elsewhere stays', 'a=b\n\ufeffc=d', ['1: a=b', '2: \ufeffc=d']],
    ['blanks and tabs at both ends are dropped', ' \ta = b\t \n', ['1: a = b']],
    ['line separators of Unicode separate nothing', 'a=b\u2028c\u0085d', ['1: a=b\u2028c\u0085d']]
  ]
  for (const [rule, text, lines] of rows) {
    t.strictSame(read(text), { lines, findings: [] }, rule)
    t.strictSame(read(new TextEncoder().encode(text)), { lines, findings: [] }, `${rule}, as bytes`)
  }
})

t.test('a backslash behind a blank, a comma or a semicolon joins the next line, with a warning', async t => {
  const rows: Array<[text: string, lines: string[], message: RegExp]> = [
    ['a = SID=A, \\\n   MSHOST=h\nb=c', ['1: a = SID=A, MSHOST=h', '3: b=c'], /line 2/],
    ['a = SID=A,\\ \t\r\n  MSHOST=h', ['1: a = SID=A,MSHOST=h'], /line 2/],
    ['a = x;\\\ny; \\\nz', ['1: a = x;y; z'], /lines 2 to 3/],
    ['a = \\\n\nb=c', ['1: a =', '3: b=c'], /line 2/]
  ]
  for (const [text, lines, message] of rows) {
    const result = read(text)
    t.strictSame(result.lines, lines)
    t.match(result.findings, [{ severity: 'warning', code: 'POSTERN_WARN_PROFILE_CONTINUATION', file, line: 1, message }])
    t.equal(result.findings.length, 1)
  }
})

t.test('a backslash behind anything else, or in the last line, belongs to the value, with a warning', async t => {
  const rows: Array<[text: string, lines: string[], line: number]> = [
    ['DIR_ROOT = D:\\usr\\sap\\\nb=c', ['1: DIR_ROOT = D:\\usr\\sap\\', '2: b=c'], 1],
    ['b=c\na = x, \\', ['1: b=c', '2: a = x, \\'], 2],
    ['\\\nb=c', ['1: \\', '2: b=c'], 1]
  ]
  for (const [text, lines, line] of rows) {
    const result = read(text)
    t.strictSame(result.lines, lines)
    t.match(result.findings, [{ severity: 'warning', code: 'POSTERN_WARN_PROFILE_TRAILING_BACKSLASH', file, line }])
    t.equal(result.findings.length, 1)
  }
})

t.test('bytes that are not UTF-8 are read as Windows-1252, line by line', async t => {
  const bytes = Buffer.concat([Buffer.from('\ufeffa=ü\nb='), Buffer.from([0xe9, 0xff, 0x93, 0x80, 0x81]), Buffer.from('\nc=ü\n')])
  const { lines, findings } = read(bytes)
  t.strictSame(lines, ['1: a=ü', '2: b=éÿ“€\u0081', '3: c=ü'])
  t.match(findings, [{ severity: 'warning', code: 'POSTERN_WARN_PROFILE_ENCODING', line: 2 }])
  t.equal(findings.length, 1)
})

t.test('a profile in UTF-16 is refused', async t => {
  for (const mark of [[0xff, 0xfe], [0xfe, 0xff]]) {
    const { lines, findings } = read(Uint8Array.from([...mark, 0x61, 0, 0x3d, 0]))
    t.strictSame(lines, [])
    t.match(findings, [{ severity: 'error', code: 'POSTERN_ERR_PROFILE_ENCODING', expected: /UTF-8/ }])
  }
})

t.test('what is too large is refused', async t => {
  const code = 'POSTERN_ERR_PROFILE_LIMIT'
  const { profileSize, lines, lineLength } = limits
  const fits = ['a='.padEnd(lineLength, 'x'), 'b=c'].join('\n')
  t.strictSame(read(fits).findings, [])
  t.strictSame(read('\n'.repeat(lines - 1)).findings, [])
  t.match(read('x'.repeat(profileSize + 1)), { lines: [], findings: [{ severity: 'error', code, file, line: null }] })
  t.match(read('\n'.repeat(lines)), { lines: [], findings: [{ severity: 'error', code, file, line: null }] })
  const long = read(`a=${'x'.repeat(lineLength)}\nb=c`)
  t.match(long, { lines: ['2: b=c'], findings: [{ severity: 'error', code, file, line: 1 }] })
  const joined = read(`a=${'x, \\\n'.repeat(lineLength / 3)}x\nb=c`)
  t.strictSame(joined.lines, [`${lineLength / 3 + 2 | 0}: b=c`])
  t.match(joined.findings, [{ code: 'POSTERN_WARN_PROFILE_CONTINUATION' }, { code }])
})
