import t from 'tap'
import { StickyCookie, withoutCookie } from '../../src/dispatch/sticky-cookie.ts'
import type { UpstreamServer } from '../../src/upstream/server.ts'

const server = (name: string): UpstreamServer => ({ origin: `https://${name}:443`, host: name, port: 443, tls: null })
const servers = [server('alpha.internal'), server('beta.internal')] as [UpstreamServer, UpstreamServer]
const build = (over: Partial<ConstructorParameters<typeof StickyCookie>[0]> = {}) => new StickyCookie({ key: 'k'.repeat(32), system: 'wdisp/system_0', sid: 'ABC', servers, ...over })
const pairOf = (setCookie: string) => setCookie.split(';')[0] as string

t.test('finds its server again', async t => {
  const cookie = build()
  for (const each of servers) t.equal(cookie.serverIn(`other=1; ${pairOf(cookie.setCookie(each, true))}; last=2`), each)
})

t.test('has the attributes of a session cookie that scripts cannot read', async t => {
  t.match(build().setCookie(servers[0], true), /^postern_ABC_[A-Za-z0-9]{6}=[\w-]{32}; Path=\/; HttpOnly; SameSite=Lax; Secure$/)
  t.notMatch(build().setCookie(servers[0], false), /Secure/)
})

t.test('tells nothing about the server', async t => {
  const text = build().setCookie(servers[0], true)
  t.notMatch(text, /alpha|internal|443/)
  t.notMatch(Buffer.from(text.split('=')[1] as string, 'base64url').toString('latin1'), /alpha|internal/)
})

t.test('takes no value that another key, system or nobody has made', async t => {
  const cookie = build()
  const foreign = [build({ key: 'x'.repeat(32) }), build({ system: 'wdisp/system_1' })]
  for (const other of foreign) {
    t.not(other.name, cookie.name)
    t.equal(cookie.serverIn(`${cookie.name}=${pairOf(other.setCookie(servers[0], true)).split('=')[1]}`), null)
  }
  for (const value of ['', '0', 'https://alpha.internal:443', '__proto__']) t.equal(cookie.serverIn(`${cookie.name}=${value}`), null)
})

t.test('the first valid one of several counts', async t => {
  const cookie = build()
  const [first, second] = servers.map(each => pairOf(cookie.setCookie(each, true)))
  t.equal(cookie.serverIn(`${cookie.name}=forged; ${second}; ${first}`), servers[1])
})

t.test('a cookie whose name only begins alike is another one', async t => {
  const cookie = build()
  t.equal(cookie.serverIn(pairOf(cookie.setCookie(servers[0], true)).replace('=', 'x=')), null)
})

t.test('characters that a cookie name cannot hold are left out', async t => {
  t.match(build({ sid: 'A;=\r\n B' }).name, /^postern_AB_/)
})

t.test('removes one cookie and leaves the others as they are', async t => {
  const rows: Array<[string, string | null]> = [
    ['p=1', null], [' p=1 ', null], ['p=1;p=2', null], ['a=1; p=1; b="x y"', 'a=1; b="x y"'], ['p=1; a=1', 'a=1'], ['a=1; p=1', 'a=1'],
    ['a=1;  b=2', 'a=1;  b=2'], ['pp=1; p=2', 'pp=1'], ['p', null], ['', '']
  ]
  for (const [field, expected] of rows) t.equal(withoutCookie(field, 'p'), expected, field)
})
