/**
 * The head of an answer as it went out. Answers are written by Fastify, by the forward path and by plugins, in ways that leave
 * different traces in `getHeaders()`; the head itself is the same for all.
 */

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

/**
 * Bytes behind the head of the answer: the Content-Length of a complete answer, otherwise what was written, framing of chunks included.
 *
 * @param written bytes that the connection took for this answer
 */
export function bodyBytes ({ method, status, head, complete, written }: { method: string, status: number | null, head: string, complete: boolean, written: number }): number {
  if (status === null || method === 'HEAD' || status === 204 || status === 304) return 0
  const announced = complete ? /\r\ncontent-length: *(\d{1,15})\r\n/i.exec(head)?.[1] : undefined
  return announced === undefined ? Math.max(0, written - head.length) : Number(announced)
}
