/**
 * Which fields belong to one connection, and which ones frame a message.
 *
 * @see RFC 9110 section 7.6.1
 */

/** What a field is to an intermediary; everything else passes. */
export type FieldKind = 'hop' | 'host' | 'connection' | 'length' | 'coding' | 'upgrade' | 'trailer'

const KINDS: ReadonlyMap<string, FieldKind> = new Map([
  ['connection', 'connection'],
  ['content-length', 'length'],
  ['expect', 'hop'],
  ['host', 'host'],
  ['http2-settings', 'hop'],
  ['keep-alive', 'hop'],
  ['proxy-authenticate', 'hop'],
  ['proxy-authentication-info', 'hop'],
  ['proxy-authorization', 'hop'],
  ['proxy-connection', 'hop'],
  ['te', 'hop'],
  ['trailer', 'trailer'],
  ['transfer-encoding', 'coding'],
  ['upgrade', 'upgrade']
])

// most fields of a request have a length that none of the names has: they are passed without a look at the name
const LENGTHS: readonly boolean[] = Array.from({ length: 32 }, (_, length) => [...KINDS.keys()].some(name => name.length === length))

/** Returns what a field is, or `undefined` for a field that passes. */
export function fieldKind (name: string): FieldKind | undefined {
  return LENGTHS[name.length] === true ? KINDS.get(name.toLowerCase()) : undefined
}

/** Splits a comma-separated list of tokens, in lower case. */
export function tokens (value: string): string[] {
  return value.toLowerCase().split(',').map(token => token.trim()).filter(token => token !== '')
}

/** The fields that a Connection field names and that are to be dropped for that reason: not those that are handled anyway. */
export function namedByConnection (value: string): Set<string> | null {
  // by far the most frequent values
  if (value === 'keep-alive' || value === 'close' || value === 'Keep-Alive' || value === 'Upgrade') return null
  const named = tokens(value).filter(token => token !== 'close' && fieldKind(token) === undefined)
  return named.length === 0 ? null : new Set(named)
}
