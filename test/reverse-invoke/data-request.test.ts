import t from 'tap'
import { isPlainUpgrade, readDataRequest } from '../../src/reverse-invoke/data-request.ts'

const fields = ['Host', 'a', 'Connection', 'Upgrade', 'Upgrade', 'PTTH/1.0', 'Reverse-Invoke-Ticket', 'A'.repeat(32), 'Reverse-Invoke-Replica', 'r']

t.test('an upgrade is plain without a body and without doubles', async t => {
  t.ok(isPlainUpgrade(fields))
  t.ok(isPlainUpgrade([...fields, 'Content-Length', '0', 'X', '1', 'X', '2']))
  t.notOk(isPlainUpgrade(fields.slice(2)), 'no host')
  for (const more of [['Transfer-Encoding', 'chunked'], ['content-length', '5'], ['Content-Length', ''], ['host', 'b'], ['UPGRADE', 'websocket'],
    ['reverse-invoke-ticket', 'B'.repeat(32)], ['Reverse-Invoke-Replica', 'r']]) t.notOk(isPlainUpgrade([...fields, ...more]), more.join(': '))
})

t.test('ticket and replica', async t => {
  const ticket = 'A-_9'.repeat(8)
  const read = (...[one, replica]: Array<string | string[] | undefined>) => readDataRequest({ 'reverse-invoke-ticket': one, 'reverse-invoke-replica': replica })
  t.same(read(ticket, 'replica-1'), { ticket, replica: 'replica-1' })
  for (const wrong of [[undefined, 'r'], [ticket, undefined], [[ticket], 'r'], [ticket, 'r r'], ['A'.repeat(21), 'r'], ['A'.repeat(87), 'r'], [`${ticket}, ${ticket}`, 'r'], [ticket, ''], [ticket, 'r'.repeat(65)]]) t.equal(read(...wrong), null)
})
