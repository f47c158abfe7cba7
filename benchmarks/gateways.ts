/**
 * The default run: this gateway and its peers, on the same two cores. Everything listens on 127.0.0.1 and is gone when the run ends.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildLandscape, type Landscape } from './landscape.ts'
import { measure, verify, type Result, type Subject } from './measure.ts'
import { peers, type Peer } from './peers.ts'
import { medianOf, render, writePage } from './report.ts'
import { scenarios, type Scenario } from './scenarios.ts'

interface Entry extends Subject { readonly name: string, readonly results: Map<string, Result[]> }

/** What the command line says. */
export interface Choices {
  /** One round of short measurements. */
  readonly quick: boolean
  /** Second half of the name of the result's file. */
  readonly name?: string | undefined
  /** Names of those that are measured, with commas between them; all of them without it. */
  readonly peers?: string | undefined
}

async function startPeer (peer: Peer, landscape: Landscape, { notes, versions, running }: Journal): Promise<Entry | null> {
  const version = peer.version()
  if (version === null) {
    notes.push(`${peer.name} is not installed: skipped.`)
    console.log(`${peer.name} is not installed: skipped`)
    return null
  }
  const started = await peer.start(landscape)
  versions[peer.name] = version
  running.push(started.process)
  const agreed = await verify(started.port, landscape.pki).catch((error: unknown) => { throw new Error(`${peer.name} does not do the job`, { cause: error }) })
  console.log(`${peer.name} ${version}: the back end got the right certificates (${agreed})`)
  return { name: peer.name, ...started, results: new Map() }
}

interface Journal {
  readonly notes: string[]
  readonly versions: Record<string, string>
  readonly running: Array<{ stop (): Promise<void> }>
}

/** Measures, and writes the page. */
export async function compareGateways (choices: Choices): Promise<void> {
  const wanted = choices.peers?.split(',')
  // the rounds interleave the peers, so that a busy moment of the machine does not hit one of them alone
  const rounds = choices.quick ? 1 : 3
  const notes = [
    'CPU time is utime and stime of the proxy process and its workers, from /proc; one worker each.',
    'RSA 2048 certificates on both sides, client certificate verified, SSL_CLIENT_CERT added, client certificate to the back end (nginx).',
    `Each number is the median of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}; ratios are of CPU time.`
  ]
  const versions: Record<string, string> = { node: process.versions.node }
  const running: Journal['running'] = []
  const directory = mkdtempSync(join(tmpdir(), 'postern-bench-'))
  try {
    const landscape = await buildLandscape(directory)
    running.push(landscape.backEnd)
    const entries: Entry[] = []
    for (const peer of peers.filter(({ name }) => wanted?.includes(name) !== false)) {
      const entry = await startPeer(peer, landscape, { notes, versions, running })
      if (entry !== null) entries.push(entry)
    }
    const plan = scenarios(choices.quick)
    for (let round = 1; round <= rounds; round++) await measureRound({ round, plan, entries, landscape })
    const tables = plan.map(scenario => ({
      scenario, rows: entries.map(({ name, results }) => ({ peer: name, ...medianOf(results.get(scenario.letter) ?? []) }))
    }))
    writePage({ name: choices.name ?? (choices.quick ? 'quick' : 'full'), versions, notes }, run => render({ ...run, tables }))
  } finally {
    for (const process of running.reverse()) await process.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measureRound ({ round, plan, entries, landscape }: { round: number, plan: readonly Scenario[], entries: readonly Entry[], landscape: Landscape }): Promise<void> {
  for (const scenario of plan) {
    for (const entry of entries) {
      const result = await measure(entry, landscape.pki, scenario)
      entry.results.set(scenario.letter, [...entry.results.get(scenario.letter) ?? [], result])
      console.log(`round ${round} (${scenario.letter}) ${entry.name}: ${result.requestsPerSecond.toFixed(1)}/s`)
    }
  }
}
