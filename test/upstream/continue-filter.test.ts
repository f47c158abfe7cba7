import t from 'tap'
import { ContinueFilter } from '../../src/upstream/continue-filter.ts'

const final = 'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n'

t.test('takes 100 out before the final answer only, however the bytes are cut', async t => {
  const rows: Array<[string, string]> = [
    [final, final],
    [`HTTP/1.1 100 Continue\r\n\r\n${final}`, final],
    [`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 100 Continue\r\nX: y\r\n\r\n${final}`, `HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n${final}`],
    ['HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n'],
    ['nonsense', 'nonsense'],
    [`\r\n\r\n${final}`, final],
    [`\r\nHTTP/1.1 100 Continue\r\n\r\n${final}`, final]
  ]
  for (const [sent, expected] of rows) {
    for (const size of [1, 2, 5, 11, 12, 13, 26, 1000]) {
      const filter = new ContinueFilter()
      filter.expectAnswer()
      let got = ''
      for (let index = 0; index < sent.length; index += size) got += filter.filter(Buffer.from(sent.slice(index, index + size))).toString()
      t.equal(got, expected, `${size}: ${sent.slice(0, 20)}`)
    }
  }
})

t.test('holds back no endless header', async t => {
  const filter = new ContinueFilter()
  filter.expectAnswer()
  const bytes = Buffer.from(`HTTP/1.1 100 Continue\r\nX: ${'x'.repeat(70_000)}`)
  t.equal(filter.filter(bytes).length, bytes.length)
})

t.test('leaves bytes alone that nobody waits for', async t => {
  t.equal(new ContinueFilter().filter(Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')).length, 25)
})

t.test('empty lines are no answer', async t => {
  const filter = new ContinueFilter()
  filter.expectAnswer()
  t.equal(filter.filter(Buffer.from('\r\n')).length, 0)
  t.equal(filter.answered, false)
  t.equal(String(filter.filter(Buffer.from('\nHTTP/1.1 200 OK\r\n\r\n'))), 'HTTP/1.1 200 OK\r\n\r\n')
  t.equal(filter.answered, true)
})
