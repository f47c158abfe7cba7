/** Time as the rules of reverse invoke see it, so that tests can hold it. */
export interface Clock {
  /** Milliseconds from some fixed point; never goes back. */
  now (): number
  /** Calls once after `ms` milliseconds. Returns what cancels the call. */
  after (ms: number, call: () => void): () => void
}

/** The time of this process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    return () => { clearTimeout(timer) }
  }
}
