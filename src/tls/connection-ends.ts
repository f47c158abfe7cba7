import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'

/**
 * Ends connections of an HTTP server in order: at once when nothing runs on them, else behind the answer to the last request that was
 * taken. A connection that has changed its protocol has no last answer; it ends at once.
 */
export class ConnectionEnds {
  /** Answers on a connection come in the order of the requests: behind the last one nothing is left. */
  readonly #lastAnswer = new WeakMap<object, ServerResponse>()
  readonly #ending = new WeakSet<object>()

  /** Takes note of a request. `false`: its connection is ending, nobody may serve it. */
  begin ({ socket, upgrade }: IncomingMessage & { readonly upgrade?: boolean }, answer: ServerResponse): boolean {
    if (this.#ending.has(socket)) return false
    if (upgrade === true) this.#lastAnswer.delete(socket)
    else this.#lastAnswer.set(socket, answer)
    return true
  }

  /** Ends a connection. */
  end (socket: TLSSocket): void {
    if (this.#ending.has(socket)) return
    this.#ending.add(socket)
    const answer = this.#lastAnswer.get(socket)
    if (answer === undefined || answer.writableFinished || answer.destroyed) {
      socket.destroySoon()
      return
    }
    // says `Connection: close` where the header has not been written yet
    answer.shouldKeepAlive = false
    answer.once('finish', () => { socket.destroySoon() })
  }
}
