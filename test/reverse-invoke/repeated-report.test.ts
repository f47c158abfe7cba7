import t from 'tap'
import { RepeatedReport } from '../../src/reverse-invoke/repeated-report.ts'

t.test('at first, then once in the interval with the number of times', async t => {
  let now = 0
  const report = new RepeatedReport(60_000, () => now)
  t.equal(report.count('refused'), 1)
  t.equal(report.count('refused'), null)
  t.equal(report.count('timeout'), 1, 'another kind is reported by itself')
  now = 59_999
  t.equal(report.count('refused'), null)
  now = 60_000
  t.equal(report.count('refused'), 3)
  t.equal(report.count('refused'), null)
  report.reset()
  t.equal(report.count('refused'), 1)
})

t.test('of too many kinds the one that was reported longest ago is forgotten', async t => {
  let now = 0
  const report = new RepeatedReport(10, () => now, 2)
  report.count('a')
  report.count('b')
  report.count('a')
  now = 10
  t.equal(report.count('a'), 2)
  t.equal(report.count('c'), 1)
  t.equal(report.count('a'), null, 'still known')
  t.equal(report.count('b'), 1, 'forgotten')
})
