import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Requests of one connection that may wait behind one that is not answered yet. */
export const maxPipelined = 16

/** Node keeps the response that is being written on the socket. */
type Answering = Socket & { readonly _httpMessage?: ServerResponse | null }

const waiting = new WeakMap<Socket, number>()

/**
 * Counts a request that came before the one in front of it was answered. Node hands all of them out at once, hundreds from one packet,
 * and keeps each until its turn: without a bound a single client, with hardly any bytes, takes memory, places in every queue, and
 * connections to the back end.
 *
 * @returns false when there are too many: the connection is of no use any more
 * @see RFC 9112 section 9.3.2
 */
export function admitPipelined ({ socket }: Pick<IncomingMessage, 'socket'>, response: ServerResponse): boolean {
  const { _httpMessage: front } = socket as Answering
  if (front === undefined || front === null || front === response) return true
  const before = waiting.get(socket) ?? 0
  if (before >= maxPipelined) return false
  waiting.set(socket, before + 1)
  response.once('close', () => { waiting.set(socket, (waiting.get(socket) as number) - 1) })
  return true
}
