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

interface Unregistered {
  readonly socket: Socket
  readonly remoteAddress: string | undefined
  readonly cancelTimer: () => void
}

/**
 * Connections that have proved nothing yet: in a handshake, in a request, or before their registration. Bounded in number and time. When
 * there is no room, whoever has the most of them makes room: one host alone cannot keep the others out.
 */
export class UnregisteredConnections {
  readonly #limits: UnregisteredLimits
  /** The oldest first. */
  readonly #connections = new Map<string, Unregistered>()
  readonly #ofAddress = new Map<string | undefined, number>()
  #closed = false

  constructor (limits: UnregisteredLimits) {
    this.#limits = limits
  }

  get size (): number { return this.#connections.size }

  /** Takes a new TCP connection, or closes it. */
  add (socket: Socket): void {
    const { timeoutMs, clock, onRefused } = this.#limits
    const { remoteAddress } = socket
    if (this.#closed || !this.#makeRoom(remoteAddress)) {
      socket.destroy()
      return
    }
    const key = keyOf(socket)
    const cancelTimer = clock.after(timeoutMs, () => {
      onRefused(remoteAddress, 'timeout')
      socket.destroy()
    })
    this.#forget(key)
    this.#connections.set(key, { socket, remoteAddress, cancelTimer })
    this.#ofAddress.set(remoteAddress, (this.#ofAddress.get(remoteAddress) ?? 0) + 1)
    // a port may have been used again before this is noticed
    socket.once('close', () => { if (this.#connections.get(key)?.socket === socket) this.#forget(key) })
  }

  /** @returns false when nobody has more of them than the newcomer's host */
  #makeRoom (newcomer: string | undefined): boolean {
    const { max, onRefused } = this.#limits
    if (this.#connections.size < max) return true
    const [most, count] = [...this.#ofAddress].reduce((best, one) => one[1] > best[1] ? one : best)
    const refused = count > (this.#ofAddress.get(newcomer) ?? 0) ? most : newcomer
    onRefused(refused, 'limit')
    if (refused === newcomer) return false
    const [key, oldest] = [...this.#connections].find(([, { remoteAddress }]) => remoteAddress === most) as [string, Unregistered]
    this.#forget(key)
    oldest.socket.destroy()
    return true
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
    const known = this.#connections.get(key)
    if (known === undefined) return
    known.cancelTimer()
    this.#connections.delete(key)
    const left = (this.#ofAddress.get(known.remoteAddress) as number) - 1
    if (left === 0) this.#ofAddress.delete(known.remoteAddress)
    else this.#ofAddress.set(known.remoteAddress, left)
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
