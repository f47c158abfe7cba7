import t from 'tap'
import { defaultPort, parseHost } from '../../src/http/host.ts'
import { hostPatternExactness, hostPatternsOverlap, matchesHostPattern, parseHostPattern } from '../../src/http/host-pattern.ts'

t.test('reads the Host field', async t => {
  const rows: Array<[string, { name: string, port: number | null } | null]> = [
    ['www.Example.com', { name: 'www.example.com', port: null }],
    ['www.example.com.:8443', { name: 'www.example.com', port: 8443 }],
    ['host:', { name: 'host', port: null }],
    ['my_host:1', { name: 'my_host', port: 1 }],
    ['192.0.2.1:80', { name: '192.0.2.1', port: 80 }],
    ['[2001:DB8::1]:443', { name: '[2001:db8::1]', port: 443 }],
    ['', null], [' host', null], ['host:0', null], ['host:65536', null], ['host:8a', null], ['a:1:2', null],
    ['user@host', null], ['host/path', null], ['a,b', null], ['host\r\nx', null], ['evil.com%2f', null], ['.a', null], ['2001:db8::1', null]
  ]
  for (const [value, expected] of rows) t.strictSame(parseHost(value), expected, JSON.stringify(value))
  t.equal(defaultPort('http'), 80)
  t.equal(defaultPort('https'), 443)
})

t.test('compares host and port with patterns', async t => {
  const rows: Array<[pattern: string, host: string, port: number, fits: boolean]> = [
    ['*:*', 'a', 1, true], ['*', 'a', 1, true], ['*:4300', 'a', 4300, true], ['*:4300', 'a', 4301, false],
    ['A.example', 'a.example', 9, true], ['a.example.:443', 'a.example', 443, true], ['*.example:44*', 'b.example', 44300, true],
    ['*.example', 'example', 443, false], ['10.0.0.?:80', '10.0.0.7', 80, true], ['[::1]:80', '[::1]', 80, true], ['[::1]', '[::2]', 80, false]
  ]
  for (const [pattern, host, port, fits] of rows) {
    const parsed = parseHostPattern(pattern)
    if (parsed === null) t.fail(pattern)
    else t.equal(matchesHostPattern(parsed, host, port), fits, `${pattern} ${host}:${port}`)
  }
  for (const text of ['', 'a b', 'a:b', 'a:123456', 'http://a', 'a/b']) t.equal(parseHostPattern(text), null, JSON.stringify(text))
})

t.test('orders patterns by how exact they are, the name before the port', async t => {
  const order = ['*:*', '*:443', '*.example.com:*', '*.www.example.com', 'a.example.com:*', 'a.example.com:443']
  const values = order.map(text => hostPatternExactness(parseHostPattern(text) ?? t.fail(text) as never))
  t.strictSame([...values].sort((a, b) => a - b), values)
  t.equal(new Set(values).size, values.length)
})

t.test('sees when two patterns have a host in common', async t => {
  const overlap = (a: string, b: string) => hostPatternsOverlap(parseHostPattern(a) as never, parseHostPattern(b) as never)
  t.ok(overlap('*:443', 'a:*'))
  t.notOk(overlap('*:443', 'a:80'))
  t.notOk(overlap('a', 'b'))
})
