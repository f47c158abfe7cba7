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
