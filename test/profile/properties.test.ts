import t from 'tap'
import fc from 'fast-check'
import { limits } from '../../src/profile/limits.ts'
import { lintNameText } from '../../src/profile/name-text.ts'
import { readProfile } from '../../src/profile/read.ts'
import type { Profile } from '../../src/profile/read.ts'
import { findingsToText } from '../../src/profile/report.ts'
import { parseSubParameters, quoteSubParameter } from '../../src/profile/sub-parameters.ts'

const context = { hostname: 'h', fullHostname: 'h.example.com', env: { HOME: '/root' } }
const options = { keys: ['PROT', 'SUBJECT', 'ISSUER', 'LOGFORMAT'], toEnd: ['LOGFORMAT'] }

function read (...texts: Array<string | Uint8Array>): Profile {
  return readProfile(texts.map((text, index) => ({ file: `p${index}`, text })), [], context)
}

/** Pieces that the language gives a meaning, so that random text is full of it. */
const token = fc.constantFrom('a', 'b', 'SAPSYSTEM', 'SETENV_00', 'icm/x_00', '_', ' ', '\t', '\n', '\r\n', '\r', '=', ' = ', '#', ' # ', '\\', ' \\\n', ',', ', ', ';',
  '$', '$$', '$(', '$(a)', '$(b)', ')', '%(', '%(HOME)', '"', '\\"', '“', '”', '’', '\u00a0', '\ufeff', '\u0000', '07', 'PROT=', 'SUBJECT=', 'ISSUER=', 'LOGFORMAT=', 'CN=', 'O=', 'é', '\ud800')
const profileText = fc.oneof(fc.array(token, { maxLength: 60 }).map(parts => parts.join('')), fc.string({ unit: 'binary', maxLength: 100 }))

/** Everything that is done to a profile before the schemas see it. */
function useUp ({ parameters, findings }: Profile): void {
  const all = [...findings]
  for (const parameter of parameters.values()) {
    const parsed = parseSubParameters(parameter, options)
    all.push(...parsed.findings)
    for (const { value } of parsed.pairs) all.push(...lintNameText({ file: null, line: null, parameter: null }, value))
  }
  if (all.length !== findingsToText(all).split('\n').length - 1) throw new Error('a finding is not one line')
}

t.test('any text gives parameters or findings', async t => {
  fc.assert(fc.property(fc.array(profileText, { maxLength: 3 }), texts => useUp(read(...texts))), { numRuns: 2000 })
})

t.test('any bytes give parameters or findings', async t => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), bytes => useUp(read(bytes))), { numRuns: 2000 })
})

t.test('any command line gives parameters or findings', async t => {
  fc.assert(fc.property(fc.array(profileText), overrides => useUp(readProfile([], overrides, context))))
})

t.test('every line that is no comment, is not empty and is not joined is a parameter or has a finding', async t => {
  const line = fc.array(token, { maxLength: 10 }).map(parts => parts.join('').replaceAll(/[\r\n\\]/g, ''))
  fc.assert(fc.property(fc.array(line), lines => {
    const { parameters, findings } = read(lines.join('\n'))
    const spoken = new Set([...parameters.values()].map(({ origin }) => origin.line))
    for (const { line } of findings) spoken.add(line)
    const twice = new Set(findings.filter(({ code }) => code === 'POSTERN_WARN_PROFILE_DUPLICATE').map(({ message }) => Number(/line (\d+) is ignored/.exec(message)?.[1])))
    return lines.every((text, index) => /^[ \t]*(?:#|$)/.test(index === 0 ? text.replace(/^\ufeff/, '') : text) || spoken.has(index + 1) || twice.has(index + 1))
  }), { numRuns: 1000 })
})

t.test('bytes that are not UTF-8 are all kept', async t => {
  const decoder = new TextDecoder('windows-1252')
  const byte = fc.integer({ min: 0x80, max: 0xff }).filter(byte => byte !== 0xa0 && byte !== 0xad)
  fc.assert(fc.property(fc.array(byte, { minLength: 1, maxLength: 20 }), bytes => {
    const { parameters, findings } = read(Uint8Array.from([0x61, 0x3d, ...bytes, 0xff]))
    const text = decoder.decode(Uint8Array.from([...bytes, 0xff]))
    return parameters.get('a')?.value === text || findings.some(({ code }) => code === 'POSTERN_ERR_PROFILE_CONTROL_CHARACTER')
  }))
})

t.test('what quoteSubParameter writes is read as it was, whatever stands around it', async t => {
  const value = fc.array(fc.oneof(token, fc.string()), { maxLength: 10 }).map(parts => parts.join('')).filter(value => !value.endsWith('\\'))
  fc.assert(fc.property(value, value, (subject, issuer) => {
    const text = `PROT=x, SUBJECT=${quoteSubParameter(subject)}, ISSUER=${quoteSubParameter(issuer)}`
    const { pairs, findings } = parseSubParameters({ name: 'x', value: text, rawValue: text, origin: { file: null, line: null }, unresolved: [] }, options)
    const read = pairs.map(({ value }) => value)
    return read.length === 3 && read[1] === subject && read[2] === issuer && findings.every(({ severity }) => severity === 'warning')
  }), { numRuns: 1000 })
})

t.test('substitution is bounded, whatever refers to whatever', async t => {
  const value = fc.array(fc.oneof(fc.nat(9).map(index => `$(P${index})`), fc.constantFrom('x', 'xyz'.repeat(1500))), { maxLength: 6 })
  fc.assert(fc.property(fc.array(value, { minLength: 10, maxLength: 10 }), values => {
    const { parameters } = read(values.map((parts, index) => `P${index} = ${parts.join('')}`).join('\n'))
    return [...parameters.values()].every(({ value, rawValue, unresolved }) =>
      value.length <= limits.valueLength && (unresolved.length > 0 ? value === rawValue : !value.includes('$(')))
  }))
})

t.test('time grows with the size and not with its square', async t => {
  const size = 30_000
  const values = ['$('.repeat(size / 2), '$$'.repeat(size / 2), '"'.repeat(size), ','.repeat(size), ' '.repeat(size), `PROT=${' '.repeat(size)}x`,
    `SUBJECT=CN=a${',O=b'.repeat(size / 4)}`, `LOGFORMAT=${', '.repeat(size / 2)}`, `PROT=“${'”'.repeat(size - 10)}x`, `PROT=“${'” '.repeat(size / 2 - 10)}x`,
    `PROT=${'\\"'.repeat(size / 2 - 10)}`, 'A='.repeat(size / 2), `PROT=${'a '.repeat(size / 2 - 10)}`, '\u00a0'.repeat(size), 'x'.repeat(size), `${' '.repeat(size - 10)}x`]
  const start = performance.now()
  for (const value of values) useUp(read(`SAPSYSTEM = 00\na = ${value}\nb = x${value}`))
  useUp(read(`a = ${'$(x)'.repeat(size / 4)}\n`.repeat(100)))
  useUp(read(Array.from({ length: 100 }, (_, index) => `icm/x_${index} = ${'$()'.repeat(size / 3)}, ${' ,'.repeat(100)}`).join('\n')))
  useUp(read('x\\\n'.repeat(limits.lines - 1)))
  useUp(read('x\n'.repeat(limits.lines - 1)))
  useUp(read('a = x, \\\n'.repeat(limits.lines - 1)))
  useUp(read(Array.from({ length: 20_000 }, (_, index) => `P${index} = $(P${index + 1})$(P0)`).join('\n')))
  // quadratic time would take minutes here
  t.ok(performance.now() - start < 20_000)
})
