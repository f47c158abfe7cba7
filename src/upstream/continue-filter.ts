const PREFIX = Buffer.from('HTTP/1.1 1')
const EMPTY = Buffer.alloc(0)

/**
 * Takes `100 Continue` out of what a back end says before its final answer. The gateway never expects one, yet any server may send it,
 * and a client has to live with that; undici ends the connection instead.
 *
 * @see RFC 9110 sections 10.1.1 and 15.2
 */
export class ContinueFilter {
  /** Whether a byte came since the request was sent. */
  answered = false
  #waiting = false
  #held: Buffer = EMPTY

  /** A request was sent: what comes next is an answer from its first byte. */
  expectAnswer (): void {
    this.#waiting = true
    this.answered = false
  }

  /** Returns what is left of the bytes that came; bytes of an unfinished informational header are held back. */
  filter (chunk: Buffer): Buffer {
    if (!this.#waiting) return chunk
    let rest: Buffer = this.#held.length === 0 ? withoutEmptyLines(chunk) : Buffer.concat([this.#held, chunk])
    if (rest.length === 0) return EMPTY
    this.answered = true
    this.#held = EMPTY
    const passed: Buffer[] = []
    while (rest.length > 0) {
      const length = interimLength(rest)
      if (length === 'unknown') {
        this.#held = rest
        break
      }
      if (length === 'final') {
        this.#waiting = false
        passed.push(rest)
        break
      }
      if (statusOf(rest) !== '100') passed.push(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
    return passed.length === 1 ? passed[0] as Buffer : Buffer.concat(passed)
  }
}

/** Empty lines before an answer belong to nothing: parsers leave them out, and data connections carry them (`TailLossProbe`). */
function withoutEmptyLines (bytes: Buffer): Buffer {
  let start = 0
  while (bytes[start] === 0x0d || bytes[start] === 0x0a) start++
  return start === 0 ? bytes : bytes.subarray(start)
}

/** Length of the informational answer at the start; `final` when it is none, `unknown` when that cannot be told yet. */
function interimLength (bytes: Buffer): number | 'final' | 'unknown' {
  const compared = Math.min(bytes.length, PREFIX.length)
  if (bytes.compare(PREFIX, 0, compared, 0, compared) !== 0) return 'final'
  if (bytes.length < PREFIX.length + 2) return 'unknown'
  // what follows a 101 is no HTTP any more; an informational header that does not end soon is none
  if (statusOf(bytes) === '101' || bytes.length > 65_536) return 'final'
  const end = bytes.indexOf('\r\n\r\n')
  return end < 0 ? 'unknown' : end + 4
}

function statusOf (bytes: Buffer): string {
  return bytes.toString('latin1', 9, 12)
}
