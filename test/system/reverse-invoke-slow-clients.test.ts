/** Clients that read slowly: nobody beside them waits, and no gateway keeps what they have not read. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import type { GatewayProcess } from '../helpers/gateway-process.ts'
import { runLoad, startLoad } from '../helpers/load/load.ts'
import { outcomes, percentile } from '../helpers/load/report.ts'
import { noNamespaces } from '../helpers/network.ts'
import { measureUntil } from '../helpers/repeat.ts'
import { buildZones, registered } from '../helpers/reverse-invoke-zones.ts'

t.setTimeout(180_000)

const skip = noNamespaces()
const slow = { kind: 'read', bytes: 1024 ** 3, bytesPerSecond: 100 * 1024 } as const

/** Resident memory in MiB. */
function memoryOf ({ child: { pid } }: GatewayProcess): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024
}

t.test('slow clients', { skip }, async t => {
  const zones = await buildZones(t)
  const { user, client } = zones
  // a hundred who come at once may wait: what they cost when they are there is the question
  const lines = 'postern/ri/wait_timeout = 30000\npostern/ri/dial_timeout = 30000\nicm/conn_timeout = 60000\n'
  const dmz = await zones.startDmz({ lines })
  const inner = await zones.startInner({ lines })
  await registered(inner)
  const small = async () => {
    const report = await runLoad(t, { ...user, kind: 'get', bytes: 600, concurrency: 4, requests: 1000 }, client)
    t.same(outcomes(report), { ok: 1000 })
    return percentile(report, 0.99)
  }
  // both programs as they are when they have worked
  await small()

  t.test('one that reads 1 GiB at 100 KiB/s slows nobody down', async t => {
    const figures = await measureUntil(({ alone, beside }) => beside <= 2 * alone, async () => {
      const alone = await small()
      const reader = startLoad(t, { ...slow, ...user, concurrency: 1 }, client)
      await reader.running()
      const beside = await small()
      const { streams: [stream] } = await reader.stop()
      t.match(stream, { outcome: 'ok' })
      return { alone, beside }
    })
    t.ok(figures.beside <= 2 * figures.alone, 'p99 within twice of that without it', { ...figures })
    t.comment(figures)
  })

  t.test('a hundred of them cost no memory', async t => {
    const idle = [dmz, inner].map(memoryOf)
    const readers = startLoad(t, { ...slow, ...user, concurrency: 100 }, client)
    while (((await zones.health('dmz')).reverseInvoke.registrations?.[0]?.endpoints[0]?.busy ?? 0) < 100) { /* asks again */ }
    const most = [...idle]
    // while requests go on, so that there are answers to keep
    for (let round = 0; round < 5; round++) {
      await runLoad(t, { ...user, kind: 'get', bytes: 600, concurrency: 2, requests: 50 }, client)
      for (const [index, gateway] of [dmz, inner].entries()) most[index] = Math.max(most[index] as number, memoryOf(gateway))
    }
    const { streams } = await readers.stop()
    t.same(streams.filter(({ outcome, bytes }) => outcome !== 'ok' || bytes === 0), [], 'each of them reads')
    const more = most.map((mebibytes, index) => Math.round(mebibytes - (idle[index] as number)))
    t.ok(more.every(mebibytes => mebibytes < 150), 'MiB above idle, DMZ and inner', { more })
    t.comment({ idle, more })
  })
})
