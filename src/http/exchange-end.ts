import type { IncomingMessage, ServerResponse } from 'node:http'

/** Who waits for the end of an exchange. They share its listeners: logs and metrics together may be many. */
const waiting = new WeakMap<ServerResponse, Array<() => void>>()

/**
 * Calls once when an exchange is over: the answer is written, or the connection is gone; for an upgraded connection when that ends.
 * Works for answers that bypass Fastify, too.
 */
export function onceEnded (request: IncomingMessage, response: ServerResponse, then: () => void): void {
  const others = waiting.get(response)
  if (others === undefined) listen(request, response, [then])
  else others.push(then)
}

function listen (request: IncomingMessage, response: ServerResponse, then: Array<() => void>): void {
  const { socket } = request
  const end = (): void => {
    if (!waiting.has(response) || (response.statusCode === 101 && socket.destroyed === false)) return
    waiting.delete(response)
    socket.removeListener('close', end)
    for (const call of then) call()
  }
  waiting.set(response, then)
  if (response.writableFinished) return end()
  response.once('finish', end)
  response.once('close', end)
  // the response of an upgrade is taken off the socket and may end without an event
  if (request.headers.upgrade !== undefined) socket.once('close', end)
}
