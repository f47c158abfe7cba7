import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { errors } from '../errors.ts'

/**
 * The body of a request on its way to the back end. Reading starts when the back end's connection wants the first byte, not before;
 * what is read is counted. It stands between the request and undici because undici destroys the body it is given when an exchange
 * ends early, and a destroyed request takes the client's connection with it.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage
  readonly #maxBytes: number
  #bytes = 0
  #reading = false

  /** @param maxBytes largest body, in bytes; `Infinity` for no limit */
  constructor (request: IncomingMessage, maxBytes: number) {
    super()
    this.#request = request
    this.#maxBytes = maxBytes
    // whoever holds the body may have let go of it when it fails
    this.on('error', () => {})
  }

  override _read (): void {
    if (this.#reading) {
      this.#request.resume()
    } else {
      this.#reading = true
      this.#request.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError)
    }
  }

  override _destroy (error: Error | null, callback: (error?: Error | null) => void): void {
    this.#request.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError)
    // an error of the request has nobody else to go to
    this.#request.on('error', () => {})
    callback(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length
    if (this.#bytes > this.#maxBytes) this.destroy(new errors.FORWARD_BODY_TOO_LARGE())
    else if (!this.push(chunk)) this.#request.pause()
  }

  readonly #onEnd = (): void => { this.push(null) }

  readonly #onError = (): void => { this.destroy(new errors.FORWARD_CLIENT_GONE()) }
}
