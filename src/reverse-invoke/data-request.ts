/** The request that opens a data connection, and what has to hold for every upgrade on the registration port. */
import type { DataRequest } from './acceptor.ts'
import { replicaField, ticketField } from './wire.ts'

/** Fields of an upgrade that may occur once: with two of a kind, two readers could read two different requests. */
const single = new Set(['host', 'upgrade', 'sec-websocket-key', 'sec-websocket-version', 'sec-websocket-protocol', ticketField.toLowerCase(), replicaField.toLowerCase()])

/**
 * Whether an upgrade request is plain: no body, no field twice that may occur once.
 *
 * @param rawHeaders names and values in turn, as Node gives them
 */
export function isPlainUpgrade (rawHeaders: readonly string[]): boolean {
  const seen = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase()
    if (name === 'transfer-encoding' || (name === 'content-length' && rawHeaders[index + 1] !== '0')) return false
    if (single.has(name) && seen.has(name)) return false
    seen.add(name)
  }
  return seen.has('host')
}

/** Ticket and replica of a data connection; `null` where one is missing or cannot be one. */
export function readDataRequest (headers: Readonly<Record<string, string | string[] | undefined>>): DataRequest | null {
  const ticket = headers[ticketField.toLowerCase()]
  const replica = headers[replicaField.toLowerCase()]
  if (typeof ticket !== 'string' || typeof replica !== 'string') return null
  return /^[A-Za-z0-9_-]{22,86}$/.test(ticket) && /^[A-Za-z0-9._-]{1,64}$/.test(replica) ? { ticket, replica } : null
}
