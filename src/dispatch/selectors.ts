/**
 * SRCSRV, SRCURL and SRCVHOST of one system, compiled.
 */
import ipaddr from 'ipaddr.js'
import { errors } from '../errors.ts'
import { hostPatternExactness, hostPatternsOverlap, matchesHostPattern, parseHostPattern, type HostPattern } from '../http/host-pattern.ts'
import { percentDecode, upperCaseEscapes } from '../http/percent-encoding.ts'
import { decodings, type Reading } from './readings.ts'
import type { DispatchSystem } from './system.ts'

/** A prefix in the form as sent, decoded once, decoded twice. */
type UrlPrefix = readonly string[]

/** The compiled conditions of a system. An empty list matches everything. */
export interface Selectors {
  readonly servers: readonly HostPattern[]
  readonly urls: readonly UrlPrefix[]
  readonly virtualHosts: readonly HostPattern[]
}

/** Where a request arrived and what it asked for. */
export interface Arrival {
  /** Local address in canonical form, IPv6 in brackets; empty when not known. */
  readonly localAddress: string
  readonly localPort: number
  /** Host field; `null` without one. */
  readonly host: string | null
  readonly hostPort: number
}

/** How exact a match was; compared from left to right. */
export type Exactness = readonly [url: number, virtualHost: number, server: number]

/**
 * @param addresses addresses of the host names in SRCSRV
 * @throws POSTERN_ERR_DISPATCH_SELECTOR
 */
export function compileSelectors (system: DispatchSystem, addresses: ReadonlyMap<string, readonly string[]>): Selectors {
  return {
    servers: system.sourceServers.flatMap(text => serverPatterns(system.name, text, addresses)),
    urls: system.sourceUrls.map(text => urlPrefix(system.name, text)),
    virtualHosts: system.sourceVirtualHosts.map(text => hostPattern(system.name, 'SRCVHOST', text))
  }
}

/** Best match of each condition, or `null` when one of them does not match. */
export function match (selectors: Selectors, arrival: Arrival, reading: Reading): Exactness | null {
  const url = matchUrl(selectors.urls, reading)
  if (url < 0) return null
  const virtualHost = matchHost(selectors.virtualHosts, arrival.host, arrival.hostPort)
  if (virtualHost < 0) return null
  const server = matchServer(selectors, arrival)
  return server < 0 ? null : [url, virtualHost, server]
}

/** Exactness of the SRCSRV match, -1 for none, 0 for a system that names none. */
export function matchServer ({ servers }: Selectors, { localAddress, localPort }: Pick<Arrival, 'localAddress' | 'localPort'>): number {
  return matchHost(servers, localAddress, localPort)
}

/** Tells whether one request can match both systems. */
export function overlap (a: Selectors, b: Selectors): boolean {
  return anyPair(a.servers, b.servers, hostPatternsOverlap) && anyPair(a.virtualHosts, b.virtualHosts, hostPatternsOverlap) &&
    anyPair(a.urls, b.urls, ([x = ''], [y = '']) => x.startsWith(y) || y.startsWith(x))
}

/** The canonical form of an address: no zone, IPv4 in IPv6 as IPv4, IPv6 in brackets. Empty for what is none. */
export function canonicalAddress (text: string | undefined): string {
  let canonical = canonicalForms.get(text ?? '')
  if (canonical === undefined) {
    if (canonicalForms.size >= 1000) canonicalForms.clear()
    canonicalForms.set(text ?? '', canonical = toCanonical(text ?? ''))
  }
  return canonical
}

/** A machine has few local addresses, and each request asks for one. */
const canonicalForms = new Map<string, string>()

function toCanonical (text: string): string {
  const bare = text.split('%')[0] ?? ''
  if (!ipaddr.isValid(bare)) return ''
  const address = ipaddr.process(bare)
  return address.kind() === 'ipv6' ? `[${address.toString()}]` : address.toString()
}

/** The host names in SRCSRV, which have to be resolved before a table is made. */
export function namesToResolve (systems: readonly DispatchSystem[]): string[] {
  const patterns = systems.flatMap(system => system.sourceServers.map(text => hostPattern(system.name, 'SRCSRV', text)))
  return [...new Set(patterns.map(({ name }) => name).filter(isName))]
}

function matchUrl (urls: readonly UrlPrefix[], { path, decoded }: Reading): number {
  if (urls.length === 0) return 0
  let longest = -1
  for (const forms of urls) {
    const prefix = forms[decoded] as string
    if (prefix.length > longest && path.startsWith(prefix)) longest = prefix.length
  }
  return longest
}

function matchHost (patterns: readonly HostPattern[], host: string | null, port: number): number {
  if (patterns.length === 0) return 0
  if (host === null) return -1
  let best = -1
  for (const pattern of patterns) {
    if (matchesHostPattern(pattern, host, port)) best = Math.max(best, hostPatternExactness(pattern))
  }
  return best
}

function anyPair<T> (as: readonly T[], bs: readonly T[], test: (a: T, b: T) => boolean): boolean {
  if (as.length === 0 || bs.length === 0) return true
  return as.some(a => bs.some(b => test(a, b)))
}

function hostPattern (system: string, key: string, text: string): HostPattern {
  const pattern = parseHostPattern(text)
  if (pattern === null) throw new errors.DISPATCH_SELECTOR(system, `${key} "${text}"`, 'host:port, with * as wildcard')
  return pattern
}

function serverPatterns (system: string, text: string, addresses: ReadonlyMap<string, readonly string[]>): HostPattern[] {
  const { name, port } = hostPattern(system, 'SRCSRV', text)
  if (!isName(name)) return [{ name: canonicalAddress(name.replace(/^\[|\]$/g, '')) || name, port }]
  const found = addresses.get(name)
  if (found === undefined || found.length === 0) throw new errors.DISPATCH_SELECTOR(system, `host name "${name}" in SRCSRV`, 'an address, or a name that can be resolved at start')
  return found.map(address => ({ name: canonicalAddress(address), port }))
}

function isName (host: string): boolean {
  return !/[*?:[]/.test(host) && !ipaddr.isValid(host)
}

function urlPrefix (system: string, text: string): UrlPrefix {
  if (!text.startsWith('/') || /[?#]/.test(text)) throw new errors.DISPATCH_SELECTOR(system, `SRCURL "${text}"`, 'a path prefix that starts with / and has no query')
  // characters that a request target cannot hold arrive as UTF-8 in escapes
  const sent = upperCaseEscapes(text.replace(/[^\x21-\x7e]+/gu, encodeURIComponent))
  return Array.from({ length: decodings }, (_, times) => percentDecode(sent, times))
}
