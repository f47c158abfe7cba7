import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Calls once when an exchange is over: the answer is written, or the connection is gone; for an upgraded connection when that ends.
 * Works for answers that bypass Fastify, too.
 */
export function onceEnded (request: IncomingMessage, response: ServerResponse, then: () => void): void {
  const { socket } = request
  let over = false
  const end = (): void => {
    if (over || (response.statusCode === 101 && socket.destroyed === false)) return
    over = true
    socket.removeListener('close', end)
    then()
  }
  if (response.writableFinished) return end()
  response.once('finish', end)
  response.once('close', end)
  // the response of an upgrade is taken off the socket and may end without an event
  if (request.headers.upgrade !== undefined) socket.once('close', end)
}
