import t from 'tap'
import { namesToResolve } from '../../src/dispatch/selectors.ts'
import type { DispatchSystem } from '../../src/dispatch/system.ts'
import { DispatchTable, type DispatchTableOptions, type RequestFacts } from '../../src/dispatch/table.ts'
import { errors } from '../../src/errors.ts'
import type { UpstreamServer } from '../../src/upstream/server.ts'

const server = (host: string): UpstreamServer => ({ origin: `http://${host}:80`, host, port: 80, tls: null })

function system (index: number, over: Partial<DispatchSystem> = {}): DispatchSystem {
  return { name: `wdisp/system_${index}`, sid: `S0${index}`, servers: [server(`s${index}`)], sourceServers: [], sourceUrls: [], sourceVirtualHosts: [], sticky: true, runLevel: 'running', ...over }
}

const table = (systems: DispatchSystem[], over: Partial<DispatchTableOptions> = {}) => new DispatchTable(systems, { conflictResolution: 'BEST_MATCH', ...over })

const request = (target: string, over: Partial<RequestFacts> = {}): RequestFacts =>
  ({ localAddress: '10.0.0.1', localPort: 443, encrypted: true, hosts: ['www.example.com'], target, cookies: [], ...over })

/** Index of the chosen system, or the code of the refusal. */
function outcome (of: DispatchTable, facts: RequestFacts): number | string {
  try {
    return Number(of.choose(facts).system.slice(-1))
  } catch (error) {
    return (error as { code: string }).code.replace('POSTERN_ERR_DISPATCH_', '')
  }
}

t.test('chooses by SRCURL, SRCVHOST and SRCSRV, all of them together', async t => {
  const systems = [
    system(0, { sourceUrls: ['/sap/bc/', '/sap/public'] }),
    system(1, { sourceVirtualHosts: ['portal.example.com:443', '*.portal.example.com'] }),
    system(2, { sourceServers: ['*:4300'] }),
    system(3, { sourceServers: ['10.0.0.9:*', '[2001:db8::1]:443'], sourceUrls: ['/only'] })
  ]
  const rows: Array<[what: string, facts: RequestFacts, expected: number | string]> = [
    ['prefix', request('/sap/bc/gui?x=1'), 0],
    ['second prefix, as text', request('/sap/publicity'), 0],
    ['prefix with its slash', request('/sap/bc'), 'NO_SYSTEM'],
    ['prefixes are case sensitive', request('/SAP/BC/gui'), 'NO_SYSTEM'],
    ['the query is no path', request('/?/sap/bc/'), 'NO_SYSTEM'],
    ['host, letters and final dot aside', request('/', { hosts: ['PORTAL.example.com.'] }), 1],
    ['port of the Host field', request('/', { hosts: ['portal.example.com:8443'] }), 'NO_SYSTEM'],
    ['default port of http', request('/', { hosts: ['portal.example.com'], encrypted: false }), 'NO_SYSTEM'],
    ['wildcard without port', request('/', { hosts: ['a.portal.example.com:8443'] }), 1],
    ['no Host field', request('/', { hosts: [] }), 'NO_SYSTEM'],
    ['no Host field, none asked for', request('/sap/bc/', { hosts: [] }), 0],
    ['empty Host field', request('/sap/bc/', { hosts: [''] }), 0],
    ['port of arrival', request('/', { localPort: 4300 }), 2],
    ['address of arrival and prefix', request('/only', { localAddress: '10.0.0.9' }), 3],
    ['address without the prefix', request('/', { localAddress: '10.0.0.9' }), 'NO_SYSTEM'],
    ['IPv4 in IPv6', request('/only', { localAddress: '::ffff:10.0.0.9' }), 3],
    ['IPv6 in another spelling', request('/only', { localAddress: '2001:db8:0::1' }), 3],
    ['no address known', request('/only', { localAddress: undefined, localPort: undefined }), 'NO_SYSTEM']
  ]
  const of = table(systems)
  for (const [what, facts, expected] of rows) t.equal(outcome(of, facts), expected, what)
})

t.test('the choice cannot be turned by another spelling of the path', async t => {
  const systems = [system(0, { sourceUrls: ['/sap/bc/'] }), system(1, { sourceUrls: ['/'] })]
  const rows: Array<[target: string, best: number | string, alone: number | string]> = [
    // with a system for the rest; without one
    ['/sap/bc/x', 0, 0],
    ['/sap%2fbc/x', 'TARGET_AMBIGUOUS', 'TARGET_AMBIGUOUS'],
    ['/sap%252fbc/x', 'TARGET_AMBIGUOUS', 'TARGET_AMBIGUOUS'],
    ['//sap/bc/x', 'TARGET_AMBIGUOUS', 'TARGET_AMBIGUOUS'],
    ['/sap/bc/../../admin', 'TARGET_AMBIGUOUS', 'TARGET_AMBIGUOUS'],
    ['/sap/bc/%2e%2e/%2e%2e/admin', 'TARGET_AMBIGUOUS', 'TARGET_AMBIGUOUS'],
    ['/%2e%2e/sap/bc/', 'TARGET_AMBIGUOUS', 'TARGET_AMBIGUOUS'],
    ['/sap/bc/..;/..;/admin', 'TARGET_AMBIGUOUS', 'TARGET_AMBIGUOUS'],
    ['/sap/bc/..\\..\\admin', 'TARGET_AMBIGUOUS', 'TARGET_AMBIGUOUS'],
    ['/sap;v=1/bc/x', 'TARGET_AMBIGUOUS', 'TARGET_AMBIGUOUS'],
    ['/%73ap/bc/x', 'TARGET_AMBIGUOUS', 'TARGET_AMBIGUOUS'],
    ['/sap/bc/x/../y', 0, 0],
    ['/sap/bc//x', 0, 0],
    ['/sap/bc/a%2fb;c=d', 0, 0],
    ['//other', 1, 'NO_SYSTEM'],
    ['/a/%2e%2e/b', 1, 'NO_SYSTEM']
  ]
  for (const [target, best, alone] of rows) {
    t.equal(outcome(table(systems), request(target)), best, target)
    t.equal(outcome(table(systems.slice(0, 1)), request(target)), alone, `${target}, without another system`)
  }
})

t.test('a prefix beyond ASCII meets its escaped form', async t => {
  const of = table([system(0, { sourceUrls: ['/münchen/'] }), system(1, { sourceUrls: ['/a%20b'] })])
  for (const target of ['/m%C3%BCnchen/x', '/m%c3%bcnchen/x']) t.equal(outcome(of, request(target)), 0)
  t.equal(outcome(of, request('/a%20b/c')), 1)
})

t.test('absolute targets are matched by their path, and must name the host of the Host field', async t => {
  const of = table([system(0, { sourceUrls: ['/sap/'], sourceVirtualHosts: ['www.example.com'] })])
  const rows: Array<[string, number | string]> = [
    ['https://www.example.com/sap/x', 0], ['HTTPS://WWW.example.com:443/sap/x', 0], ['https://www.example.com', 'NO_SYSTEM'],
    ['https://other.example.com/sap/x', 'HOST'], ['https://www.example.com:8443/sap/', 'HOST'], ['https://user@www.example.com/sap/', 'HOST'],
    ['ftp://www.example.com/sap/', 'TARGET'], ['www.example.com:443', 'TARGET'], ['', 'TARGET']
  ]
  for (const [target, expected] of rows) t.equal(outcome(of, request(target)), expected, target)
  t.equal(outcome(of, request('https://www.example.com/sap/', { hosts: [] })), 'HOST', 'no Host field to compare with')
})

t.test('refuses a Host field that is not one host', async t => {
  const of = table([system(0)])
  for (const hosts of [['a', 'b'], ['a', 'a'], ['a,b'], ['user@a'], ['a/b'], ['a b'], ['a:99999']]) t.equal(outcome(of, request('/', { hosts })), 'HOST', hosts.join(' and '))
})

t.test('wdisp/system_conflict_resolution', async t => {
  const systems = [
    system(0, { sourceUrls: ['/'] }),
    system(1, { sourceUrls: ['/sap'] }),
    system(2, { sourceUrls: ['/sap/bc'], sourceVirtualHosts: ['*'] }),
    system(3, { sourceUrls: ['/sap/bc'], sourceVirtualHosts: ['*.example.com'] }),
    system(4, { sourceUrls: ['/sap/bc'], sourceVirtualHosts: ['www.example.com'] }),
    system(5, { sourceUrls: ['/sap/bc'], sourceVirtualHosts: ['www.example.com'], sourceServers: ['10.0.0.1:443'] }),
    system(6, { sourceUrls: ['/sap/bc'], sourceVirtualHosts: ['www.example.com'], sourceServers: ['10.0.0.1:443'] })
  ]
  t.equal(outcome(table(systems, { conflictResolution: 'FIRST_MATCH' }), request('/sap/bc')), 0, 'FIRST_MATCH: the lowest index')
  t.equal(outcome(table(systems), request('/sap/bc')), 5, 'BEST_MATCH: prefix, host, address; the lowest index among equals')
  t.equal(outcome(table(systems), request('/sap/bc', { localPort: 80 })), 4)
  t.equal(outcome(table(systems), request('/sap/bc', { hosts: ['a.example.com'] })), 3)
  t.equal(outcome(table(systems), request('/sap/bc', { hosts: ['b.test'] })), 2)
  t.equal(outcome(table(systems), request('/sap/b')), 1)
  t.equal(outcome(table(systems), request('/x')), 0)
})

t.test('ERROR refuses systems that can match the same request', async t => {
  const rows: Array<[a: Partial<DispatchSystem>, b: Partial<DispatchSystem>, conflict: boolean]> = [
    [{}, {}, true],
    [{ sourceUrls: ['/'] }, { sourceUrls: ['/sap'] }, true],
    [{ sourceUrls: ['/a', '/b'] }, { sourceUrls: ['/c', '/bc'] }, true],
    [{ sourceUrls: ['/a'] }, { sourceUrls: ['/b'] }, false],
    [{ sourceServers: ['*:443'] }, { sourceServers: ['*:4300'] }, false],
    [{ sourceServers: ['*:443'] }, { sourceServers: ['10.0.0.1:*'] }, true],
    [{ sourceVirtualHosts: ['a.example.com'] }, { sourceVirtualHosts: ['*.example.com'] }, true],
    [{ sourceVirtualHosts: ['a'], sourceUrls: ['/'] }, { sourceVirtualHosts: ['b'], sourceUrls: ['/'] }, false],
    [{ sourceVirtualHosts: ['a'] }, { sourceUrls: ['/x'] }, true]
  ]
  for (const [a, b, conflict] of rows) {
    const make = () => table([system(0, a), system(1, b)], { conflictResolution: 'ERROR' })
    if (conflict) t.throws(make, { code: 'POSTERN_ERR_DISPATCH_CONFLICT', message: /wdisp\/system_0 and wdisp\/system_1/ }, JSON.stringify([a, b]))
    else t.doesNotThrow(make, JSON.stringify([a, b]))
  }
})

t.test('a system that is stopped answers, one that is internal is not there; neither hands its requests to another', async t => {
  const of = table([system(0, { sourceUrls: ['/'] }), system(1, { sourceUrls: ['/stopped'], runLevel: 'stopped' }), system(2, { sourceUrls: ['/internal'], runLevel: 'internal' })])
  t.equal(outcome(of, request('/stopped')), 'SYSTEM_STOPPED')
  t.equal(outcome(of, request('/internal')), 'NO_SYSTEM')
  t.throws(() => of.choose(request('/stopped')), new errors.DISPATCH_SYSTEM_STOPPED(), '503')
  t.throws(() => of.choose(request('/internal')), new errors.DISPATCH_NO_SYSTEM(), '404')
  t.equal(outcome(table([system(0, { servers: [] })]), request('/')), 'SYSTEM_STOPPED', 'no server at all')
})

t.test('faults in a condition are named', async t => {
  const rows: Array<[Partial<DispatchSystem>, RegExp]> = [
    [{ sourceUrls: ['sap'] }, /wdisp\/system_0: SRCURL "sap"/],
    [{ sourceUrls: ['/a?b'] }, /SRCURL/],
    [{ sourceVirtualHosts: ['http://a'] }, /SRCVHOST "http:\/\/a"/],
    [{ sourceServers: ['a b:1'] }, /SRCSRV/],
    [{ sourceServers: ['host.example:443'] }, /host name "host.example" in SRCSRV/]
  ]
  for (const [over, message] of rows) t.throws(() => table([system(0, over)]), { code: 'POSTERN_ERR_DISPATCH_SELECTOR', message })
})

t.test('host names in SRCSRV stand for their addresses', async t => {
  const systems = [system(0, { sourceServers: ['gw.example:443', '*:1', '10.0.0.1:2', '[::1]:3', 'gw.example:4'] })]
  t.strictSame(namesToResolve(systems), ['gw.example'])
  const of = table(systems, { addresses: new Map([['gw.example', ['10.0.0.7', '2001:db8::7']]]) })
  t.equal(outcome(of, request('/', { localAddress: '10.0.0.7' })), 0)
  t.equal(outcome(of, request('/', { localAddress: '2001:db8::7' })), 0)
  t.equal(outcome(of, request('/', { localAddress: '10.0.0.8' })), 'NO_SYSTEM')
})

t.test('sessions stay on their server, new ones go round', async t => {
  const of = table([system(0, { servers: [server('a'), server('b')] })])
  const [first, second, third] = [of.choose(request('/')), of.choose(request('/')), of.choose(request('/'))]
  t.strictSame([first, second, third].map(({ server }) => server.host), ['a', 'b', 'a'])
  t.match(second.setCookie, /; Secure$/)
  const cookies = ['x=1', `y=2; ${second.setCookie?.split(';')[0]}`]
  const again = of.choose(request('/', { cookies }))
  t.equal(again.server.host, 'b')
  t.equal(again.setCookie, null)
  second.failed('refused')
  const moved = of.choose(request('/', { cookies, encrypted: false }))
  t.equal(moved.server.host, 'a', 'the session moves when its server is out')
  t.match(moved.setCookie, /SameSite=Lax$/)
})

t.test('a request may go on to each other server once', async t => {
  const of = table([system(0, { servers: [server('a'), server('b'), server('c')] })])
  const moves: unknown[] = []
  const first = of.choose(request('/'), (...move) => moves.push(move))
  first.failed('refused')
  const second = first.next()
  second?.failed('refused')
  const third = second?.next()
  t.strictSame([first, second, third].map(chosen => chosen?.server.host), ['a', 'b', 'c'])
  t.equal(third?.next(), null)
  t.strictSame(moves, [[second?.setCookie, first.setCookie], [third?.setCookie, second?.setCookie]])
  t.equal(new Set([first, second, third].map(chosen => chosen?.setCookie)).size, 3)
})

t.test('a session that comes back to its server needs no new cookie', async t => {
  const of = table([system(0, { servers: [server('a'), server('b')] })])
  const home = of.choose(request('/'))
  home.failed('refused')
  const away = of.choose(request('/', { cookies: [home.setCookie?.split(';')[0] as string] }))
  away.failed('refused')
  const back = away.next()
  t.equal(back?.server, home.server, 'all are out: all are tried')
  t.equal(back?.setCookie, null)
})

t.test('gateways with one key understand each other, others do not', async t => {
  const systems = [system(0, { servers: [server('a'), server('b')] })]
  const made = table(systems, { stickyKey: 'one key' }).choose(request('/'))
  const cookies = [made.setCookie?.split(';')[0] as string]
  t.equal(table(systems, { stickyKey: 'one key' }).choose(request('/', { cookies })).setCookie, null)
  for (const stickyKey of ['another key', undefined]) t.type(table(systems, { stickyKey }).choose(request('/', { cookies })).setCookie, 'string')
})

t.test('no cookie without need', async t => {
  for (const over of [{ sticky: false, servers: [server('a'), server('b')] }, {}]) {
    const chosen = table([system(0, over)]).choose(request('/'))
    t.equal(chosen.cookieName, null)
    t.equal(chosen.setCookie, null)
  }
})

t.test('reports of a request count once, and are passed on', async t => {
  const changes: string[] = []
  const failures: string[] = []
  const of = table([system(0, { servers: [server('a'), server('b')] })], {
    onServerChange: ({ system, server, state, reason }) => changes.push(`${system} ${server.host} ${state} ${reason}`),
    onFailure: ({ system, server, reason }) => failures.push(`${system} ${server.host} ${reason}`)
  })
  const chosen = of.choose(request('/'))
  chosen.failed('refused')
  chosen.failed('again')
  chosen.succeeded()
  t.strictSame(changes, ['wdisp/system_0 a out refused'])
  t.strictSame(failures, ['wdisp/system_0 a refused'])
  of.retryFailed()
  of.choose(request('/')).succeeded()
  const probe = [of.choose(request('/')), of.choose(request('/'))].find(({ server }) => server.host === 'a')
  probe?.succeeded()
  probe?.failed('too late')
  t.strictSame(changes.slice(1), ['wdisp/system_0 a in null'])
})

t.test('a connection without a request is matched by its local address only', async t => {
  const of = table([
    system(0, { sourceVirtualHosts: ['www.example.com'] }),
    system(1, { sourceUrls: ['/sap'] }),
    system(2, { sourceServers: ['*:443'] }),
    system(3, { sourceServers: ['10.0.0.1:443'], sourceUrls: ['/sap', '/'] }),
    system(4, { sourceServers: ['*:444'], runLevel: 'stopped' })
  ])
  t.equal(of.forConnection({ localAddress: '10.0.0.1', localPort: 443 })?.system, 'wdisp/system_3')
  t.equal(of.forConnection({ localAddress: '10.0.0.2', localPort: 443 })?.system, 'wdisp/system_2')
  t.equal(of.forConnection({ localAddress: '10.0.0.2', localPort: 444 }), null)
  t.equal(of.forConnection({ localAddress: undefined, localPort: undefined }), null)
  const first = table([system(0), system(1, { sourceServers: ['10.0.0.1:443'] })], { conflictResolution: 'FIRST_MATCH' })
  t.equal(first.forConnection({ localAddress: '10.0.0.1', localPort: 443 })?.system, 'wdisp/system_0')
})
