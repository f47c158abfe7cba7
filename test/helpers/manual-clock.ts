import type { Clock } from '../../src/reverse-invoke/clock.ts'

/** Time that stands until it is moved. */
export interface ManualClock extends Clock {
  /** Moves on, and makes the calls that are due, in their order. */
  advance (ms: number): void
  /** Calls that are still to come. */
  readonly pending: number
}

export function manualClock (): ManualClock {
  let now = 0
  const calls = new Set<{ readonly at: number, readonly call: () => void }>()
  return {
    now: () => now,
    after: (ms, call) => {
      const entry = { at: now + ms, call }
      calls.add(entry)
      return () => { calls.delete(entry) }
    },
    advance: ms => {
      const end = now + ms
      for (;;) {
        const [next] = [...calls].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
        if (next === undefined) break
        calls.delete(next)
        now = next.at
        next.call()
      }
      now = end
    },
    get pending () { return calls.size }
  }
}
