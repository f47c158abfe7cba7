import t from 'tap'
import pino from 'pino'
import { LazyLogger } from '../../src/http/lazy-logger.ts'

t.test('is made once, with the first use', async t => {
  let made = 0
  const lines: string[] = []
  const parent = pino({ level: 'trace' }, { write: line => { lines.push(line) } })
  const logger = new LazyLogger(() => {
    made++
    return parent.child({ reqId: 'r-1' })
  })
  t.equal(made, 0)
  for (const level of ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const) logger[level]({ level2: level }, 'said %s', level)
  t.equal(made, 1)
  t.strictSame(lines.map(line => JSON.parse(line).msg), ['fatal', 'error', 'warn', 'info', 'debug', 'trace'].map(level => `said ${level}`))
  t.ok(lines.every(line => JSON.parse(line).reqId === 'r-1'))
})

t.test('has level and children', async t => {
  const lines: string[] = []
  const parent = pino({ level: 'info' }, { write: line => { lines.push(line) } })
  const logger = new LazyLogger(() => parent.child({ reqId: 'r-1' }))
  t.equal(logger.level, 'info')
  logger.level = 'error'
  logger.warn('not written')
  logger.child({ part: 'a' }).error('written')
  t.match(lines.map(line => JSON.parse(line)), [{ reqId: 'r-1', part: 'a', msg: 'written' }])
  t.equal(parent.level, 'info', 'the parent keeps its own')
})
