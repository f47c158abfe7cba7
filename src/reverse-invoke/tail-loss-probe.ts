import type { Socket } from 'node:net'
import type { Clock } from './clock.ts'

/**
 * How long the other side may be silent before something is sent behind a message, in milliseconds. Within these bounds each connection finds out
 * how long its answers take: about one message in ten is to be probed, and only one that takes longer than the upper bound is in any case.
 */
const delayMs = { min: 2, max: 8 }

/** One in ten: a delay that was too short grows by as much as nine that were not make it shrink. */
const factor = { tooShort: 1.2, longEnough: 1.2 ** (-1 / 9) }

/** How long after the first probe the second and last one is sent, in milliseconds. */
const secondDelayMs = 20

const emptyLine = Buffer.from('\r\n')

/** No message is as short: what came was the other side's probes. */
const maxEmptyBytes = 2 * emptyLine.length

/** Calls back after a time, but not before what has come until then was read: in a busy process an answer may have been there for long. */
const afterReading: Clock['after'] = (ms, call) => {
  let immediate: NodeJS.Immediate | undefined
  const timer = setTimeout(() => { immediate = setImmediate(call) }, ms)
  return () => {
    clearTimeout(timer)
    clearImmediate(immediate)
  }
}

/**
 * Makes TCP notice at once that the end of a message was lost.
 *
 * TCP learns of a lost packet from those behind it. On a connection with one exchange at a time nothing is behind the last packet of a
 * message, and Linux waits 200 ms before it sends that one again. So, when the other side is silent, an empty line is sent after the message:
 * its arrival shows the gap. Where a message may begin it means nothing; both ends of a data connection leave it out.
 *
 * @see RFC 8985 section 7 (TCP's own tail loss probe, which for a single packet waits as long), RFC 9112 section 2.2 (empty lines)
 */
export class TailLossProbe {
  readonly #connection: Socket
  readonly #mayWrite: () => boolean
  readonly #after: Clock['after']
  #stop: () => void = () => {}
  #delayMs = delayMs.min
  /** Bytes that had come when the message ended. */
  #heard = 0
  /** Whether a probe was sent behind the message. */
  #probed = true

  /**
   * @param mayWrite whether a message may begin on the connection now
   */
  constructor (connection: Socket, mayWrite: () => boolean = () => true, after: Clock['after'] = afterReading) {
    this.#connection = connection
    this.#mayWrite = mayWrite
    this.#after = after
    connection.once('close', () => { this.#stop() })
  }

  /** The last byte of a message was written, and the connection stays open: the next word is the other side's. */
  spoken (): void {
    if (!this.#probed) this.#delayMs = Math.max(delayMs.min, this.#delayMs * factor.longEnough)
    this.#probed = false
    this.#heard = this.#connection.bytesRead
    this.#ifSilentFor(this.#delayMs, () => {
      this.#probe()
      this.#delayMs = Math.min(delayMs.max, this.#delayMs * factor.tooShort)
      this.#ifSilentFor(secondDelayMs, () => { this.#probe() })
    })
  }

  #ifSilentFor (ms: number, call: () => void): void {
    this.#stop()
    this.#stop = this.#after(ms, () => { if (this.#isSilent()) call() })
  }

  #isSilent (): boolean {
    return this.#connection.writable && this.#mayWrite() && this.#connection.bytesRead - this.#heard <= maxEmptyBytes
  }

  #probe (): void {
    this.#probed = true
    // what has not left this process yet will be behind the message
    if (this.#connection.writableLength === 0) this.#connection.write(emptyLine)
  }
}

const probed = new WeakSet<object>()

/** For who is the client of a connection: remembers that the server leaves empty lines out. Returns the connection. */
export function allowProbes (connection: Socket): Socket {
  probed.add(connection)
  return connection
}

/** A probe for a connection that {@link allowProbes} was called for, else `null`. */
export function probeOf (connection: Socket): TailLossProbe | null {
  return probed.has(connection) ? new TailLossProbe(connection) : null
}
