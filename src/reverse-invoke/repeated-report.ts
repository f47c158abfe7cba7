/**
 * Says when something that happens again and again is worth another line: at first, and then once in an interval with the number of times.
 */
export class RepeatedReport {
  readonly #intervalMs: number
  readonly #now: () => number
  readonly #maxKinds: number
  readonly #seen = new Map<string, { reportedAt: number, times: number }>()

  /**
   * @param now milliseconds that never run backwards
   * @param maxKinds kinds that are remembered, from 1 on; for one more the one that was reported longest ago is forgotten
   */
  constructor (intervalMs: number, now: () => number, maxKinds = Infinity) {
    this.#intervalMs = intervalMs
    this.#now = now
    this.#maxKinds = maxKinds
  }

  /**
   * Counts one occurrence.
   *
   * @param kind each is reported by itself; of a small set, or `maxKinds` bounds it
   * @returns how often it happened since the last report, this time included; `null` when there is to be no report
   */
  count (kind: string): number | null {
    const now = this.#now()
    const seen = this.#seen.get(kind)
    const times = (seen?.times ?? 0) + 1
    if (seen !== undefined && now - seen.reportedAt < this.#intervalMs) {
      seen.times = times
      return null
    }
    // at the end: the order is that of the reports
    this.#seen.delete(kind)
    if (this.#seen.size >= this.#maxKinds) this.#seen.delete(this.#seen.keys().next().value as string)
    this.#seen.set(kind, { reportedAt: now, times: 0 })
    return times
  }

  /** What was wrong has ended: the next occurrence is a first one. */
  reset (): void {
    this.#seen.clear()
  }
}
