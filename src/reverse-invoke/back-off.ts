/** When the next attempt is made: exponential back-off with full jitter, capped low at first, reset only after a stable period. */

/** Times in milliseconds. */
export interface BackOffSettings {
  /** Upper bound of the first delay; it doubles with each attempt. */
  readonly initialMs: number
  /** Upper bound of the delays while the outage is younger than `firstPeriodMs`. */
  readonly firstCapMs: number
  readonly firstPeriodMs: number
  /** Upper bound of the delays after that. */
  readonly capMs: number
  /** A success that did not last as long as this does not end the outage. */
  readonly stableMs: number
}

/** Clock and randomness of a {@link BackOff}. */
export interface BackOffSources {
  /** Milliseconds that never run backwards. */
  readonly now: () => number
  /** At least 0, below 1. */
  readonly random: () => number
}

/**
 * The delays of one thing that is tried again and again. Full jitter: each delay is a random part of its upper bound, so that many who
 * lost the same acceptor do not come back at the same time.
 */
export class BackOff {
  readonly #settings: BackOffSettings
  readonly #sources: BackOffSources
  #attempts = 0
  #outageSince: number | null = null
  #succeededAt: number | null = null

  constructor (settings: BackOffSettings, sources: BackOffSources) {
    this.#settings = settings
    this.#sources = sources
  }

  /** An attempt has succeeded. The outage is over when the success lasts. */
  succeeded (): void {
    this.#succeededAt = this.#sources.now()
  }

  /** An attempt has failed, or what succeeded was lost: the time to wait before the next one, in milliseconds. */
  failed (): number {
    const now = this.#sources.now()
    const { initialMs, firstCapMs, firstPeriodMs, capMs, stableMs } = this.#settings
    if (this.#succeededAt !== null && now - this.#succeededAt >= stableMs) {
      this.#attempts = 0
      this.#outageSince = null
    }
    this.#succeededAt = null
    this.#outageSince ??= now
    const cap = now - this.#outageSince < firstPeriodMs ? firstCapMs : capMs
    const bound = Math.min(cap, initialMs * 2 ** this.#attempts)
    // a larger exponent would change nothing but end in Infinity
    this.#attempts = Math.min(this.#attempts + 1, 40)
    return this.#sources.random() * bound
  }
}
