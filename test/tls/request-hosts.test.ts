import t from 'tap'
import { hostsOfRequest } from '../../src/tls/request-hosts.ts'

t.test('finds every host that a request names', async t => {
  const rows: Array<[string, string[], string, (string | null)[] | null]> = [
    ['Host', ['Host', 'A.Example'], '/', ['a.example']],
    ['with port', ['host', 'a.example:8443'], '/', ['a.example']],
    ['with a final dot', ['HOST', 'a.example.:8443'], '/', ['a.example']],
    ['address', ['Host', '[::1]:8443'], '/', ['[::1]']],
    ['none', ['Accept', '*/*'], '/', [null]],
    ['empty', ['Host', ''], '/', [null]],
    ['no host', ['Host', 'a.example, b.example'], '/', null],
    ['user information', ['Host', 'a@b.example'], '/', null],
    ['a port that is none', ['Host', 'b.example:99999'], '/', null],
    ['no host beside a host', ['Host', 'a.example', 'Host', 'b.example:x'], '/', null],
    ['an empty one beside a host', ['Host', '', 'Host', 'b.example'], '/', ['b.example']],
    ['two fields', ['Host', 'a.example', 'X', 'y', 'hOst', 'b.example'], '/', ['a.example', 'b.example']],
    ['absolute target', ['Host', 'a.example'], 'https://B.example:443/x', ['b.example', 'a.example']],
    [':authority', [':authority', 'b.example', 'host', 'a.example'], '/', ['b.example', 'a.example']],
    ['asterisk', ['Host', 'a.example'], '*', ['a.example']],
    ['a path that looks like a target', ['Host', 'a.example'], '/https://b.example/', ['a.example']]
  ]
  for (const [title, headers, target, hosts] of rows) t.strictSame(hostsOfRequest(headers, target), hosts, title)
})
