/** Two inner gateways on one endpoint: balanced, one stopped in order, one killed. */
import t from 'tap'
import { runLoad, startLoad } from '../helpers/load/load.ts'
import { failures, outcomes } from '../helpers/load/report.ts'
import { noNamespaces } from '../helpers/network.ts'
import { buildZones, registered, type Zones } from '../helpers/reverse-invoke-zones.ts'

t.setTimeout(240_000)

const skip = noNamespaces()

async function requestsOf ({ metrics }: Zones, member: string): Promise<number> {
  return [...(await metrics(member)).matchAll(/^postern_requests_total\{[^}]*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0)
}

t.test('two inner gateways', { skip }, async t => {
  const zones = await buildZones(t, { inner: ['inner-1', 'inner-2'] })
  const { user, client } = zones
  await zones.startDmz()
  const start = async (member: string) => {
    const gateway = await zones.startInner({ member })
    await registered(gateway)
    return gateway
  }
  const [first, second] = await Promise.all([start('inner-1'), start('inner-2')])

  t.test('share the requests', async t => {
    t.same(outcomes(await runLoad(t, { ...user, kind: 'get', bytes: 600, concurrency: 8, requests: 1000 }, client)), { ok: 1000 })
    const [one, two] = await Promise.all([requestsOf(zones, 'inner-1'), requestsOf(zones, 'inner-2')])
    t.equal(one + two, 1000)
    t.ok(one >= 400 && one <= 600, 'between 40 and 60 of 100', { one, two })
    t.comment({ one, two })
  })

  t.test('one stops in order under load: not one of 10 000 requests fails', async t => {
    const load = startLoad(t, { ...user, kind: 'get', bytes: 600, concurrency: 16, requests: 7500 }, client)
    const posts = startLoad(t, { ...user, kind: 'post', bytes: 2000, concurrency: 8, requests: 2500 }, client)
    await Promise.all([load.running(), posts.running()])
    t.equal((await first.stop('SIGTERM')).code, 0)
    const before = await requestsOf(zones, 'inner-2')
    const [report, posted] = await Promise.all([load.report(), posts.report()])
    t.same([outcomes(report), outcomes(posted)], [{ ok: 7500 }, { ok: 2500 }])
    t.ok(await requestsOf(zones, 'inner-2') > before, 'the load went on afterwards')
  })

  t.test('one is killed under load: only what ran there fails, and what may be sent twice is', async t => {
    await start('inner-1')
    const gets = startLoad(t, { ...user, kind: 'get', bytes: 600, delayMs: 30, concurrency: 16 }, client)
    const posts = startLoad(t, { ...user, kind: 'post', bytes: 20_000, concurrency: 16 }, client)
    await Promise.all([gets.running(), posts.running()])
    await runLoad(t, { ...user, kind: 'get', bytes: 600, concurrency: 4, requests: 100 }, client)
    const asked = Date.now()
    await second.stop('SIGKILL')
    const killed = Date.now()
    await runLoad(t, { ...user, kind: 'get', bytes: 600, concurrency: 4, requests: 100 }, client)
    const [got, posted] = await Promise.all([gets.stop(), posts.stop()])
    t.same(failures(got), [], 'none had been answered: each was sent again')
    t.ok(failures(posted).every(({ at, ms }) => at < killed && at + ms >= asked), 'in flight', { outcomes: outcomes(posted) })
    t.ok(failures(posted).length <= 16)
    t.ok(posted.exchanges.filter(({ at }) => at > killed).length > 20)
    t.comment({ gets: outcomes(got), posts: outcomes(posted) })
  })
})
