/**
 * What went out as answer. Answers are written by Fastify, by the forward path and by plugins, in ways that leave different traces in
 * `getHeaders()`; the head itself is the same for all.
 */
import type { ServerResponse } from 'node:http'

/**
 * The written head with its empty line, or an empty string.
 *
 * @param response a `ServerResponse`; Node keeps the head it has written in `_header`
 */
export function headOf (response: object): string {
  const head = (response as { _header?: string | null })._header
  return typeof head === 'string' ? head : ''
}

/** The fields of a head, names and values in turn. */
export function fieldsOf (head: string): string[] {
  const fields: string[] = []
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.push(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return fields
}

/** The Content-Length of a head, 0 without one. */
export function contentLengthOf (head: string): number {
  return Number(/\r\ncontent-length: *(\d{1,15})\r\n/i.exec(head)?.[1] ?? 0)
}

/**
 * Counts the bytes of the body that are written from now on, framing of chunks not included. The bytes of the connection are no
 * measure: with pipelining several answers leave at once.
 */
export function countBody (response: ServerResponse): { readonly bytes: number } {
  const count = { bytes: 0 }
  for (const name of ['write', 'end'] as const) {
    const original = response[name] as (...parameters: unknown[]) => unknown
    const counting = function (this: ServerResponse, ...parameters: unknown[]): unknown {
      const [chunk, encoding] = parameters
      if (typeof chunk === 'string') count.bytes += Buffer.byteLength(chunk, typeof encoding === 'string' ? encoding as BufferEncoding : 'utf8')
      else if (chunk instanceof Uint8Array) count.bytes += chunk.byteLength
      return original.apply(this, parameters)
    }
    response[name] = counting as never
  }
  return count
}
