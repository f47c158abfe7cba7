import t, { type Test } from 'tap'
import { ServerSet, type ServerChange } from '../../src/dispatch/server-set.ts'
import type { UpstreamServer } from '../../src/upstream/server.ts'

const server = (name: string): UpstreamServer => ({ origin: `http://${name}:80`, host: name, port: 80, tls: null })
const [a, b, c] = [server('a'), server('b'), server('c')]

function build (t: Test, servers: UpstreamServer[]) {
  const clock = { ms: 0 }
  const changes: ServerChange[] = []
  const set = new ServerSet(servers, { retryAfterMs: 1000, now: () => clock.ms, onChange: change => changes.push(change) })
  const turns = (count: number) => Array.from({ length: count }, () => set.choose(null)?.host).join('')
  return { set, clock, changes, turns }
}

t.test('gives every server its turn', async t => {
  t.equal(build(t, [a, b, c]).turns(7), 'abcabca')
})

t.test('keeps to the preferred server without taking a turn', async t => {
  const { set, turns } = build(t, [a, b])
  t.equal(set.choose(b), b)
  t.equal(turns(2), 'ab')
})

t.test('a server of another system is not preferred', async t => {
  t.equal(build(t, [a]).set.choose(b), a)
})

t.test('takes a failed server out at once', async t => {
  const { set, turns, changes } = build(t, [a, b, c])
  set.failed(b, 'refused')
  set.failed(b, 'refused again')
  t.equal(turns(4), 'acac')
  t.equal(set.choose(b)?.host, 'a', 'the session moves')
  t.strictSame(changes, [{ server: b, state: 'out', reason: 'refused' }], 'said once')
})

t.test('sends one probe when the time has come', async t => {
  const { set, clock, turns } = build(t, [a, b])
  set.failed(b, 'refused')
  clock.ms = 999
  t.equal(turns(2), 'aa')
  clock.ms = 1000
  t.equal(turns(4), 'baaa', 'one request is the probe')
  set.failed(b, 'refused')
  clock.ms = 1999
  t.equal(turns(2), 'aa', 'the failed probe counts from now')
})

t.test('a probe that is never reported is followed by another', async t => {
  const { set, clock } = build(t, [a, b])
  set.failed(b, 'refused')
  clock.ms = 1000
  t.equal(set.choose(b), b)
  t.equal(set.choose(b), a)
  clock.ms = 2000
  t.equal(set.choose(b), b)
})

t.test('a successful probe brings the server back', async t => {
  const { set, clock, turns, changes } = build(t, [a, b])
  set.failed(b, 'refused')
  clock.ms = 1000
  t.equal(turns(2), 'ab')
  set.succeeded(b)
  set.succeeded(b)
  t.equal(turns(4), 'abab')
  t.strictSame(changes.map(({ state }) => state), ['out', 'in'])
})

t.test('when all are out all are tried, a session at its own server', async t => {
  const { set, turns } = build(t, [a, b])
  set.failed(a, 'x')
  set.failed(b, 'x')
  t.equal(turns(4), 'abab')
  t.equal(set.choose(b), b)
  t.equal(set.choose(b), b)
})

t.test('never chooses an excluded server', async t => {
  const { set } = build(t, [a, b])
  t.equal(set.choose(a, new Set([a])), b)
  t.equal(set.choose(a, new Set([a, b])), null)
  set.failed(b, 'x')
  t.equal(set.choose(a, new Set([a])), b, 'rather one that is out than none')
})

t.test('a set without servers chooses none', async t => {
  t.equal(build(t, []).set.choose(null), null)
})

t.test('retryFailed makes the next request a probe', async t => {
  const { set, turns } = build(t, [a, b])
  set.failed(a, 'x')
  set.retryFailed()
  t.equal(turns(3), 'abb')
})

t.test('reports about servers of other systems count for nothing', async t => {
  const { set, changes } = build(t, [a])
  set.failed(b, 'x')
  set.succeeded(b)
  t.strictSame(changes, [])
})
