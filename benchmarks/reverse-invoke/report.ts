/** The page of a run: a table per network and scenario, and the targets. */
import type { Result } from '../measure.ts'
import { heading, markdownTable, type Run } from '../report.ts'
import { DIRECT, OURS } from './variants.ts'

/** Requests a second where all variants get as many: about half of what the slowest of the usual ones can do. */
export const STEADY_RATE = 1500

/** The tunnel that everybody has. */
const USUAL = 'ssh -R'

export interface Row extends Result { readonly variant: string }

/** A kind of way between DMZ and inner network. */
export interface Way {
  readonly lossPercent: number
}

/** What was measured on one kind of way. */
export interface Weather extends Way {
  readonly mix: readonly Row[]
  readonly steady: readonly Row[]
  readonly transfer: readonly Row[]
}

interface Target {
  readonly text: string
  /** The table that it is read from. */
  readonly of?: 'mix' | 'steady'
  readonly bound: string
  readonly weather: Weather | undefined
  /** The other variant. */
  readonly to: string
  /** A ratio of ours to the other's. */
  readonly value: (ours: Row, other: Row) => number
  readonly met: (ratio: number) => boolean
}

/** The whole page. */
export function render (run: Omit<Run, 'tables'>, weathers: readonly Weather[]): string {
  const tables = weathers.flatMap(({ mix, steady, transfer, ...way }) => [
    `## Requests, ${wordsOf(way)}`, '', mixTable(mix), '', `## ${STEADY_RATE} requests a second, ${wordsOf(way)}`, '', mixTable(steady), '', `## Download of 1 GiB, ${wordsOf(way)}`, '', transferTable(transfer), ''
  ])
  return [...heading(run), ...tables, '## Targets', '', targetTable(weathers), ''].join('\n')
}

function wordsOf ({ lossPercent }: Way): string {
  return `${lossPercent} % of packets lost`
}

function mixTable (rows: readonly Row[]): string {
  const header = ['between the gateways', 'requests/s', 'p50 ms', 'p95 ms', 'p99 ms', 'CPU µs/request', 'p50 to direct', 'CPU to direct']
  return markdownTable([header, ...rows.map(row => [
    row.variant, row.requestsPerSecond.toFixed(1), row.p50Ms.toFixed(2), row.p95Ms.toFixed(2), row.p99Ms.toFixed(2), (row.cpuMsPerUnit * 1000).toFixed(0),
    ratio(rows, row, one => one.p50Ms), ratio(rows, row, one => one.cpuMsPerUnit)
  ])])
}

function transferTable (rows: readonly Row[]): string {
  return markdownTable([['between the gateways', 'seconds', 'MiB/s', 'CPU seconds', 'seconds to direct'], ...rows.map(row => [
    row.variant, (row.p50Ms / 1000).toFixed(2), (1024 / (row.p50Ms / 1000)).toFixed(0), (row.cpuMsPerUnit / 1000).toFixed(2), ratio(rows, row, one => one.p50Ms)
  ])])
}

function ratio (rows: readonly Row[], row: Row, pick: (row: Row) => number): string {
  const base = rows.find(({ variant }) => variant === DIRECT)
  return base === undefined ? '-' : (pick(row) / pick(base)).toFixed(2)
}

function targetTable (weathers: readonly Weather[]): string {
  const [good, bad] = [weathers.find(({ lossPercent }) => lossPercent === 0), weathers.find(({ lossPercent }) => lossPercent > 0)]
  const rate = (ours: Row, other: Row): number => ours.requestsPerSecond / other.requestsPerSecond
  const p99 = (ours: Row, other: Row): number => ours.p99Ms / other.p99Ms
  const targets: Target[] = [
    { text: 'p50 to direct, no loss', bound: '<= 1.25', weather: good, to: DIRECT, value: (ours, other) => ours.p50Ms / other.p50Ms, met: value => value <= 1.25 },
    { text: `requests/s to ${USUAL}, no loss`, bound: '> 1', weather: good, to: USUAL, value: rate, met: value => value > 1 },
    { text: `p99 to ${USUAL}, no loss`, bound: '< 1', weather: good, to: USUAL, value: p99, met: value => value < 1 },
    { text: `p99 to ${USUAL} at the same rate, no loss`, bound: '< 1', of: 'steady', weather: good, to: USUAL, value: p99, met: value => value < 1 },
    { text: `requests/s to ${USUAL}, with loss`, bound: '>= 1.2', weather: bad, to: USUAL, value: rate, met: value => value >= 1.2 },
    { text: `p99 to ${USUAL}, with loss`, bound: '<= 0.8', weather: bad, to: USUAL, value: p99, met: value => value <= 0.8 },
    { text: `p99 to ${USUAL} at the same rate, with loss`, bound: '<= 0.8', of: 'steady', weather: bad, to: USUAL, value: p99, met: value => value <= 0.8 }
  ]
  return markdownTable([['target', 'bound', 'measured', 'verdict'], ...targets.map(({ text, bound, of = 'mix', weather, to, value, met }) => {
    const [ours, other] = [OURS, to].map(name => weather?.[of].find(({ variant }) => variant === name))
    if (ours === undefined || other === undefined) return [text, bound, '-', 'not measured']
    const seen = value(ours, other)
    return [text, bound, seen.toFixed(2), met(seen) ? 'met' : 'not met']
  })])
}
