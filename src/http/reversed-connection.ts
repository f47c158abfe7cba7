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

/** The local address on which a connection counts as arrived. */
export function arrivalOf (socket: { readonly localAddress?: string | undefined, readonly localPort?: number | undefined }): ReversedConnection {
  return reversed.get(socket) ?? { localAddress: socket.localAddress, localPort: socket.localPort }
}
