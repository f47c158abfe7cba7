/** More requests at once than there are connections ready. */
import t from 'tap'
import { runLoad } from '../helpers/load/load.ts'
import { outcomes } from '../helpers/load/report.ts'
import { noNamespaces } from '../helpers/network.ts'
import { buildZones, registered } from '../helpers/reverse-invoke-zones.ts'

t.setTimeout(120_000)

const skip = noNamespaces()
/** What refuses a request for want of a connection. */
const limits = ['POSTERN_ERR_REVERSE_INVOKE_BUSY', 'POSTERN_ERR_REVERSE_INVOKE_NO_CONNECTION', 'POSTERN_ERR_UPSTREAM_BUSY']

const runs = [
  { what: 'with room for all', lines: 'wdisp/ri/pool_size = 5\n', refused: false },
  { what: 'with room for some', lines: 'wdisp/ri/pool_size = 5\npostern/ri/max_connections = 20\npostern/ri/max_waiting = 30\n', refused: true }
]

for (const { what, lines, refused } of runs) {
  t.test(`500 requests at once on a pool of 5, ${what}: each is answered or refused, with its own body`, { skip }, async t => {
    const zones = await buildZones(t)
    const { user, client } = zones
    const dmz = await zones.startDmz({ lines })
    await registered(await zones.startInner())
    const crowd = await runLoad(t, { ...user, kind: 'get', bytes: 5000, delayMs: 300, concurrency: 500, requests: 500, timeoutMs: 20_000 }, client)
    const { ok = 0, 'status 503': busy = 0, ...others } = outcomes(crowd)
    t.same(others, {}, 'nothing else')
    t.equal(ok + busy, 500, 'none is lost')
    t.ok(ok > 0)
    if (refused) t.ok(busy > 0)
    const codes = dmz.records().filter(({ msg }) => msg === 'forwarding failed').map(({ code }) => String(code))
    t.equal(codes.length, busy, 'each refusal is in the log')
    t.same(codes.filter(code => !limits.includes(code)), [])
    t.comment({ ok, busy, codes: Object.fromEntries([...Map.groupBy(codes, code => code)].map(([code, all]) => [code, all.length])) })
    t.same(outcomes(await runLoad(t, { ...user, kind: 'get', bytes: 600, concurrency: 4, requests: 100 }, client)), { ok: 100 }, 'and afterwards all is well')
    // who asked for a connection and found another one stays in the count for the time of a wait
    while ((await zones.health('dmz')).reverseInvoke.registrations?.[0]?.endpoints[0]?.waiting !== 0) { /* asks again */ }
  })
}
