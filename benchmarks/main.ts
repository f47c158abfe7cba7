/**
 * `npm run bench [-- --quick] [-- --name=<text>] [-- --peers=<name,...>]`: this gateway and its peers in one run, on the same two
 * cores. Everything listens on 127.0.0.1 and is gone when the run ends.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildLandscape, type Landscape } from './landscape.ts'
import { measure, verify, type Result, type Subject } from './measure.ts'
import { peers, type Peer } from './peers.ts'
import { medianOf, render, type Run } from './report.ts'
import { scenarios } from './scenarios.ts'

interface Entry extends Subject { readonly name: string, readonly results: Map<string, Result[]> }

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, name: { type: 'string' }, peers: { type: 'string' } }
})
const wanted = values.peers?.split(',')
/** The rounds interleave the peers, so that a busy moment of the machine does not hit one of them alone. */
const rounds = values.quick ? 1 : 3

const notes = [
  'CPU time is utime and stime of the proxy process and its workers, from /proc; one worker each.',
  'RSA 2048 certificates on both sides, client certificate verified, SSL_CLIENT_CERT added, client certificate to the back end (nginx).',
  `Each number is the median of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}; ratios are of CPU time.`
]

async function startPeer (peer: Peer, landscape: Landscape): Promise<Entry | null> {
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

const versions: Record<string, string> = { node: process.versions.node }
const running: Array<{ stop (): Promise<void> }> = []
const directory = mkdtempSync(join(tmpdir(), 'postern-bench-'))
try {
  const landscape = await buildLandscape(directory)
  running.push(landscape.backEnd)
  const entries: Entry[] = []
  for (const peer of peers.filter(({ name }) => wanted?.includes(name) !== false)) {
    const entry = await startPeer(peer, landscape)
    if (entry !== null) entries.push(entry)
  }
  const plan = scenarios(values.quick)
  for (let round = 1; round <= rounds; round++) {
    for (const scenario of plan) {
      for (const entry of entries) {
        const result = await measure(entry, landscape.pki, scenario)
        entry.results.set(scenario.letter, [...entry.results.get(scenario.letter) ?? [], result])
        console.log(`round ${round} (${scenario.letter}) ${entry.name}: ${result.requestsPerSecond.toFixed(1)}/s`)
      }
    }
  }
  write({
    date: new Date().toISOString().slice(0, 10),
    command: `npm run bench${process.argv.slice(2).length === 0 ? '' : ` -- ${process.argv.slice(2).join(' ')}`}`,
    versions,
    notes,
    tables: plan.map(scenario => ({
      scenario, rows: entries.map(({ name, results }) => ({ peer: name, ...medianOf(results.get(scenario.letter) ?? []) }))
    }))
  })
} finally {
  for (const process of running.reverse()) await process.stop()
  rmSync(directory, { recursive: true, force: true })
}

function write (run: Run): void {
  const text = render(run)
  console.log(`\n${text}`)
  const folder = join(import.meta.dirname, 'results')
  mkdirSync(folder, { recursive: true })
  const name = values.name ?? (values.quick ? 'quick' : 'full')
  writeFileSync(join(folder, `${run.date}-${name}.md`), text)
  console.log(`written to benchmarks/results/${run.date}-${name}.md`)
}
