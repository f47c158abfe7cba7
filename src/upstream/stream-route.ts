/** One opaque client connection on its way to a server (end-to-end TLS): which server takes it, and the bytes in both directions. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { UpstreamServer } from './server.ts'

/** Opens the byte stream to a server; rejects when that is not possible, or `signal` fires. */
export type StreamConnect = (server: UpstreamServer, signal: AbortSignal) => Promise<Duplex>

/** The first bytes of a client are kept for another server until the first one has answered; beyond this many there is no second try. */
const firstFlightBytes = 32 * 1024
/** A client whose server has ended may send for this long after its last byte, in milliseconds. */
const halfClosedMs = 60_000

/** What a route asks and reports while it looks for a server. */
export interface StreamChoice {
  next (tried: ReadonlySet<UpstreamServer>): UpstreamServer | null
  failed (server: UpstreamServer, error: Error & { readonly code?: string }): void
  /** The server has answered. */
  opened (server: UpstreamServer): void
}

type Outcome = 'done' | 'refused' | 'aborted'

/** One client connection on its way to a server. */
export class StreamRoute {
  readonly #client: Socket
  readonly #connect: StreamConnect
  readonly #abort = new AbortController()
  readonly #onData = (chunk: Buffer): void => { this.#receive(chunk) }
  readonly #onEnd = (): void => {
    this.#clientEnded = true
    this.#attached?.end()
  }

  #upstream: Duplex | null = null
  /** The server that gets what the client says, while none has answered. */
  #attached: Duplex | null = null
  /** What the client has said so far. */
  #firstFlight: Buffer[] = []
  #saidBytes = 0
  #isFlightWhole = true
  #clientEnded = false

  constructor (client: Socket, connect: StreamConnect) {
    this.#client = client
    this.#connect = connect
    client.on('error', () => { this.destroy() })
    client.once('close', () => { this.#clientClosed() })
    // read from the start: the end of a connection is seen by readers only
    client.on('data', this.#onData).on('end', this.#onEnd)
  }

  /** Breaks both sides: neither may take the end of this connection for the end of the other side's words. */
  destroy (): void {
    this.#abort.abort()
    breakOff(this.#client)
    if (this.#upstream !== null) breakOff(this.#upstream)
  }

  /** Tries one server after the other until one answers, then passes bytes until both sides have ended. */
  async run (choice: StreamChoice): Promise<Outcome> {
    const tried = new Set<UpstreamServer>()
    for (let server = choice.next(tried); server !== null; server = choice.next(tried)) {
      tried.add(server)
      const upstream = await this.#open(server, choice)
      if (this.#abort.signal.aborted) return 'aborted'
      if (upstream === null) continue
      if (await this.#awaitAnswer(upstream)) {
        choice.opened(server)
        await this.#pass(upstream)
        return 'done'
      }
      // a client that said nothing, or left, gets no answer from any server; and none of this is held against the server, or else
      // everybody could take it out
      if (this.#abort.signal.aborted || this.#clientEnded || this.#saidBytes === 0) return this.#end('aborted')
      // what was said is not at hand any more
      if (!this.#isFlightWhole) break
    }
    return this.#end('refused')
  }

  #end (outcome: Outcome): Outcome {
    this.#client.destroySoon()
    return outcome
  }

  async #open (server: UpstreamServer, choice: StreamChoice): Promise<Duplex | null> {
    try {
      const upstream = await this.#connect(server, this.#abort.signal)
      this.#upstream = upstream
      if (this.#abort.signal.aborted) breakOff(upstream)
      return upstream
    } catch (error) {
      if (!this.#abort.signal.aborted) choice.failed(server, error as Error)
      return null
    }
  }

  /**
   * Sends what the client says and waits for the first byte of the answer.
   *
   * @returns false when the server went away without one; the client has seen nothing of it then
   */
  async #awaitAnswer (upstream: Duplex): Promise<boolean> {
    const client = this.#client
    const onDrain = (): void => { client.resume() }
    upstream.on('drain', onDrain)
    for (const chunk of this.#firstFlight) upstream.write(chunk)
    if (this.#clientEnded) upstream.end()
    this.#attached = upstream
    if (!upstream.writableNeedDrain) client.resume()
    const answered = await firstByteOf(upstream)
    this.#attached = null
    upstream.off('drain', onDrain)
    if (answered) {
      client.pause()
      client.off('data', this.#onData).off('end', this.#onEnd)
      this.#firstFlight = []
    }
    return answered
  }

  #receive (chunk: Buffer): void {
    this.#saidBytes += chunk.length
    const upstream = this.#attached
    if (upstream === null) {
      this.#firstFlight.push(chunk)
      if (this.#saidBytes > firstFlightBytes) this.#client.pause()
      return
    }
    if (this.#saidBytes <= firstFlightBytes) this.#firstFlight.push(chunk)
    else {
      this.#firstFlight = []
      this.#isFlightWhole = false
    }
    if (!upstream.write(chunk)) this.#client.pause()
  }

  async #pass (upstream: Duplex): Promise<void> {
    const client = this.#client
    const closed = client.closed ? null : new Promise<void>(resolve => { client.once('close', resolve) })
    upstream.once('end', () => { client.setTimeout(halfClosedMs, () => { this.destroy() }) })
    upstream.once('close', () => { this.#endWith(upstream) })
    if (upstream.closed) this.#endWith(upstream)
    if (!this.#clientEnded) client.pipe(upstream)
    upstream.pipe(client)
    await closed
  }

  /** The server's side is closed: an answer that has come whole is still delivered, a broken one is broken for the client too. */
  #endWith (upstream: Duplex): void {
    if (upstream.readableEnded) this.#client.resume()
    else this.destroy()
  }

  /** The client's side is closed: what it has sent is still delivered. */
  #clientClosed (): void {
    const upstream = this.#upstream
    if (upstream === null || !this.#client.readableEnded || !upstream.readableEnded || !upstream.writableEnded) this.destroy()
  }
}

/** By a reset where the connection is TCP; one over a data connection of reverse invoke has TLS below it, which knows none. */
function breakOff (stream: Duplex & Partial<Pick<Socket, 'resetAndDestroy'>>): void {
  if (stream.resetAndDestroy === undefined || 'encrypted' in stream) stream.destroy()
  else stream.resetAndDestroy()
}

/** Waits until there is something to read, without taking it. */
async function firstByteOf (upstream: Duplex): Promise<boolean> {
  return await new Promise(resolve => {
    const settle = (answered: boolean): void => {
      upstream.off('readable', onReadable).off('close', onGone).off('end', onGone)
      resolve(answered)
    }
    const onReadable = (): void => { if (upstream.readableLength > 0) settle(true) }
    const onGone = (): void => { settle(false) }
    // stays: an error after this point shows as a close
    upstream.on('error', onGone)
    upstream.on('readable', onReadable).on('end', onGone).on('close', onGone)
  })
}
