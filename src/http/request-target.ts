/**
 * The request target in its parts, byte-exact: nothing is decoded, normalised or completed.
 */

/** The parts of a request target (RFC 9112 section 3.2). */
export interface RequestTarget {
  readonly form: 'origin' | 'absolute'
  /** Lower case; `null` in origin form. */
  readonly scheme: 'http' | 'https' | null
  /** `host:port` as sent; `null` in origin form. */
  readonly authority: string | null
  /** Path as sent, from its first `/` to the character before `?`. `/` where an absolute target has none. */
  readonly path: string
  /** Query as sent with its `?`, or an empty string. */
  readonly query: string
}

const absoluteForm = /^(https?):\/\/([^/?#]+)([/?][^]*)?$/i

/**
 * Takes a request target apart.
 *
 * @returns `null` for what is neither origin form nor an absolute `http` or `https` target (`*` and the `host:port` of CONNECT too)
 * @see RFC 9112 section 3.2
 */
export function parseRequestTarget (target: string): RequestTarget | null {
  if (target.startsWith('/')) return { form: 'origin', scheme: null, authority: null, ...splitQuery(target) }
  const [, scheme, authority, rest = '/'] = absoluteForm.exec(target) ?? []
  if (scheme === undefined || authority === undefined) return null
  const parts = splitQuery(rest.startsWith('/') ? rest : `/${rest}`)
  return { form: 'absolute', scheme: scheme.toLowerCase() as 'http' | 'https', authority, ...parts }
}

function splitQuery (text: string): { path: string, query: string } {
  const mark = text.indexOf('?')
  return mark < 0 ? { path: text, query: '' } : { path: text.slice(0, mark), query: text.slice(mark) }
}
