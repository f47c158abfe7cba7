import fc from 'fast-check'
import t from 'tap'
import { parseRegistrationAclEntry, RegistrationAcl } from '../../src/reverse-invoke/acl.ts'
import type { Peer } from '../../src/reverse-invoke/peer.ts'

const from = (address: string, ...hosts: string[]): Peer => ({
  address,
  certificate: hosts.length === 0 ? null : { subject: 'CN=x', issuer: 'CN=y', fingerprint256: 'AA', notAfter: new Date(), isFor: host => hosts.includes(host) }
})

// forms of hosts: https://help.sap.com, SAProuter route permission table, and wdisp/ri/acl_<xx>
const rows: Array<[host: string, matching: string[], others: string[]]> = [
  ['10.18.0.2', ['10.18.0.2', '::ffff:10.18.0.2'], ['10.18.0.3', '::1', '', 'localhost']],
  ['10.18.0.0/24', ['10.18.0.0', '10.18.0.255'], ['10.18.1.0', '10.17.255.255']],
  ['10.18.0.9/0', ['1.2.3.4'], ['::1']],
  ['10.18.*.*', ['10.18.0.1', '10.18.255.255'], ['10.19.0.1', '::1']],
  ['*.*.*.7', ['10.18.0.7'], ['10.18.0.8', '::7']],
  ['156.56.1011xxxx.*', ['156.56.176.1', '156.56.191.200'], ['156.56.175.1', '156.56.192.1']],
  ['10.18.0.0000001X', ['10.18.0.2', '10.18.0.3'], ['10.18.0.4', '10.18.0.1']],
  ['10.18.0.00000010', ['10.18.0.2'], ['10.18.0.10', '10.18.0.3']],
  ['2001:db8::/32', ['2001:db8::1', '2001:DB8:ffff::'], ['2001:db9::1', '10.18.0.2']],
  ['2001:db8::1', ['2001:db8:0::1'], ['2001:db8::2']],
  ['::ffff:10.18.0.0/112', ['10.18.0.2', '10.18.255.2'], ['10.19.0.2', '::1']],
  ['fe80::1', ['fe80::1%eth0'], ['fe80::2%eth0']],
  ['*', ['10.18.0.2', '::1'], []]
]
for (const [host, matching, others] of rows) {
  t.test(`P ${host}`, async t => {
    const acl = new RegistrationAcl([`P ${host}`], { tls: false })
    for (const address of matching) t.same(acl.decide(from(address)), { permitted: true, entry: `P ${host}` }, address)
    for (const address of others) t.same(acl.decide(from(address)), { permitted: false, entry: null }, address)
  })
}

t.test('the first entry that matches decides, and what none matches is denied', async t => {
  const acl = new RegistrationAcl(['d 10.18.0.2', 'P  10.18.0.0/24', 'D *', 'P 10.19.0.1'], { tls: false })
  t.same(acl.decide(from('10.18.0.2')), { permitted: false, entry: 'D 10.18.0.2' })
  t.same(acl.decide(from('10.18.0.3')), { permitted: true, entry: 'P 10.18.0.0/24' })
  t.same(acl.decide(from('10.19.0.1')), { permitted: false, entry: 'D *' })
  t.same(new RegistrationAcl([], { tls: false }).decide(from('10.18.0.2')), { permitted: false, entry: null })
})

t.test('host names are compared with the certificate, addresses with the address', async t => {
  const acl = new RegistrationAcl(['D bad.inner', 'P Good.Inner.', 'P 10.18.0.2'], { tls: true })
  t.ok(acl.decide(from('192.0.2.1', 'good.inner')).permitted)
  t.notOk(acl.decide(from('192.0.2.1', 'good.inner', 'bad.inner')).permitted)
  t.notOk(acl.decide(from('192.0.2.1', 'other.inner')).permitted)
  t.ok(acl.decide(from('10.18.0.2', 'other.inner')).permitted)
})

t.test('a host name without TLS is a fault: a denial that never matches would permit', async t => {
  t.throws(() => new RegistrationAcl(['P *', 'D bad.inner'], { tls: false }), { code: 'POSTERN_ERR_REVERSE_INVOKE_ACL', message: /acl entry 1: "D bad.inner" is a host name/ })
})

for (const text of ['', 'P', 'X 10.18.0.2', '10.18.0.2', 'P 10.18.0.2 5002', 'P 10.18.0', 'P 10.18.0.256', 'P 10.18.0.2/33', 'P 2001:db8::/129', 'P 10.18.*', 'P 10.18.*.*/16',
  'P 010.18.0.2', 'P 10.18.1011xxx.*', 'P 10.18.xxxxxxxx', 'P *.inner', 'P a..b', 'P fe80::1%eth0', 'P a/24', 'P 10.18.0.2/', 'P ho_st!']) {
  t.test(`${JSON.stringify(text)} is no entry`, async t => {
    t.match(parseRegistrationAclEntry(text), { message: /./, expected: /P or D/ })
    t.throws(() => new RegistrationAcl([text], { tls: true }), { code: 'POSTERN_ERR_REVERSE_INVOKE_ACL' })
  })
}

t.test('a mask of eight binary digits matches the octets that its digits say', async t => {
  const digit = fc.constantFrom('0', '1', 'x')
  fc.assert(fc.property(fc.array(digit, { minLength: 8, maxLength: 8 }), fc.integer({ min: 0, max: 255 }), (digits, octet) => {
    const bits = octet.toString(2).padStart(8, '0')
    const expected = digits.every((one, index) => one === 'x' || one === bits[index])
    return new RegistrationAcl([`P 10.0.0.${digits.join('')}`], { tls: false }).decide(from(`10.0.0.${octet}`)).permitted === expected
  }))
})

t.test('whatever is no entry is refused, and never throws anything else', async t => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => {
    const entry = parseRegistrationAclEntry(text)
    return 'message' in entry || /^\s*[pd]\s+\S+\s*$/i.test(text)
  }))
})
