import t from 'tap'
import fc from 'fast-check'
import { compileNamePattern, normaliseBlanks } from '../../src/x509/name-pattern.ts'

t.test('the whole name is compared, * is any number of characters and ? is one', async t => {
  const name = 'CN=WDP, OU=SSL CLIENT, O=SAP, C=BR'
  const rows: Array<{ source: string, pattern: string, name?: string, matches: boolean }> = [
    { source: 'spec 4.2, the same text', pattern: name, matches: true },
    { source: 'SAP Note 3335949, no blanks behind commas', pattern: 'CN=WDP,OU=SSL CLIENT,O=SAP,C=BR', matches: true },
    { source: 'several blanks behind a comma', pattern: 'CN=WDP,   OU=SSL CLIENT, O=SAP, C=BR', matches: true },
    { source: 'spec 4.2, blanks count elsewhere', pattern: 'CN=WDP, OU=SSL  CLIENT, O=SAP, C=BR', matches: false },
    { source: 'a blank before a comma', pattern: 'CN=WDP , OU=SSL CLIENT, O=SAP, C=BR', matches: false },
    { source: 'a blank at the end', pattern: `${name} `, matches: false },
    { source: 'case matters', pattern: 'CN=wdp, OU=SSL CLIENT, O=SAP, C=BR', matches: false },
    { source: 'a part of the name', pattern: 'CN=WDP, OU=SSL CLIENT, O=SAP', matches: false },
    { source: 'a longer name', pattern: `${name}, X=Y`, matches: false },
    { source: '* alone', pattern: '*', matches: true },
    { source: '* alone, empty name', pattern: '*', name: '', matches: true },
    { source: '** is *', pattern: '**', matches: true },
    { source: '* for no character', pattern: 'CN=WDP*, OU=SSL CLIENT, O=SAP, C=BR', matches: true },
    { source: '* in front', pattern: '*, O=SAP, C=BR', matches: true },
    { source: '* at the end', pattern: 'CN=WDP, *', matches: true },
    { source: '* in the middle, not enough left', pattern: 'CN=WDP*WDP', name: 'CN=WDP', matches: false },
    { source: '* twice', pattern: 'CN=*, O=*, C=BR', matches: true },
    { source: '? is one character', pattern: 'CN=WD?, OU=SSL CLIENT, O=SAP, C=BR', matches: true },
    { source: '? is not none', pattern: 'CN=WDP?, OU=SSL CLIENT, O=SAP, C=BR', matches: false },
    { source: '? is not two', pattern: 'CN=W?, OU=SSL CLIENT, O=SAP, C=BR', matches: false },
    { source: '? is a whole character', pattern: 'CN=?', name: 'CN=😀', matches: true },
    { source: '? and a character the pattern names too', pattern: 'C?=C', name: 'CN=C', matches: true },
    { source: 'empty pattern', pattern: '', name: '', matches: true },
    { source: 'empty pattern, some name', pattern: '', matches: false },
    { source: 'an imitated separator does not match the real one', pattern: 'CN=wd, O=Example', name: 'CN=wd\\, O=Example', matches: false },
    { source: 'an escaped comma keeps its blanks', pattern: 'CN=wd\\,O=Example', name: 'CN=wd\\, O=Example', matches: false },
    { source: 'an escaped comma, as printed', pattern: 'CN=wd\\, O=Example', name: 'CN=wd\\, O=Example', matches: true },
    { source: 'a * does not end within an escaped comma', pattern: '*, OU=Gateway, O=Example', name: 'CN=x\\, OU=Gateway, O=Example', matches: false },
    { source: 'nor does one inside a part', pattern: 'CN=wd*, OU=Gateway, O=Example', name: 'CN=wd9\\, OU=Gateway, O=Example', matches: false },
    { source: 'nor within an escaped plus', pattern: 'CN=*+OU=Gateway, O=Example', name: 'CN=x\\+OU=Gateway, O=Example', matches: false },
    { source: 'a * takes escaped characters whole', pattern: 'CN=*, O=Example', name: 'CN=Smith\\, John \\0a\\\\, O=Example', matches: true },
    { source: '? is an escaped character', pattern: 'CN=a?b?c', name: 'CN=a\\,b\\00c', matches: true },
    { source: '? is not a backslash alone', pattern: 'CN=a?, O=b', name: 'CN=a\\, O=b', matches: false },
    { source: 'a comma behind an escaped backslash separates, for a * too', pattern: '*, O=Example', name: 'CN=wd\\\\, O=Example', matches: true },
    { source: 'a comma behind an escaped backslash separates', pattern: 'CN=wd\\\\,O=Example', name: 'CN=wd\\\\, O=Example', matches: true }
  ]
  for (const { source, pattern, name: seen = name, matches } of rows) {
    const compiled = compileNamePattern(pattern)
    t.equal(compiled.matches(seen), matches, source)
    t.equal(compiled.firstDifference(seen) === null, matches, `${source}: a difference exactly where it does not match`)
    t.equal(compiled.text, pattern)
  }
})

t.test('the first difference', async t => {
  const rows: Array<[title: string, pattern: string, name: string, position: number, seen: string, expected: string]> = [
    ['one character', 'CN=wd, O=Example', 'CN=wd, O=Exemple', 12, 'e', 'a'],
    ['case', 'CN=wd', 'CN=Wd', 4, 'W', 'w'],
    ['the name ends', 'CN=wd, C=DE', 'CN=wd', 6, 'end of name', ','],
    ['the name goes on', 'CN=wd', 'CN=wd, C=DE', 6, ',', 'end of name'],
    ['one character is missing', 'CN=w?', 'CN=w', 5, 'end of name', 'any character'],
    ['behind a *', 'CN=*, O=Exampel', 'CN=wd, O=Example', 15, 'l', 'e'],
    ['a * finds nothing', 'CN=*x', 'CN=wd', 4, 'w', 'x'],
    ['blanks are normalised before counting', 'CN=a,O=b', 'CN=a, O=c', 9, 'c', 'b'],
    ['behind an escaped character, which counts with its backslash', 'CN=a\\,b, O=x', 'CN=a\\,b, O=y', 12, 'y', 'x'],
    ['an escaped character', 'CN=a, O=x', 'CN=a\\, O=x', 5, '\\,', ','],
    ['characters, not code units', 'CN=😀b', 'CN=😀c', 5, 'c', 'b']
  ]
  for (const [title, pattern, name, position, seen, expected] of rows) {
    t.strictSame(compileNamePattern(pattern).firstDifference(name), { position, seen, expected }, title)
  }
})

const piece = fc.constantFrom('x', 'y', '*', '?', ',', ' ', '\\', ', ')
const text = fc.array(piece, { maxLength: 12 }).map(parts => parts.join(''))

/** Each escaped character as one of the private use area. */
const withoutEscapes = (one: string) => normaliseBlanks(one).replace(/\\([, \\])/g, (_, escaped: string) => String.fromCharCode(0xe000 + escaped.charCodeAt(0)))

t.test('agrees with a regular expression on any pattern and name', async t => {
  fc.assert(fc.property(text, text, (pattern, name) => {
    const source = [...withoutEscapes(pattern)].map(character => character === '*' ? '.*' : character === '?' ? '.' : character.replace(/[\\,]/, '\\$&')).join('')
    const expected = new RegExp(`^${source}$`, 's').test(withoutEscapes(name))
    const compiled = compileNamePattern(pattern)
    return compiled.matches(name) === expected && (compiled.firstDifference(name) === null) === expected
  }), { numRuns: 3000 })
})

t.test('normalising blanks is stable and leaves printed names alone', async t => {
  fc.assert(fc.property(text, name => normaliseBlanks(normaliseBlanks(name)) === normaliseBlanks(name)))
  t.equal(normaliseBlanks('CN=a\\,  b,C=D'), 'CN=a\\,  b, C=D')
})

t.test('reads each character of the name once, whatever the pattern', async t => {
  // patterns on which matchers that go back take quadratic or exponential time; lookups in the table of the pattern are the steps
  const name = `CN=${'a'.repeat(3000)}`
  for (const pattern of ['*a*a*a*a*a*a*a*a*a*b', `*${'a'.repeat(100)}b`, '*?*?*?*?*?*b', '**********b']) {
    const compiled = compileNamePattern(pattern)
    const lookups = t.capture(Map.prototype, 'get', Map.prototype.get)
    const matches = compiled.matches(name)
    lookups.restore()
    t.equal(matches, false, pattern)
    // the table of the pattern is the map whose values are bits
    const steps = lookups().filter(({ receiver }) => typeof (receiver as Map<unknown, unknown>).get('b') === 'bigint').length
    t.equal(steps, name.length, `${pattern}: one step a character`)
  }
})
