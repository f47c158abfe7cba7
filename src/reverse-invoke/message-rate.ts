import type { Clock } from './clock.ts'

/** Counts within seconds that begin with the first message after the last one's end. */
export class MessageRate {
  readonly #perSecond: number
  readonly #clock: Clock
  #start = -Infinity
  #count = 0

  constructor (perSecond: number, clock: Clock) {
    this.#perSecond = perSecond
    this.#clock = clock
  }

  /** Whether one more is within the rate. */
  admit (): boolean {
    const now = this.#clock.now()
    if (now - this.#start >= 1000) {
      this.#start = now
      this.#count = 0
    }
    return ++this.#count <= this.#perSecond
  }
}
