import t from 'tap'
import { maskAddress, parseAddressMask } from '../../src/dispatch/address-mask.ts'
import { ClientTable } from '../../src/dispatch/client-table.ts'

function build (maxEntries = 100) {
  const clock = { ms: 0 }
  return { clock, table: new ClientTable<string>({ maxEntries, idleMs: 1000, now: () => clock.ms }) }
}

t.test('remembers the server of a client', async t => {
  const { table } = build()
  t.equal(table.serverOf('c'), null)
  table.opened('c', 'a')
  t.equal(table.serverOf('c'), 'a')
  table.opened('c', 'b')
  t.equal(table.serverOf('c'), 'b', 'the last one counts')
})

t.test('forgets a client that has had no connection for the idle time', async t => {
  const { table, clock } = build()
  table.opened('c', 'a')
  clock.ms = 5000
  t.equal(table.serverOf('c'), 'a', 'an open connection is not idle')
  table.closed('c')
  clock.ms = 5999
  t.equal(table.serverOf('c'), 'a')
  clock.ms = 6000
  t.equal(table.serverOf('c'), null)
  table.opened('d', 'a')
  t.equal(table.size, 1, 'its entry is gone')
})

t.test('is idle only when the last connection has ended', async t => {
  const { table, clock } = build()
  table.opened('c', 'a')
  table.opened('c', 'a')
  table.closed('c')
  clock.ms = 5000
  t.equal(table.serverOf('c'), 'a')
})

t.test('the client that was unused longest makes room', async t => {
  const { table } = build(2)
  table.opened('c', 'a')
  table.opened('d', 'a')
  table.opened('c', 'a')
  table.opened('e', 'a')
  t.strictSame(['c', 'd', 'e'].map(key => table.serverOf(key)), ['a', null, 'a'])
  t.equal(table.size, 2)
  table.closed('d')
  t.equal(table.size, 2, 'the end of a forgotten connection changes nothing')
})

t.test('masks client addresses', async t => {
  const rows: Array<[mask: string, bits: number, address: string, key: string]> = [
    ['255.255.240.0', 64, '192.0.47.9', '192.0.32.0'],
    ['255.255.255.0', 64, '::ffff:192.0.47.9', '192.0.47.0'],
    ['0.0.0.0', 64, '192.0.2.1', '0.0.0.0'],
    ['255.255.255.255', 64, '192.0.2.1', '192.0.2.1'],
    ['255.255.240.0', 64, '2001:db8:1:2:3:4:5:6', '20:1:d:b8:0:1:0:2:0:0:0:0:0:0:0:0'],
    ['255.255.240.0', 61, '2001:db8:1:f::1', '20:1:d:b8:0:1:0:8:0:0:0:0:0:0:0:0'],
    ['255.255.240.0', 0, 'fe80::1%eth0', '0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0'],
    ['255.255.240.0', 64, '', '']
  ]
  for (const [text, bits, address, key] of rows) {
    const mask = parseAddressMask(text, bits)
    if (mask === null) t.fail(text)
    else t.equal(maskAddress(address, mask), key, `${address} under ${text}`)
  }
  for (const text of ['', '255.255.240', '255.255.255.256', '/20', '0xff.0.0.0']) t.equal(parseAddressMask(text, 64), null, text)
})
