import type { Socket } from 'node:net'
import type { Clock } from './clock.ts'

/** The addresses of a connection: the same for a TLS socket and for the TCP connection below it. */
type Addresses = Pick<Socket, 'remoteAddress' | 'remotePort'>

/** Settings of {@link UnregisteredConnections}. */
export interface UnregisteredLimits {
  readonly max: number
  /** Time until a connection has to be something, from its first packet on, in milliseconds. */
  readonly timeoutMs: number
  readonly clock: Clock
  /** A connection was closed. */
  readonly onRefused: (remoteAddress: string | undefined, reason: 'limit' | 'timeout') => void
}

/** Connections that have proved nothing yet: in a handshake, in a request, or before their registration. Bounded in number and time. */
export class UnregisteredConnections {
  readonly #limits: UnregisteredLimits
  readonly #connections = new Map<string, { readonly socket: Socket, readonly cancelTimer: () => void }>()
  #closed = false

  constructor (limits: UnregisteredLimits) {
    this.#limits = limits
  }

  get size (): number { return this.#connections.size }

  /** Takes a new TCP connection, or closes it. */
  add (socket: Socket): void {
    const { max, timeoutMs, clock, onRefused } = this.#limits
    const { remoteAddress } = socket
    if (this.#closed || this.#connections.size >= max) {
      if (!this.#closed) onRefused(remoteAddress, 'limit')
      socket.destroy()
      return
    }
    const key = keyOf(socket)
    const cancelTimer = clock.after(timeoutMs, () => {
      onRefused(remoteAddress, 'timeout')
      socket.destroy()
    })
    this.#connections.set(key, { socket, cancelTimer })
    // a port may have been used again before this is noticed
    socket.once('close', () => { if (this.#connections.get(key)?.socket === socket) this.#forget(key) })
  }

  /** Somebody else watches the time from now on; the connection still counts. */
  handshakeDone (socket: Addresses): void {
    this.#connections.get(keyOf(socket))?.cancelTimer()
  }

  /** The connection has become what it was opened for. */
  established (socket: Addresses): void {
    this.#forget(keyOf(socket))
  }

  #forget (key: string): void {
    this.#connections.get(key)?.cancelTimer()
    this.#connections.delete(key)
  }

  /** Closes those that there are, and every further one. */
  close (): void {
    this.#closed = true
    for (const { socket } of this.#connections.values()) socket.destroy()
  }
}

function keyOf ({ remoteAddress, remotePort }: Addresses): string {
  return `${remoteAddress} ${remotePort}`
}
