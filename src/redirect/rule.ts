import { errors } from '../errors.ts'
import { defaultPort, parseHost, type Host } from '../http/host.ts'
import { matchesHostPattern, parseHostPattern, type HostPattern } from '../http/host-pattern.ts'
import { matchesWildcard } from '../http/wildcard.ts'

/** One `icm/HTTP/redirect_<xx>` as options. */
export interface RedirectRuleOptions {
  /** The parameter, for messages. */
  readonly parameter: string
  /** PREFIX */
  readonly prefix: string
  /** FROM: pattern for the path. Without one the path must equal the prefix. */
  readonly from: string | null
  /** FROMPROT */
  readonly fromProtocol: 'http' | 'https' | null
  /** FOR: `host:port` pattern for the Host field. */
  readonly for: string | null
  /** TO: takes the place of the prefix. */
  readonly to: string | null
  /** PROT */
  readonly protocol: 'http' | 'https' | null
  /** HOST */
  readonly host: string | null
  /** PORT, only together with HOST. */
  readonly port: number | null
}

/** What a rule looks at. */
export interface RedirectFacts {
  readonly protocol: 'http' | 'https'
  /** The Host field; `null` when it is missing or not one valid host. */
  readonly host: Host | null
  /** Path as sent. */
  readonly path: string
  /** Query as sent, with its `?`. */
  readonly query: string
}

/** A compiled rule. */
export interface RedirectRule {
  readonly options: RedirectRuleOptions
  readonly from: string | null
  readonly for: HostPattern | null
  readonly host: Host | null
  /** TO in its parts; query and fragment without their mark. */
  readonly to: { readonly path: string, readonly query: string | undefined, readonly fragment: string | undefined } | null
}

/**
 * Checks a rule and compiles its patterns.
 *
 * @throws POSTERN_ERR_REDIRECT_RULE
 */
export function compileRule (options: RedirectRuleOptions): RedirectRule {
  const { parameter, prefix, from, to, protocol, host, port } = options
  const refuse = (fault: string, expected: string): never => { throw new errors.REDIRECT_RULE(parameter, fault, expected) }
  if (!prefix.startsWith('/')) refuse(`PREFIX "${prefix}"`, 'a path that starts with /')
  if (to !== null && !to.startsWith('/')) refuse(`TO "${to}"`, 'a path that starts with /; another host goes into HOST')
  if (to === null && protocol === null && host === null) refuse('nothing says where to', 'TO, PROT or HOST')
  if (port !== null && host === null) refuse('PORT without HOST', 'PORT only together with HOST')
  const target = host === null ? null : parseHost(host) ?? refuse(`HOST "${host}"`, 'a host name or an address')
  if (target !== null && target.port !== null) refuse(`HOST "${host}"`, 'the port in PORT')
  const pattern = options.for === null ? null : parseHostPattern(options.for) ?? refuse(`FOR "${options.for}"`, 'host:port, with * and ? as wildcards')
  return { options, from: from === null ? null : fullPattern(prefix, from), for: pattern, host: target, to: to === null ? null : splitTo(to) }
}

/** Tells whether a request meets a rule. Paths are compared as sent. */
export function meets ({ options: { prefix, fromProtocol }, from, for: pattern }: RedirectRule, { protocol, host, path }: RedirectFacts): boolean {
  if (fromProtocol !== null && fromProtocol !== protocol) return false
  if (from === null ? path !== prefix : !path.startsWith(prefix) || !matchesWildcard(from, path)) return false
  return pattern === null || (host !== null && matchesHostPattern(pattern, host.name, host.port ?? defaultPort(protocol)))
}

/**
 * What a client asks for after it has followed a rule: the same kind of facts.
 *
 * @returns `null` when the rule needs the host of the request, and there is none
 */
export function follow ({ options, host: named, to }: RedirectRule, { protocol: requested, host: asked, path, query }: RedirectFacts): RedirectFacts | null {
  const host = named ?? asked
  if (host === null) return null
  const protocol = options.protocol ?? requested
  return {
    protocol,
    host: { name: host.name, port: explicitPort(options.port ?? portOfRequest(asked, requested, protocol), protocol) },
    path: to === null ? path : joinPaths(to.path, path.slice(options.prefix.length)),
    query: to?.query === undefined ? query : `?${to.query}${query === '' ? '' : `&${query.slice(1)}`}`
  }
}

/**
 * The absolute URI for a Location field. Whatever a URI cannot hold is written in escapes.
 *
 * @param fragment without its `#`
 */
export function locationOf ({ protocol, host, path, query }: RedirectFacts, fragment?: string): string {
  const port = host?.port == null ? '' : `:${host.port}`
  return `${protocol}://${host?.name ?? ''}${port}${escapeForUri(path)}${escapeForUri(query)}${fragment === undefined ? '' : `#${escapeForUri(fragment)}`}`
}

/** FROM counts from the root when it starts with `/` or a wildcard, else below the prefix. */
function fullPattern (prefix: string, from: string): string {
  return /^[/*?]/.test(from) ? from : `${prefix.endsWith('/') ? prefix : `${prefix}/`}${from}`
}

function splitTo (to: string): { path: string, query: string | undefined, fragment: string | undefined } {
  const [, path = '', query, fragment] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(to) ?? []
  return { path, query, fragment }
}

/** With one slash at the joint, where there was one. */
function joinPaths (to: string, rest: string): string {
  if (rest === '') return to
  if (to.endsWith('/')) return to + rest.replace(/^\/+/, '')
  return rest.startsWith('/') ? to + rest : `${to}/${rest}`
}

/** The port of the request, `null` where the new protocol's default port is meant. */
function portOfRequest (asked: Host | null, from: 'http' | 'https', to: 'http' | 'https'): number | null {
  const port = asked?.port ?? null
  return port === defaultPort(from) && from !== to ? null : port
}

function explicitPort (port: number | null, protocol: 'http' | 'https'): number | null {
  return port === defaultPort(protocol) ? null : port
}

function escapeForUri (text: string): string {
  return text.replace(/[^\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]/g, character => {
    const code = character.charCodeAt(0)
    return code > 0xff ? encodeURIComponent(character) : `%${code.toString(16).toUpperCase().padStart(2, '0')}`
  })
}
