/**
 * The result as text: a table per scenario and the targets, for the terminal and for the page in benchmarks/results.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Result } from './measure.ts'
import type { Scenario } from './scenarios.ts'

/** Our own name among the peers. */
const OURS = 'postern'

export interface Row extends Result { readonly peer: string }

export interface Run {
  readonly date: string
  readonly command: string
  readonly versions: Readonly<Record<string, string>>
  readonly notes: readonly string[]
  readonly tables: ReadonlyArray<{ readonly scenario: Scenario, readonly rows: readonly Row[] }>
}

/** The median of each number over the rounds. */
export function medianOf (rounds: readonly Result[]): Result {
  const median = (pick: (result: Result) => number): number => rounds.map(pick).sort((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? NaN
  return {
    requestsPerSecond: median(result => result.requestsPerSecond),
    p50Ms: median(result => result.p50Ms),
    p95Ms: median(result => result.p95Ms),
    p99Ms: median(result => result.p99Ms),
    cpuMsPerUnit: median(result => result.cpuMsPerUnit)
  }
}

/** Prints a page and puts it into the folder of results, under today's date and `name`. */
export function writePage ({ name, versions, notes }: Pick<Run, 'versions' | 'notes'> & { readonly name: string }, page: (run: Omit<Run, 'tables'>) => string): void {
  const date = new Date().toISOString().slice(0, 10)
  const words = process.argv.slice(2)
  const text = page({ date, command: `npm run bench${words.length === 0 ? '' : ` -- ${words.join(' ')}`}`, versions, notes })
  console.log(`\n${text}`)
  const folder = join(import.meta.dirname, 'results')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${date}-${name}.md`), text)
  console.log(`written to benchmarks/results/${date}-${name}.md`)
}

/** The page of a run of the default scenarios. */
export function render ({ tables, ...run }: Run): string {
  return [
    ...heading(run),
    ...tables.flatMap(table => [renderTable(table), '']),
    renderTargets(tables), ''
  ].join('\n')
}

/** The lines that every page begins with. */
export function heading ({ date, command, versions, notes }: Omit<Run, 'tables'>): string[] {
  return [
    `# Benchmark of ${date}`, '',
    `Command: \`${command}\``, '',
    `Machine: ${cpus()[0]?.model.trim() ?? 'unknown'}, two cores shared by client, proxy and back end, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`, '',
    `Versions: ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')}`, '',
    ...notes.map(note => `- ${note}`), ''
  ]
}

function renderTable ({ scenario, rows }: Run['tables'][number]): string {
  const [unit, scale] = scenario.unit === 'request' ? ['µs', 1000] : ['ms', 1]
  const body = rows.map(row => [
    row.peer, row.requestsPerSecond.toFixed(1), row.p50Ms.toFixed(2), row.p99Ms.toFixed(2), (row.cpuMsPerUnit * scale).toFixed(0),
    ratio(row, rows, '@fastify/http-proxy'), ratio(row, rows, 'nginx')
  ])
  const header = ['peer', 'requests/s', 'p50 ms', 'p99 ms', `CPU ${unit}/${scenario.unit}`, 'to @fastify/http-proxy', 'to nginx']
  return `## (${scenario.letter}) ${scenario.title}\n\n${markdownTable([header, ...body])}`
}

function ratio (row: Row, rows: readonly Row[], peer: string): string {
  const base = rows.find(other => other.peer === peer)
  return base === undefined ? '-' : (row.cpuMsPerUnit / base.cpuMsPerUnit).toFixed(2)
}

function renderTargets (tables: Run['tables']): string {
  const rows = tables.flatMap(({ scenario, rows }) => Object.entries(scenario.targets).map(([peer, bound]) => {
    const ours = rows.find(row => row.peer === OURS)
    const seen = ours === undefined ? '-' : ratio(ours, rows, peer)
    const verdict = seen === '-' ? 'not measured' : Number(seen) <= bound ? 'met' : 'not met'
    return [`(${scenario.letter}) CPU time to ${peer}`, `<= ${bound}`, seen, verdict]
  }))
  return `## Targets\n\n${markdownTable([['target', 'bound', 'measured', 'verdict'], ...rows])}`
}

/** Rows as Markdown, the first one as the header. */
export function markdownTable (rows: ReadonlyArray<readonly string[]>): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0))) ?? []
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [header = [], ...body] = rows
  return [line(header), line(widths.map(width => '-'.repeat(width))), ...body.map(line)].join('\n')
}
