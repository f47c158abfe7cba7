import type { IncomingMessage, ServerResponse } from 'node:http'

/** How long a client may go on sending after it was answered and told that the connection closes, in milliseconds. */
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
  socket.destroySoon = () => {
    Reflect.deleteProperty(socket, 'destroySoon')
    if (request.complete) {
      socket.destroySoon()
      return
    }
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(timer))
    socket.once('end', () => socket.destroy())
    socket.end()
    request.resume()
  }
}
