import t from 'tap'
import fc from 'fast-check'
import { exactness, matchesWildcard, wildcardsOverlap } from '../../src/http/wildcard.ts'

const texts = (max: number): string[] => {
  const all = ['']
  for (let at = 0; all[at] !== undefined && (all[at] as string).length < max; at++) for (const letter of 'ab') all.push(`${all[at]}${letter}`)
  return all
}

const asRegExp = (pattern: string): RegExp => new RegExp(`^${pattern.replaceAll('*', '[^]*').replaceAll('?', '[^]')}$`)
const pattern = fc.array(fc.constantFrom('a', 'b', '*', '?'), { maxLength: 5 }).map(letters => letters.join(''))

t.test('means the same as the regular expression it stands for', async () => {
  const all = texts(6)
  fc.assert(fc.property(pattern, text => all.every(candidate => matchesWildcard(text, candidate) === asRegExp(text).test(candidate))))
})

t.test('a star in the text is a character as any other', async t => {
  t.ok(matchesWildcard('a*', 'a*b*'))
  t.ok(matchesWildcard('*b', '**b'))
})

t.test('two patterns overlap when one of all texts fits both', async () => {
  const all = texts(8)
  fc.assert(fc.property(pattern, pattern, (a, b) => wildcardsOverlap(a, b) === all.some(text => asRegExp(a).test(text) && asRegExp(b).test(text))))
})

t.test('needs no more than pattern times text steps', async t => {
  t.notOk(matchesWildcard(`${'*a'.repeat(200)}b`, 'a'.repeat(5000)))
})

t.test('no wildcard is more exact than any number of characters with one', async t => {
  t.ok(exactness('a') > exactness('a'.repeat(300) + '*'))
  t.ok(exactness('ab*') > exactness('a*'))
})
