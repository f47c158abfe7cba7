/**
 * The Host field in its parts.
 */

/** A host with its port, as the Host field names it. */
export interface Host {
  /** Lower case, without a final dot; IPv6 addresses in brackets. */
  readonly name: string
  /** `null`: none was named, the default port of the protocol counts. */
  readonly port: number | null
}

const form = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9_-][a-z0-9._-]{0,252})(?::(\d{0,5}))?$/i

/**
 * Reads the value of a Host field. Stricter than RFC 3986: names of letters, digits, `.`, `-` and `_`, so that nothing that is built
 * from the name (a Location field, a log line) can be made to say something else.
 *
 * @returns `null` for anything that is not one host with an optional port
 * @see RFC 9110 section 7.2
 */
export function parseHost (value: string): Host | null {
  const [, name, digits] = form.exec(value) ?? []
  if (name === undefined) return null
  const port = digits === undefined || digits === '' ? null : Number(digits)
  if (port !== null && (port < 1 || port > 65535)) return null
  const lower = name.toLowerCase()
  return { name: lower.endsWith('.') ? lower.slice(0, -1) : lower, port }
}

/** The port that counts when a host names none. */
export function defaultPort (protocol: 'http' | 'https'): 80 | 443 {
  return protocol === 'https' ? 443 : 80
}
