import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** How long the other side may go on sending after it was answered and told that the connection closes, in milliseconds. */
const LINGER_MS = 2000

/**
 * Closes the connection after this answer, but not before the client could read it: closing a socket that holds unread bytes resets
 * the connection, and the reset can overtake the answer. What the client still sends is read and thrown away, for a bounded time.
 *
 * @see RFC 9112 section 9.6
 */
export function closeAfterAnswer (request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request
  response.shouldKeepAlive = false
  if (request.complete) return
  const before = Object.getOwnPropertyDescriptor(socket, 'destroySoon')
  socket.destroySoon = () => {
    if (before === undefined) Reflect.deleteProperty(socket, 'destroySoon')
    else Object.defineProperty(socket, 'destroySoon', before)
    if (request.complete) {
      socket.destroySoon()
      return
    }
    endAndLinger(socket)
    request.resume()
  }
}

/** Has a connection of an HTTP server end as {@link endAndLinger} does, whichever answer is its last one. What comes behind that one is no request any more. */
export function lingerAtEnd (socket: Socket): void {
  socket.destroySoon = () => {
    const drop = (): void => {}
    // Node's parser lets go of a socket that somebody else reads
    socket.on('data', drop)
    for (const reader of socket.listeners('data')) if (reader !== drop) socket.off('data', reader as () => void)
    endAndLinger(socket)
  }
}

/** Takes {@link lingerAtEnd} back, for a connection that changes its protocol. */
export function lingerNoMore (socket: Duplex): void {
  Reflect.deleteProperty(socket, 'destroySoon')
}

/** Ends a connection, after `lastBytes` if there are any, and closes it when the other side has ended it too, or when it took too long. */
export function endAndLinger (socket: Duplex, lastBytes?: string): void {
  const timer = setTimeout(() => { socket.destroy() }, LINGER_MS)
  socket.once('close', () => { clearTimeout(timer) })
  socket.once('end', () => { socket.destroy() })
  socket.end(lastBytes)
}
