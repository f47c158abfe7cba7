import t from 'tap'
import { parseHost } from '../../src/http/host.ts'
import { compileRule, type RedirectFacts, type RedirectRuleOptions } from '../../src/redirect/rule.ts'
import { decideRedirect } from '../../src/redirect/rules.ts'

const rule = (over: Partial<RedirectRuleOptions>): RedirectRuleOptions =>
  ({ parameter: 'icm/HTTP/redirect_0', prefix: '/', from: null, fromProtocol: null, for: null, to: null, protocol: null, host: null, port: null, ...over })

function facts (url: string): RedirectFacts {
  const [, protocol = '', host = '', path = '', query = ''] = /^(https?):\/\/([^/]*)([^?]*)(.*)$/s.exec(url) ?? []
  return { protocol: protocol as 'http' | 'https', host: parseHost(host), path, query }
}

const decide = (rules: Array<Partial<RedirectRuleOptions>>, url: string) => {
  const decision = decideRedirect(rules.map((over, index) => compileRule(rule({ parameter: `icm/HTTP/redirect_${index}`, ...over }))), facts(url))
  return decision.kind === 'redirect' ? decision.location : decision.kind
}

const toHttps = { from: '*', fromProtocol: 'http', protocol: 'https', host: 'gw.example', port: 44300 } as const
const toLaunchpad = { for: 'www.example', fromProtocol: 'https', to: '/sap/bc/ui2/flp' } as const

t.test('sends where the rule says', async t => {
  const rows: Array<[what: string, rule: Partial<RedirectRuleOptions>, url: string, location: string]> = [
    ['spec 6.7, first example', toHttps, 'http://old.example:8080/a?b=c', 'https://gw.example:44300/a?b=c'],
    ['spec 6.7, first example, other protocol', toHttps, 'https://old.example/a', 'none'],
    ['spec 6.7, second example', toLaunchpad, 'https://www.example/', 'https://www.example/sap/bc/ui2/flp'],
    ['spec 6.7, second example, other host', toLaunchpad, 'https://w3.example/', 'none'],
    ['without FROM the path must equal the prefix', { to: '/x' }, 'http://h/y', 'none'],
    ['the query is kept', { to: '/x' }, 'http://h/?sap-client=100', 'http://h/x?sap-client=100'],
    ['a query in TO comes first', { to: '/x?a=1' }, 'http://h/?b=2', 'http://h/x?a=1&b=2'],
    ['a query in TO alone', { to: '/x?a=1' }, 'http://h/', 'http://h/x?a=1'],
    ['a fragment in TO stays at the end', { to: '/x#Shell-home' }, 'http://h/?b=2', 'http://h/x?b=2#Shell-home'],
    ['PREFIX is replaced by TO', { prefix: '/old', from: '/old/*', to: '/new' }, 'http://h/old/a/b', 'http://h/new/a/b'],
    ['FROM below the prefix', { prefix: '/old', from: '*.html', to: '/new/' }, 'http://h/old/a.html', 'http://h/new/a.html'],
    ['FROM below the prefix, relative', { prefix: '/old', from: 'a*', to: '/new' }, 'http://h/old/a.html', 'http://h/new/a.html'],
    ['FROM below the prefix, relative to a slash', { prefix: '/old/', from: 'a*', to: '/new' }, 'http://h/old/a.html', 'http://h/new/a.html'],
    ['FROM must be below the prefix', { prefix: '/old', from: '/new/*', to: '/x' }, 'http://h/new/a', 'none'],
    ['one character', { from: '/a?c', to: '/x/' }, 'http://h/abc', 'http://h/x/abc'],
    ['one character, but two', { from: '/a?c', to: '/x/' }, 'http://h/abbc', 'none'],
    ['one slash at the joint', { prefix: '/o', from: '/o*', to: '/n/' }, 'http://h/o//a', 'http://h/n/a'],
    ['host of the request without default port', { ...toHttps, host: null, port: null }, 'http://h/a', 'https://h/a'],
    ['host of the request with explicit default port', { ...toHttps, host: null, port: null }, 'http://h:80/a', 'https://h/a'],
    ['port of the request', { ...toHttps, port: null }, 'http://h:8080/a', 'https://gw.example:8080/a'],
    ['new default port is not written', { ...toHttps, port: 443 }, 'http://h:8080/a', 'https://gw.example/a'],
    ['IPv6', { to: '/x' }, 'http://[2001:db8::1]:81/', 'http://[2001:db8::1]:81/x'],
    ['FOR with port', { for: '*.example:81', to: '/x' }, 'http://a.example:81/', 'http://a.example:81/x'],
    ['FOR with the default port', { for: '*:443', to: '/x' }, 'https://a/', 'https://a/x'],
    ['FOR with another port', { for: '*:443', to: '/x' }, 'http://a/', 'none'],
    ['the path is not decoded', { from: '*', protocol: 'https' }, 'http://h/a%2f%2e%2e%0d%0a', 'https://h/a%2f%2e%2e%0d%0a'],
    ['two slashes are no host', { from: '*', protocol: 'https' }, 'http://h//evil.example/', 'https://h//evil.example/'],
    ['a backslash is escaped', { from: '*', protocol: 'https' }, 'http://h/\\evil.example', 'https://h/%5Cevil.example'],
    ['what a URI cannot hold is escaped', { from: '*', protocol: 'https' }, 'http://h/a"<>\x00\xe4#b', 'https://h/a%22%3C%3E%00%E4%23b'],
    ['characters beyond ASCII in TO', { to: '/ä€' }, 'http://h/', 'http://h/%E4%E2%82%AC'],
    ['already there', { from: '*', protocol: 'https', host: 'h', port: 443 }, 'https://h/a', 'none'],
    ['already there, port written', { from: '*', protocol: 'https', host: 'h', port: 443 }, 'https://h:443/a', 'none'],
    ['only the port differs', { from: '*', host: 'h', port: 8443 }, 'https://h/a', 'https://h:8443/a']
  ]
  for (const [what, over, url, location] of rows) t.equal(decide([over], url), location, what)
})

t.test('the first rule that fits decides', async t => {
  const rules = [{ prefix: '/a', to: '/1' }, { from: '*', for: 'x.*', to: '/2', host: 'y.example' }, { prefix: '/a', to: '/3' }]
  t.equal(decide(rules, 'http://h/a'), 'http://h/1')
  t.equal(decide(rules, 'http://x.example/b'), 'http://y.example/2/b')
  t.equal(decide(rules, 'http://h/b'), 'none')
})

t.test('does not send a client round in circles', async t => {
  t.equal(decide([{ from: '*', to: '/x' }], 'http://h/a'), 'loop', 'a rule that meets its own result')
  t.equal(decide([{ prefix: '/a', to: '/b' }, { prefix: '/b', to: '/a' }], 'http://h/a'), 'loop', 'two rules')
  t.equal(decide([{ prefix: '/a', to: '/b' }, { prefix: '/b', to: '/c' }], 'http://h/a'), 'http://h/b', 'a way that ends')
  t.equal(decide([{ from: '*', fromProtocol: 'http', protocol: 'https' }, { from: '*', fromProtocol: 'https', protocol: 'http' }], 'http://h/a'), 'loop', 'protocols')
})

t.test('builds nothing from a Host field that is missing or not a host', async t => {
  for (const host of ['', 'evil.example/x', 'a@b', 'a b']) {
    const compiled = [compileRule(rule({ to: '/x' }))]
    t.strictSame(decideRedirect(compiled, { protocol: 'http', host: parseHost(host), path: '/', query: '' }), { kind: 'no-host', parameter: 'icm/HTTP/redirect_0' }, host)
  }
  const named = decideRedirect([compileRule(rule({ to: '/x', host: 'gw.example' }))], { protocol: 'http', host: null, path: '/', query: '' })
  t.strictSame(named, { kind: 'redirect', location: 'http://gw.example/x' }, 'a rule that names its host needs none')
  const pattern = decideRedirect([compileRule(rule({ to: '/x', for: '*' }))], { protocol: 'http', host: null, path: '/', query: '' })
  t.strictSame(pattern, { kind: 'none' }, 'FOR needs a host to compare')
})

t.test('refuses rules that cannot work', async t => {
  const rows: Array<[Partial<RedirectRuleOptions>, RegExp]> = [
    [{ prefix: 'a', to: '/b' }, /icm\/HTTP\/redirect_0: PREFIX "a"/],
    [{ to: 'b' }, /TO "b"/], [{ to: 'http://h/' }, /TO/], [{}, /nothing says where to/], [{ port: 80, to: '/x' }, /PORT without HOST/],
    [{ host: 'a b' }, /HOST "a b"/], [{ host: 'a:1' }, /HOST "a:1"; expected the port in PORT/], [{ for: 'a/b', to: '/x' }, /FOR "a\/b"/]
  ]
  for (const [over, message] of rows) t.throws(() => compileRule(rule(over)), { code: 'POSTERN_ERR_REDIRECT_RULE', message })
})
