import t from 'tap'
import type { Finding } from '../../src/profile/finding.ts'
import { findingsToJson, findingsToText } from '../../src/profile/report.ts'

function found (more: Partial<Finding>): Finding {
  return { severity: 'error', code: 'POSTERN_ERR_PROFILE_VALUE', file: 'wd.pfl', line: 1, parameter: null, message: 'm', expected: null, ...more }
}

const findings: Finding[] = [
  found({ severity: 'info', line: 3, message: 'said by the way' }),
  found({ severity: 'warning', file: 'DEFAULT.PFL', line: 12, parameter: 'a', message: 'odd' }),
  found({ line: 20, parameter: 'icm/server_port_0 PORT', message: '"44x" is no port', expected: 'a number' }),
  found({ file: null, line: null, parameter: 'b', message: 'twice' }),
  found({ line: null, message: 'unreadable' }),
  found({ line: 9, parameter: 'c', message: 'first' })
]

t.test('text: one line each, errors first, by file and line, in columns', async t => {
  t.equal(findingsToText(findings), [
    'error    wd.pfl          unreadable [POSTERN_ERR_PROFILE_VALUE]',
    'error    wd.pfl:9        c: first [POSTERN_ERR_PROFILE_VALUE]',
    'error    wd.pfl:20       icm/server_port_0 PORT: "44x" is no port; expected a number [POSTERN_ERR_PROFILE_VALUE]',
    'error    command line    b: twice [POSTERN_ERR_PROFILE_VALUE]',
    'warning  DEFAULT.PFL:12  a: odd [POSTERN_ERR_PROFILE_VALUE]',
    'info     wd.pfl:3        said by the way [POSTERN_ERR_PROFILE_VALUE]',
    ''
  ].join('\n'))
  t.equal(findingsToText([]), '')
})

t.test('text: a long file name stands alone in its width', async t => {
  const file = `/usr/sap/WDP/${'x'.repeat(60)}.pfl`
  t.equal(findingsToText([found({ file }), found({ file: 'a' })]), `error    ${file}:1  m [POSTERN_ERR_PROFILE_VALUE]\nerror    a:1  m [POSTERN_ERR_PROFILE_VALUE]\n`)
})

t.test('text: nothing steers a terminal or feigns another line', async t => {
  const text = findingsToText([found({ file: 'a\nb', parameter: 'x\u001b[2J', message: 'm\r\u202e\u2028\u009b', expected: '\ttab é' })])
  t.equal(text, 'error    a\\u000ab:1  x\\u001b[2J: m\\u000d\\u202e\\u2028\\u009b; expected \\u0009tab é [POSTERN_ERR_PROFILE_VALUE]\n')
})

t.test('JSON: the same order, with the number of each kind', async t => {
  const report = findingsToJson(findings)
  t.match(report, { errors: 4, warnings: 1 })
  t.strictSame(report.findings.map(({ message }) => message), ['unreadable', 'first', '"44x" is no port', 'twice', 'odd', 'said by the way'])
  t.strictSame(JSON.parse(JSON.stringify(report)), report)
})
