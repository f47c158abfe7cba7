import t from 'tap'
import { isHelperVariable, MAX_INDEX, parseIndexedName } from '../../src/profile/parameter-name.ts'

t.test('the index of a vector parameter is a number without leading zero', async t => {
  const base = 'icm/HTTP/redirect'
  const rows: Array<[name: string, digits: string, index: number, wellFormed: boolean]> = [
    [`${base}_0`, '0', 0, true],
    [`${base}_10`, '10', 10, true],
    [`${base}_${MAX_INDEX}`, '99999', 99_999, true],
    [`${base}_00`, '00', 0, false],
    [`${base}_01`, '01', 1, false],
    [`${base}_100000`, '100000', 100_000, false],
    [`${base}_${'9'.repeat(400)}`, '9'.repeat(400), Infinity, false]
  ]
  for (const [name, digits, index, wellFormed] of rows) t.strictSame(parseIndexedName(name), { base, digits, index, wellFormed }, name)
})

t.test('other names have no index', async t => {
  for (const name of ['SAPSYSTEM', 'icm/x_', 'icm/x1', 'icm/x_1a', '_1', '1', '', '_', 'icm/x_-1']) t.equal(parseIndexedName(name), null, name)
})

t.test('helper variables begin with an underscore', async t => {
  t.equal(isHelperVariable('_PF'), true)
  t.equal(isHelperVariable('icm/_x'), false)
})
