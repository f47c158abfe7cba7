import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openTrace } from '../../src/gateway/trace.ts'

t.test('lines are in the file at once, and appended', async t => {
  const file = join(t.testdir({ trace: 'before\n' }), 'trace')
  const trace = openTrace(file)
  trace.stream.write('one\n')
  t.equal(readFileSync(file, 'utf8'), 'before\none\n')
  await trace.end()
})

t.test('a line after the end is lost and no error, and the end may come twice', async t => {
  const file = join(t.testdir({}), 'trace')
  const trace = openTrace(file)
  trace.stream.write('one\n')
  await trace.end()
  trace.stream.write('two\n')
  await trace.end()
  t.equal(readFileSync(file, 'utf8'), 'one\n')
})

t.test('a file that cannot be opened is named', async t => {
  const file = join(t.testdir({ trace: 'no directory' }), 'trace', 'trace.log')
  t.throws(() => openTrace(file), { code: 'POSTERN_ERR_GATEWAY_TRACE_FILE', message: new RegExp(file) })
})

t.test('a full disk loses lines and fails nothing', { skip: existsSync('/dev/full') ? false : 'needs /dev/full' }, async t => {
  const trace = openTrace('/dev/full')
  for (let count = 0; count < 100; count++) t.doesNotThrow(() => { trace.stream.write(`${'x'.repeat(1000)}\n`) })
  await t.resolves(trace.end())
})
