import type { IncomingMessage } from 'node:http'

/**
 * Changes the values of one field of a request in every view of its header.
 *
 * @param name lower case
 * @param change the new value of an occurrence, or `null` to take it away
 */
export function changeField (request: IncomingMessage, name: string, change: (value: string) => string | null): void {
  // the views are made from the raw list when they are first asked for, and by its length as it was when the request came
  const { rawHeaders, headers, headersDistinct } = request
  const values: string[] = []
  for (let index = 0; index < rawHeaders.length;) {
    const changed = rawHeaders[index]?.toLowerCase() === name ? change(rawHeaders[index + 1] as string) : undefined
    if (changed === null) {
      rawHeaders.splice(index, 2)
      continue
    }
    if (changed !== undefined) values.push(rawHeaders[index + 1] = changed)
    index += 2
  }
  if (values.length === 0) {
    delete headers[name]
    delete headersDistinct?.[name]
  } else {
    // RFC 6265 section 5.4 for Cookie, RFC 9110 section 5.3 for all others
    headers[name] = values.join(name === 'cookie' ? '; ' : ', ')
    if (headersDistinct !== undefined) headersDistinct[name] = values
  }
}
