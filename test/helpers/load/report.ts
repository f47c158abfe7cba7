/** What a load client did, and the questions that a test has about it. */

/** What came of one request. `ok` is an answer of 200 whose body is this request's own; anything else says what it was. */
export type Outcome = 'ok' | 'wrong body' | 'truncated' | 'timeout' | `status ${number}` | `error ${string}`

/** One request. */
export interface Exchange {
  /** When it began, in milliseconds since 1970. */
  readonly at: number
  /** How long it took until its end or its failure, in milliseconds. */
  readonly ms: number
  readonly outcome: Outcome
}

/** What a slow reader or a WebSocket has moved. */
export interface Stream {
  readonly bytes: number
  readonly outcome: Outcome
}

export interface Report {
  readonly exchanges: readonly Exchange[]
  readonly streams: readonly Stream[]
}

/** Requests by what came of them. */
export function outcomes ({ exchanges }: Report): Partial<Record<Outcome, number>> {
  const counts: Partial<Record<Outcome, number>> = {}
  for (const { outcome } of exchanges) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

/** Requests that were not answered as they should have been. */
export function failures ({ exchanges }: Report): Exchange[] {
  return exchanges.filter(({ outcome }) => outcome !== 'ok')
}

/** Milliseconds of the good answers below which the given share of them lies, 0.99 for p99; `NaN` without a good answer. */
export function percentile ({ exchanges }: Report, share: number): number {
  const sorted = exchanges.filter(({ outcome }) => outcome === 'ok').map(({ ms }) => ms).sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN
}

/** Milliseconds from a moment to the end of the first good answer whose request began after it; `Infinity` when there was none. */
export function firstGoodAfter ({ exchanges }: Report, moment: number): number {
  return Math.min(...exchanges.filter(({ at, outcome }) => at >= moment && outcome === 'ok').map(({ at, ms }) => at + ms - moment))
}

/** Requests that began within a span of time. */
export function between ({ exchanges, streams }: Report, from: number, to: number): Report {
  return { exchanges: exchanges.filter(({ at }) => at >= from && at < to), streams }
}
