import type { Duplex } from 'node:stream'

/**
 * What is special about a connection that this process opened and on which it is the server (reverse invoke): its local address is no
 * listener's, and the certificate of its other end is a gateway's and never a user's.
 */
export interface ReversedConnection {
  /** The listener that the requests are for: in its place requests count as arrived. */
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
}

const reversed = new WeakMap<object, ReversedConnection>()

/** Marks a connection before the first request on it is read. */
export function markReversed (socket: Duplex, connection: ReversedConnection): void {
  reversed.set(socket, connection)
}

/** `null` for connections that clients opened. */
export function reversedConnection (socket: object): ReversedConnection | null {
  return reversed.get(socket) ?? null
}

/** What {@link arrivalOf} looks at. Node keeps the socket below a TLS socket as its parent. */
interface Arrived {
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly _parent?: object | null
}

/**
 * The local address on which a connection counts as arrived. TLS inside a reversed connection has arrived where that one did, although its
 * client certificate is its own.
 */
export function arrivalOf (socket: Arrived): ReversedConnection {
  const { localAddress, localPort, _parent: below } = socket
  return reversed.get(socket) ?? (below === undefined || below === null ? undefined : reversed.get(below)) ?? { localAddress, localPort }
}
