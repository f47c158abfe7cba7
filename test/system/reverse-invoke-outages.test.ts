/** What kills a tunnel: processes that are killed, cables that are pulled. And how soon it is back. */
import t from 'tap'
import type { GatewayProcess } from '../helpers/gateway-process.ts'
import { runLoad, startLoad } from '../helpers/load/load.ts'
import { between, firstGoodAfter, outcomes } from '../helpers/load/report.ts'
import { noNamespaces } from '../helpers/network.ts'
import { measureUntil } from '../helpers/repeat.ts'
import { buildZones, registered, type Zones } from '../helpers/reverse-invoke-zones.ts'

t.setTimeout(240_000)

const skip = noNamespaces()
const small = { kind: 'get', bytes: 600 } as const

/** The nth line with a text, from the start of the process on. */
async function nth (gateway: GatewayProcess, number: number, text: string): Promise<void> {
  let seen = 0
  await gateway.line(line => line.includes(text) && ++seen === number)
}

async function both (zones: Zones, lines = ''): Promise<{ dmz: GatewayProcess, inner: GatewayProcess }> {
  const dmz = await zones.startDmz({ lines })
  const inner = await zones.startInner({ lines })
  await registered(inner)
  return { dmz, inner }
}

t.test('the inner gateway is killed under load: 503 at once, and after its return answers at once', { skip }, async t => {
  const zones = await buildZones(t)
  const { user, client } = zones
  let { inner } = await both(zones)
  const figures = await measureUntil(({ slowest503, firstGood }) => slowest503 < 100 && firstGood < 3000, async () => {
    const load = startLoad(t, { ...user, ...small, concurrency: 4, pauseMs: 5 }, client)
    await load.running()
    const asked = Date.now()
    await inner.stop('SIGKILL')
    const killed = Date.now()
    await runLoad(t, { ...user, ...small, concurrency: 1, requests: 20 }, client)
    const restarted = Date.now()
    inner = await zones.startInner()
    await registered(inner)
    await runLoad(t, { ...user, ...small, concurrency: 1, requests: 10 }, client)
    const report = await load.stop()
    const meanwhile = between(report, killed, restarted)
    t.same(Object.keys(outcomes(meanwhile)), ['status 503'], 'while nobody is registered')
    const inFlight = { exchanges: report.exchanges.filter(({ at, ms }) => at < killed && at + ms > asked), streams: [] }
    t.ok(Object.keys(outcomes(inFlight)).every(outcome => /^(?:ok|truncated|status 50[23])$/.test(outcome)), 'those in flight', { outcomes: outcomes(inFlight) })
    const after = report.exchanges.findLast(({ outcome }) => outcome !== 'ok')
    t.ok(after !== undefined && report.exchanges.some(({ at, outcome }) => at > after.at && outcome === 'ok'))
    return {
      slowest503: Math.max(...meanwhile.exchanges.map(({ ms }) => ms)),
      slowestInFlight: Math.max(...inFlight.exchanges.map(({ ms }) => ms)),
      firstGood: firstGoodAfter(report, restarted)
    }
  })
  t.ok(figures.slowest503 < 100, 'each 503 within 100 ms', { ...figures })
  t.ok(figures.slowestInFlight < 1000, 'nothing hangs', { ...figures })
  t.ok(figures.firstGood < 3000, 'from the start of the process to the first good answer', { ...figures })
  t.comment(figures)
})

t.test('the DMZ gateway is killed: the inner one is registered again soon after its return', { skip }, async t => {
  const zones = await buildZones(t)
  const { user, client } = zones
  let { dmz, inner } = await both(zones)
  let registrations = 1
  const { ms } = await measureUntil(({ ms }) => ms < 3000, async () => {
    await dmz.stop('SIGKILL')
    await nth(inner, registrations, '"msg":"registration lost"')
    // long enough for the back-off to have grown
    while (!/reconnects_total\{[^}]*reason="refused"\} (?:[4-9]|\d\d)/.test(await zones.metrics('inner'))) { /* asks again */ }
    dmz = await zones.startDmz()
    const returned = Date.now()
    await nth(inner, ++registrations, 'registered with the acceptor')
    return { ms: Date.now() - returned }
  })
  t.ok(ms < 3000, 'within 3 s', { ms })
  t.comment({ ms })
  t.same(outcomes(await runLoad(t, { ...user, ...small, concurrency: 4, requests: 40 }, client)), { ok: 40 })
})

t.test('the cable is pulled for 20 s: both sides notice, the name is free, and traffic comes back', { skip }, async t => {
  const zones = await buildZones(t, { inner: ['inner', 'standby'] })
  const { network, user, client } = zones
  const { dmz, inner } = await both(zones, 'postern/ri/instance = the-one\n')
  const heartbeatMs = 5000
  const pulled = Date.now()
  await network.pullCable('inside', 'inner')
  const noticed = async (gateway: GatewayProcess, text: string): Promise<number> => {
    const line = JSON.parse(await gateway.line(line => line.includes(text))) as { reason: string }
    t.equal(line.reason, 'silent')
    return Date.now() - pulled
  }
  const noticedMs = await Promise.all([noticed(dmz, '"msg":"registration ended"'), noticed(inner, '"msg":"registration lost"')])
  t.ok(noticedMs.every(ms => ms < 2 * heartbeatMs + 500), 'within twice the heart-beat', { noticedMs })
  t.same(outcomes(await runLoad(t, { ...user, ...small, concurrency: 1, requests: 3 }, client)), { 'status 503': 3 })

  const standby = await zones.startInner({ member: 'standby', lines: 'postern/ri/instance = the-one\n' })
  await registered(standby)
  t.same(outcomes(await runLoad(t, { ...user, ...small, concurrency: 2, requests: 20 }, client)), { ok: 20 }, 'another host under the same name')
  await standby.stop('SIGTERM')

  const load = startLoad(t, { ...user, ...small, concurrency: 1, pauseMs: 20 }, client)
  await new Promise(resolve => { setTimeout(resolve, pulled + 20_000 - Date.now()) })
  await network.plugCable('inside', 'inner')
  const plugged = Date.now()
  await load.running()
  const backMs = firstGoodAfter(await load.stop(), plugged)
  t.ok(backMs < 5000, 'within 5 s of the cable\'s return', { backMs })
  t.comment({ noticedMs, backMs })
})

t.test('a registration whose cable is pulled is replaced at once, before anybody has noticed', { skip }, async t => {
  const zones = await buildZones(t, { inner: ['inner', 'standby'] })
  const { network, user, client } = zones
  const { dmz } = await both(zones, 'postern/ri/instance = the-one\npostern/ri/heartbeat = 60000\n')
  await network.pullCable('inside', 'inner')
  await registered(await zones.startInner({ member: 'standby', lines: 'postern/ri/instance = the-one\n' }))
  t.match(JSON.parse(await dmz.line(line => line.includes('"msg":"registration ended"'))), { reason: 'replaced' })
  t.same(outcomes(await runLoad(t, { ...user, ...small, concurrency: 2, requests: 20, timeoutMs: 5000 }, client)), { ok: 20 })
  // so that it can take its leave
  await network.plugCable('inside', 'inner')
})
