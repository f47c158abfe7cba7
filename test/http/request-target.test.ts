import t from 'tap'
import { parseRequestTarget } from '../../src/http/request-target.ts'

// RFC 9112 section 3.2
const rows: Array<{ target: string, parts: object | null }> = [
  { target: '/', parts: { form: 'origin', scheme: null, authority: null, path: '/', query: '' } },
  { target: '/a/%2e%2e/b?x=?y', parts: { path: '/a/%2e%2e/b', query: '?x=?y' } },
  { target: '//host/path', parts: { form: 'origin', path: '//host/path', authority: null } },
  { target: '/a#b?c', parts: { path: '/a#b', query: '?c' } },
  { target: '/?', parts: { path: '/', query: '?' } },
  { target: 'HTTP://Host:80/a?b', parts: { form: 'absolute', scheme: 'http', authority: 'Host:80', path: '/a', query: '?b' } },
  { target: 'https://host', parts: { form: 'absolute', scheme: 'https', authority: 'host', path: '/', query: '' } },
  { target: 'https://host?q', parts: { path: '/', query: '?q' } },
  { target: 'http://user@host/', parts: { authority: 'user@host' } },
  { target: '*', parts: null },
  { target: 'host:443', parts: null },
  { target: 'ftp://host/', parts: null },
  { target: 'http:///path', parts: null },
  { target: 'http://host#f', parts: null },
  { target: '', parts: null }
]

for (const { target, parts } of rows) {
  t.test(`takes ${JSON.stringify(target)} apart`, async t => {
    const found = parseRequestTarget(target)
    if (parts === null) t.equal(found, null)
    else t.match(found, parts)
  })
}
