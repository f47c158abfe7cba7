/**
 * Two gateways with different things between them, in network namespaces: client, DMZ and inner network, with and without lost packets
 * between DMZ and inner network. Needs root.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { networkOf, noNamespaces, type Network } from '../../test/helpers/network.ts'
import { runToEnd } from '../../test/helpers/processes.ts'
import type { Choices } from '../gateways.ts'
import { buildLandscape, type Landscape } from '../landscape.ts'
import { measure, type Result, type Subject } from '../measure.ts'
import type { Running } from '../processes.ts'
import { medianOf, writePage } from '../report.ts'
import type { Scenario } from '../scenarios.ts'
import { DMZ, INNER, type Ground } from './profiles.ts'
import { render, STEADY_RATE, type Way, type Weather } from './report.ts'
import { DIRECT, OURS, variants, type Variant } from './variants.ts'

interface Entry {
  readonly name: string
  readonly subject: Subject
  /** By way and scenario. */
  readonly results: Map<string, Result[]>
}

/** What the way between DMZ and inner network is like. */
const WAYS: readonly Way[] = [{ lossPercent: 0 }, { lossPercent: 1 }]

const keyOf = ({ lossPercent }: Way, { letter }: Scenario): string => `${lossPercent} ${letter}`

interface Scenarios {
  /** Each connection has its next request when it has an answer: what can be done. */
  readonly mix: Scenario
  /** The same requests, as many a second for every variant: how long they take where nobody is at the limit. */
  readonly steady: Scenario
  readonly transfer: Scenario
}

function scenariosOf (quick: boolean): Scenarios {
  const seconds = (full: number) => ({ seconds: quick ? full / 2 : full, exchanges: 1_000_000 })
  const once = { seconds: 120, exchanges: 1 }
  const requests = { kind: 'mix', connections: 16, warmUp: seconds(1), measured: seconds(4), unit: 'request', unitsPerExchange: 1, targets: {} } as const
  return {
    mix: { letter: 'mix', title: 'requests', ...requests },
    steady: { letter: 'steady', title: `${STEADY_RATE} requests a second`, rate: STEADY_RATE, ...requests },
    transfer: { letter: 'gibibyte', kind: 'gibibyte', title: 'download of 1 GiB', connections: 1, warmUp: { ...once, exchanges: 0 }, measured: once, unit: 'GiB', unitsPerExchange: 1, targets: {} }
  }
}

/** One variant's ports: the same hundred for each kind. */
function groundFor (landscape: Landscape, network: Network, { name }: Variant): Ground {
  const index = variants.findIndex(variant => variant.name === name)
  return {
    landscape,
    name,
    dmzPort: 4400 + index,
    innerPort: 4500 + index,
    tunnelPort: 4600 + index,
    registrationPort: 4700 + index,
    dmzAddress: network.address(DMZ, 'client'),
    dmz: network.within(DMZ),
    inner: network.within(INNER)
  }
}

/** Measures, and writes the page. */
export async function compareTunnels (choices: Choices): Promise<void> {
  const impossible = noNamespaces()
  if (impossible !== false) throw new Error(impossible)
  const ends: Array<() => unknown> = []
  const running: Running[] = []
  const directory = mkdtempSync(join(tmpdir(), 'postern-bench-'))
  try {
    const indexed = variants.map((variant, index) => ({ variant, index }))
    const network = await networkOf({ teardown: end => ends.push(end) }, {
      links: { outside: ['client', DMZ], inside: [DMZ, INNER] },
      firewall: { [INNER]: indexed.filter(({ variant }) => variant.inbound === true).map(({ index }) => ({ port: 4500 + index, from: DMZ })) }
    })
    const landscape = await buildLandscape(directory, { names: [INNER], within: network.within(INNER) })
    running.push(landscape.backEnd)
    await compare({ choices, network, landscape, running })
  } finally {
    for (const process of running.reverse()) await process.stop()
    for (const end of ends.reverse()) await end()
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Session {
  readonly choices: Choices
  readonly network: Network
  readonly landscape: Landscape
  readonly running: Running[]
}

async function compare (session: Session): Promise<void> {
  const { choices, network, landscape } = session
  const rounds = choices.quick ? 1 : 5
  const notes = [
    'Client, DMZ and inner network are network namespaces; the inner one accepts no connection but for `direct`. Packets of 1500 bytes, about 0.1 ms round trip.',
    'Lost packets: each packet between DMZ and inner network, both ways, by the random numbers of nftables.',
    'CPU time is that of both gateways and of whatever is between them, utime and stime from /proc.',
    'Requests: 16 keep-alive connections with a client certificate; of ten requests seven of 600 bytes, two of 16 KiB and one upload of 4 KiB. As many as the connections can, and as many for everybody.',
    'direct: TLS between the gateways. The tunnels and reverse invoke encrypt, HTTP inside them is plain, unless said otherwise.',
    `Requests: the median of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, variants interleaved. Downloads: one each.`
  ]
  const versions: Record<string, string> = { node: process.versions.node }
  const entries: Entry[] = []
  const wanted = choices.peers?.split(',')
  for (const variant of variants.filter(({ name }) => wanted?.includes(name) !== false)) {
    const version = variant.version()
    const entry = version === null ? 'it is not installed' : await startVariant(variant, session)
    if (typeof entry === 'string') notes.push(`${variant.name} was not measured: ${entry}.`)
    else entries.push(entry)
    if (version !== null) versions[variant.name] = version
    console.log(`${variant.name}: ${typeof entry === 'string' ? entry : 'the back end got the right certificates'}`)
  }
  const { mix, steady, transfer } = scenariosOf(choices.quick)
  for (let round = 1; round <= rounds; round++) {
    for (const way of WAYS) {
      await network.impair('inside', { lossPercent: way.lossPercent })
      await measureAll({ round, way, plan: round === 1 ? [mix, steady, transfer] : [mix, steady], entries, landscape, notes })
    }
  }
  const rows = (way: Way, scenario: Scenario) => entries.map(({ name, results }) => ({ variant: name, ...medianOf(results.get(keyOf(way, scenario)) ?? []) }))
  const weathers: Weather[] = WAYS.map(way => ({ ...way, mix: rows(way, mix), steady: rows(way, steady), transfer: rows(way, transfer) }))
  writePage({ name: choices.name ?? (choices.quick ? 'reverse-invoke-quick' : 'reverse-invoke'), versions, notes }, run => render(run, weathers))
}

/** Gives back why it could not be started, where that is so: another program's defect shall not keep the others from being measured. */
async function startVariant (variant: Variant, { network, landscape, running }: Session): Promise<Entry | string> {
  const ground = groundFor(landscape, network, variant)
  const started: Running[] = []
  try {
    await variant.start(ground, started)
    running.push(...started)
    const subject = { process: { cpuMs: () => started.reduce((sum, one) => sum + one.cpuMs(), 0) }, host: ground.dmzAddress, port: ground.dmzPort, within: network.within('client') }
    const { code, stderr } = await runToEnd(process.execPath, [join(import.meta.dirname, 'verify.ts'), JSON.stringify({ host: subject.host, port: subject.port, pki: landscape.pki })], { within: subject.within })
    if (code !== 0) throw new Error(/Error: (.*)/.exec(stderr)?.[1] ?? stderr)
    return { name: variant.name, subject, results: new Map() }
  } catch (error) {
    console.error(error)
    for (const one of started) await one.stop()
    return `it does not do the job here (${(error as Error).message.split('\n')[0]})`
  }
}

interface Turn {
  readonly round: number
  readonly way: Way
  readonly plan: readonly Scenario[]
  readonly entries: Entry[]
  readonly landscape: Landscape
  readonly notes: string[]
}

/** One that fails is left out from then on. */
async function measureAll ({ round, way, plan, entries, landscape, notes }: Turn): Promise<void> {
  for (const scenario of plan) {
    for (const entry of [...entries]) {
      const { name, subject, results } = entry
      const turn = `round ${round}, ${way.lossPercent} % loss, ${scenario.title}`
      try {
        const result = await measure(subject, landscape.pki, scenario)
        const key = keyOf(way, scenario)
        results.set(key, [...results.get(key) ?? [], result])
        console.log(`${turn}, ${name}: ${scenario.unit === 'GiB' ? `${(result.p50Ms / 1000).toFixed(1)} s` : `${result.requestsPerSecond.toFixed(1)}/s`}`)
      } catch (error) {
        if (name === OURS || name === DIRECT) throw error
        entries.splice(entries.indexOf(entry), 1)
        notes.push(`${name} failed and was left out: ${turn} (${(error as Error).message.split('\n')[0]}).`)
        console.error(`${turn}, ${name}:`, error)
      }
    }
  }
}
