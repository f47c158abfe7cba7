import fc from 'fast-check'
import t from 'tap'
import { parseAcl } from '../../src/access-control/acl.ts'

const file = 'acl.txt'

function decide (text: string, address: string | undefined) {
  const { list, faults } = parseAcl(text, file)
  return { ...list.decide(address), faults: faults.length }
}

t.test('the first match counts, and what matches nothing is denied', async t => {
  const text = [
    '# who may connect',
    'permit 10.1.2.0/24   # the office',
    '',
    'deny 10.1.0.0/16',
    '\tPERMIT 10.0.0.0/8 2',
    'permit 192.168.7.9',
    'deny 2001:db8:0:1::/64',
    'permit 2001:db8::/32',
    'permit ::1'
  ].join('\n')
  const rows: Array<[string | undefined, boolean, number | null]> = [
    ['10.1.2.255', true, 2],
    ['10.1.3.0', false, 4],
    ['10.2.0.1', true, 5],
    ['192.168.7.9', true, 6],
    ['192.168.7.8', false, null],
    ['172.16.0.1', false, null],
    ['::ffff:10.1.2.3', true, 2],
    ['::ffff:a01:203', true, 2],
    ['2001:db8:0:1::5', false, 7],
    ['2001:db8:0:2::5', true, 8],
    ['2001:db9::1', false, null],
    ['::1', true, 9],
    ['0:0:0:0:0:0:0:1', true, 9],
    ['fe80::1%eth0', false, null],
    ['', false, null],
    ['localhost', false, null],
    [undefined, false, null]
  ]
  for (const [address, permitted, line] of rows) t.strictSame(decide(text, address), { permitted, line, faults: 0 }, String(address))
})

t.test('networks', async t => {
  const rows: Array<[string, string, boolean, string]> = [
    ['permit 0.0.0.0/0', '203.0.113.5', true, 'all of IPv4'],
    ['permit 0.0.0.0/0', '2001:db8::1', false, 'IPv4 is not IPv6'],
    ['permit ::/0', '2001:db8::1', true, 'all of IPv6'],
    ['permit ::/0', '::ffff:203.0.113.5', false, 'IPv4 in IPv6 form is IPv4'],
    ['permit ::ffff:10.0.0.0/104', '10.1.2.3', true, 'a network of IPv4 in IPv6 form'],
    ['permit ::ffff:10.0.0.0/104', '11.1.2.3', false, 'a network of IPv4 in IPv6 form'],
    ['permit 10.1.2.3/8', '10.200.0.1', true, 'bits behind the network do not count'],
    ['permit 10.1.2.3/32', '10.1.2.4', false, 'one address'],
    ['permit fe80::/10', 'fe80::1%eth0', true, 'link-local, of whatever interface']
  ]
  for (const [text, address, permitted, title] of rows) t.strictSame(decide(text, address), { permitted, line: permitted ? 1 : null, faults: 0 }, title)
})

t.test('files of every system', async t => {
  for (const text of ['permit 10.0.0.1\r\ndeny 10.0.0.2\r\n', '\uFEFFpermit 10.0.0.1', 'permit 10.0.0.1\rdeny 10.0.0.2', '  permit\t10.0.0.1  ']) {
    t.strictSame(decide(text, '10.0.0.1'), { permitted: true, line: 1, faults: 0 }, JSON.stringify(text))
  }
  t.strictSame(decide('', '10.0.0.1'), { permitted: false, line: null, faults: 0 }, 'an empty file denies everybody')
})

t.test('faults are named with file and line, and an entry with a fault is none', async t => {
  const rows: Array<[string, RegExp, RegExp]> = [
    ['allow 10.0.0.1', /"allow" is no action/, /permit or deny/],
    ['permit', /address is missing/, /<ip>\/<bits>/],
    ['permit # 10.0.0.1', /address is missing/, /<ip>/],
    ['permit *', /"\*" is no address/, /<ip>/],
    ['permit 10.1', /"10.1" is no address/, /<ip>/],
    ['permit 010.0.0.1', /"010.0.0.1" is no address/, /<ip>/],
    ['permit 0x0a.0.0.1', /is no address/, /<ip>/],
    ['permit 10.0.0.256', /is no address/, /<ip>/],
    ['permit host.example', /is no address/, /<ip>/],
    ['permit 10.0.0.0/', /is no address/, /<ip>/],
    ['permit 10.0.0.0/255.0.0.0', /is no address/, /<ip>/],
    ['permit 10.0.0.0/33', /32 bits/, /<ip>/],
    ['permit ::/129', /128 bits/, /<ip>/],
    ['permit fe80::1%eth0', /is no address/, /<ip>/],
    ['permit 10.0.0.1 10.0.0.2', /"10.0.0.2" behind the address/, /nothing/],
    ['permit 10.0.0.1 2 more', /"2 more" behind the address/, /nothing/],
    ['permit10.0.0.1', /is no action/, /permit/]
  ]
  for (const [line, message, expected] of rows) {
    const { list, faults } = parseAcl(`# first\n${line}\npermit 10.9.9.9`, file)
    t.match(faults, [{ file, line: 2, message, expected }], line)
    t.equal(faults.length, 1)
    t.strictSame(list.decide('10.0.0.1'), { permitted: false, line: null })
  }
})

t.test('any text gives a list and faults; an address is permitted only by an entry', async t => {
  const word = fc.constantFrom('permit', 'deny', '10.0.0.0/8', '::1', '::/0', '/', '#', ' ', '\n', '\t', '0.0.0.0/0', '2', 'x')
  const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())
  fc.assert(fc.property(fc.oneof(fc.string(), fc.array(word).map(words => words.join(' '))), address, (text, client) => {
    const { list, faults } = parseAcl(text, file)
    const { permitted, line } = list.decide(client)
    const lines = text.split(/\r\n|\r|\n/).length
    return faults.every(fault => fault.line >= 1 && fault.line <= lines) && (!permitted || (line !== null && line <= lines))
  }))
})
