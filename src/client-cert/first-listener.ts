/**
 * Sees each request of an HTTP server before all other listeners, Fastify's own included.
 */
import type { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'

/**
 * The events that hand out a request. Node acts by itself where nobody listens to one of the last four (it answers 100 or 417, ignores
 * the upgrade, closes the connection), so there a listener of ours may only stand in front of another one, never alone.
 */
const events = ['request', 'checkContinue', 'checkExpectation', 'upgrade', 'connect'] as const

/**
 * Calls `see` with each request before anybody else gets it, whatever listeners come or go later.
 *
 * @param see must not throw: an exception in a listener ends the process
 */
export function seeRequestsFirst (server: Server, see: (request: IncomingMessage) => void): void {
  const emitter: EventEmitter = server
  const listener = (request: IncomingMessage): void => { see(request) }
  const settle = (event: string | symbol): void => {
    if (!(events as readonly unknown[]).includes(event)) return
    const others = emitter.listeners(event).filter(other => other !== listener)
    emitter.off(event, listener)
    if (others.length > 0) emitter.prependListener(event, listener)
  }
  // Node tells of a new listener before it is there. What is queued here runs before the next event of a socket.
  const settleSoon = (event: string | symbol, changed: unknown): void => {
    if (changed !== listener) queueMicrotask(() => { settle(event) })
  }
  for (const event of events) settle(event)
  emitter.on('newListener', settleSoon)
  emitter.on('removeListener', settleSoon)
}
