import t from 'tap'
import { checkFileName, endOfPeriod, fileNameAt, namesOf } from '../../src/access-log/file-name.ts'

const at = (...parts: [number, number, number?, number?, number?, number?]) => new Date(...(parts as [number, number])).getTime()

t.test('place holders stand for local time', async t => {
  t.equal(fileNameAt('/log/a_%y-%m-%d_%h%t%s_%%.log', at(2026, 0, 2, 3, 4, 5)), '/log/a_2026-01-02_030405_%.log')
  t.equal(fileNameAt('plain', 0), 'plain')
})

t.test('an unknown place holder is refused', async t => {
  for (const template of ['a_%x', 'a_%', 'a_%Y']) t.throws(() => { checkFileName(template) }, { code: 'POSTERN_ERR_ACCESS_LOG_FILE' }, template)
  t.doesNotThrow(() => { checkFileName('a_%d%m%y%h%t%s%%') })
})

t.test('knows the names that a template makes', async t => {
  const names = namesOf('/some.where/a+b_%y%m.log')
  for (const name of ['a+b_202601.log', 'a+b_202601.log_01', 'a+b_202601.log_123']) t.match(name, names)
  for (const name of ['a+b_2026.log', 'xa+b_202601.log', 'a+b_202601xlog', 'a+b_202601.log_', 'a+b_202601.log.gz', 'aab_202601.log']) t.notMatch(name, names)
  t.match('100%_01.log', namesOf('100%%_%d.log'))
})

t.test('periods end where the next one begins', async t => {
  t.equal(endOfPeriod('hour', at(2026, 0, 31, 23, 59, 59)), at(2026, 1, 1, 0, 0, 0))
  t.equal(endOfPeriod('day', at(2026, 1, 28, 12)), at(2026, 2, 1))
  t.equal(endOfPeriod('month', at(2026, 11, 5)), at(2027, 0, 1))
  t.equal(endOfPeriod('day', at(2026, 1, 28)), at(2026, 2, 1), 'the first moment belongs to the period')
})
