/**
 * Says when something that happens again and again is worth another line: at first, and then once in an interval with the number of times.
 */
export class RepeatedReport {
  readonly #intervalMs: number
  readonly #now: () => number
  readonly #seen = new Map<string, { reportedAt: number, times: number }>()

  /** @param now milliseconds that never run backwards */
  constructor (intervalMs: number, now: () => number) {
    this.#intervalMs = intervalMs
    this.#now = now
  }

  /**
   * Counts one occurrence.
   *
   * @param kind of a small set: each is reported by itself
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
    this.#seen.set(kind, { reportedAt: now, times: 0 })
    return times
  }

  /** What was wrong has ended: the next occurrence is a first one. */
  reset (): void {
    this.#seen.clear()
  }
}
