/**
 * A way between the zones that loses packets: what was lost is sent again because something followed it, and TCP hardly ever waits for its
 * time to be over (`TailLossProbe`).
 */
import t from 'tap'
import { runLoad } from '../helpers/load/load.ts'
import { outcomes } from '../helpers/load/report.ts'
import { noNamespaces, type Network } from '../helpers/network.ts'
import { runToEnd } from '../helpers/processes.ts'
import { buildZones, registered, type Way } from '../helpers/reverse-invoke-zones.ts'

t.setTimeout(180_000)

const skip = noNamespaces()
const requests = 4000

/** What TCP counted in the zones at both ends of the way, together. */
async function counted (network: Network): Promise<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const member of ['dmz', 'inner']) {
    const { stdout } = await runToEnd('cat', ['/proc/net/netstat'], { within: network.within(member) })
    const [names = [], values = []] = stdout.split('\n').filter(line => line.startsWith('TcpExt:')).map(line => line.split(' ').slice(1))
    for (const [index, name] of names.entries()) sums[name] = (sums[name] ?? 0) + Number(values[index])
  }
  return sums
}

for (const way of ['http', 'tls inside'] satisfies Way[]) {
  t.test(`lost packets, ${way}`, { skip }, async t => {
    const { network, user, client, ...zones } = await buildZones(t, { way })
    await zones.startDmz()
    await registered(await zones.startInner())
    const load = { ...user, kind: 'get', bytes: 600, concurrency: 4 } as const
    await runLoad(t, { ...load, requests: 100 }, client)
    await network.impair('inside', { lossPercent: 2 })
    const before = await counted(network)
    const report = await runLoad(t, { ...load, requests }, client)
    const after = await counted(network)
    const of = (name: string): number => (after[name] ?? NaN) - (before[name] ?? NaN)
    t.same(outcomes(report), { ok: requests })
    const figures = { noticed: of('TCPFastRetrans'), waited: of('TCPTimeouts') + of('TCPLossProbes') }
    t.comment(figures)
    t.ok(figures.noticed > 5 * figures.waited, 'TCP heard of it and did not have to wait', figures)
  })
}
