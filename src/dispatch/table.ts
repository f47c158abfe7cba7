/**
 * Which system and which server a request goes to. Every doubt is an answer of ours, never a guess.
 */
import { randomBytes, type BinaryLike } from 'node:crypto'
import { errors } from '../errors.ts'
import { defaultPort, parseHost } from '../http/host.ts'
import { parseRequestTarget } from '../http/request-target.ts'
import type { UpstreamServer } from '../upstream/server.ts'
import type { Target } from '../upstream/target.ts'
import { readingsOf, type Reading } from './readings.ts'
import { canonicalAddress, compileSelectors, match, matchServer, overlap, type Arrival, type Exactness, type Selectors } from './selectors.ts'
import { ServerSet, type ServerChange } from './server-set.ts'
import { StickyCookie } from './sticky-cookie.ts'
import type { ConflictResolution, DispatchSystem } from './system.ts'

/** What the choice depends on. */
export interface RequestFacts {
  /** Local address and port of the connection. */
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly encrypted: boolean
  /** Values of all Host fields. */
  readonly hosts: readonly string[]
  /** The request target, byte-exact as it will be sent. */
  readonly target: string
  /** Values of the Cookie fields. */
  readonly cookies: readonly string[]
}

/** A request's system and server. */
export interface Selection extends Target {
  /** Name of our stickiness cookie, which does not concern the back end; `null` where the system has none. */
  readonly cookieName: string | null
  /** A Set-Cookie field for the answer, or `null`: the session is on its server already, or needs none. */
  readonly setCookie: string | null
  next (): Selection | null
}

/** Hears that a request goes to another server: the Set-Cookie field for it, and the one that no longer counts. */
export type OnMove = (setCookie: string | null, before: string | null) => void

/** What happened to a server of a system. */
export interface SystemServerChange extends ServerChange {
  readonly system: string
}

/** Settings of a {@link DispatchTable}. */
export interface DispatchTableOptions {
  readonly conflictResolution: ConflictResolution
  /** Key of the stickiness cookies; without one, 32 random bytes. Gateways that stand side by side need the same key. */
  readonly stickyKey?: BinaryLike | undefined
  /** Time until a failed server gets a probe, in milliseconds; 10000 by default. */
  readonly retryAfterMs?: number | undefined
  /** Addresses of the host names in SRCSRV, see `namesToResolve`. */
  readonly addresses?: ReadonlyMap<string, readonly string[]> | undefined
  /** Milliseconds of a clock that never goes back. */
  readonly now?: (() => number) | undefined
  /** Hears of servers that are taken out and come back. */
  readonly onServerChange?: ((change: SystemServerChange) => void) | undefined
  /** Hears of every failure that is reported, with its cause. */
  readonly onFailure?: ((failure: { readonly system: string, readonly server: UpstreamServer, readonly reason: string }) => void) | undefined
}

interface Entry {
  readonly system: DispatchSystem
  readonly selectors: Selectors
  readonly servers: ServerSet
  readonly cookie: StickyCookie | null
}

/** All systems of a gateway, shared by its listeners. */
export class DispatchTable {
  readonly #entries: readonly Entry[]
  readonly #best: boolean
  readonly #options: DispatchTableOptions

  /**
   * @param systems in the order of their index
   * @throws POSTERN_ERR_DISPATCH_SELECTOR a condition cannot be used
   * @throws POSTERN_ERR_DISPATCH_CONFLICT two systems can match one request, and nothing says which one wins
   */
  constructor (systems: readonly DispatchSystem[], options: DispatchTableOptions) {
    this.#options = options
    this.#best = options.conflictResolution === 'BEST_MATCH'
    const key = options.stickyKey ?? randomBytes(32)
    this.#entries = systems.map(system => this.#entry(system, key))
    if (options.conflictResolution === 'ERROR') refuseConflicts(this.#entries)
  }

  /**
   * Chooses system and server for a request.
   *
   * @param onMove called by `next` of the selection
   * @throws POSTERN_ERR_DISPATCH_NO_SYSTEM no system matches, or only one that clients do not reach
   * @throws POSTERN_ERR_DISPATCH_SYSTEM_STOPPED
   * @throws POSTERN_ERR_DISPATCH_TARGET the target is neither a path nor an absolute http(s) target
   * @throws POSTERN_ERR_DISPATCH_TARGET_AMBIGUOUS another system would be chosen if a server read the path in another way
   * @throws POSTERN_ERR_DISPATCH_HOST
   */
  choose (facts: RequestFacts, onMove?: OnMove): Selection {
    const entry = this.#entryFor(facts)
    const { servers, cookie } = entry
    const preferred = cookie === null ? null : serverOfCookies(cookie, facts.cookies)
    const server = servers.choose(preferred)
    if (server === null) throw new errors.DISPATCH_SYSTEM_STOPPED()
    return new Chosen(server, { entry, preferred, encrypted: facts.encrypted, onMove, onFailure: this.#options.onFailure })
  }

  /**
   * The system for a connection of which only the local address is known (PROT=ROUTER). Systems that need a host never match; SRCURL
   * counts when it holds `/`.
   *
   * @returns `null` when there is none, or it is not running
   */
  forConnection ({ localAddress, localPort }: Pick<RequestFacts, 'localAddress' | 'localPort'>): { readonly system: string, readonly servers: ServerSet } | null {
    const arrival = { localAddress: canonicalAddress(localAddress), localPort: localPort ?? 0 }
    let best: { entry: Entry, exactness: number } | null = null
    for (const entry of this.#entries) {
      const { urls, virtualHosts } = entry.selectors
      if (virtualHosts.length > 0 || (urls.length > 0 && !urls.some(([prefix]) => prefix === '/'))) continue
      const exactness = matchServer(entry.selectors, arrival)
      if (exactness < 0) continue
      if (best === null || (this.#best && exactness > best.exactness)) best = { entry, exactness }
    }
    if (best === null || best.entry.system.runLevel !== 'running') return null
    return { system: best.entry.system.name, servers: best.entry.servers }
  }

  /** Servers that were taken out get a probe with their next request (SIGHUP). */
  retryFailed (): void {
    for (const { servers } of this.#entries) servers.retryFailed()
  }

  #entry (system: DispatchSystem, key: BinaryLike): Entry {
    const { onServerChange, retryAfterMs = 10_000, now = () => performance.now() } = this.#options
    return {
      system,
      selectors: compileSelectors(system, this.#options.addresses ?? new Map()),
      servers: new ServerSet(system.servers, { retryAfterMs, now, onChange: change => onServerChange?.({ ...change, system: system.name }) }),
      cookie: system.sticky && system.servers.length > 1 ? new StickyCookie({ key, system: system.name, sid: system.sid, servers: system.servers }) : null
    }
  }

  #entryFor (facts: RequestFacts): Entry {
    const target = parseRequestTarget(facts.target)
    if (target === null) throw new errors.DISPATCH_TARGET()
    const arrival = arrivalOf(facts, target.authority)
    const [sent, ...others] = readingsOf(target.path) as [Reading, ...Reading[]]
    const entry = this.#match(arrival, sent)
    // whoever reads the path in another way must not find it in another system
    if (others.some(reading => this.#match(arrival, reading) !== entry)) throw new errors.DISPATCH_TARGET_AMBIGUOUS()
    if (entry === null || entry.system.runLevel === 'internal') throw new errors.DISPATCH_NO_SYSTEM()
    if (entry.system.runLevel === 'stopped') throw new errors.DISPATCH_SYSTEM_STOPPED()
    return entry
  }

  #match (arrival: Arrival, reading: Reading): Entry | null {
    let best: Entry | null = null
    let bestExactness: Exactness | null = null
    for (const entry of this.#entries) {
      const exactness = match(entry.selectors, arrival, reading)
      if (exactness === null) continue
      if (!this.#best) return entry
      if (bestExactness === null || isMoreExact(exactness, bestExactness)) {
        best = entry
        bestExactness = exactness
      }
    }
    return best
  }
}

/** What all selections for one request have in common. */
interface Choice {
  readonly entry: Entry
  /** The server that the cookies of the request name. */
  readonly preferred: UpstreamServer | null
  readonly encrypted: boolean
  readonly onMove: OnMove | undefined
  readonly onFailure: DispatchTableOptions['onFailure']
}

class Chosen implements Selection {
  readonly server: UpstreamServer
  readonly system: string
  readonly cookieName: string | null
  readonly setCookie: string | null
  readonly #choice: Choice
  /** Servers that the request was given before. */
  readonly #tried: readonly UpstreamServer[]
  #reported = false

  constructor (server: UpstreamServer, choice: Choice, tried: readonly UpstreamServer[] = []) {
    const { entry: { system, cookie }, preferred, encrypted } = choice
    this.server = server
    this.system = system.name
    this.cookieName = cookie?.name ?? null
    this.setCookie = cookie === null || server === preferred ? null : cookie.setCookie(server, encrypted)
    this.#choice = choice
    this.#tried = tried
  }

  succeeded (): void {
    if (this.#reported) return
    this.#reported = true
    this.#choice.entry.servers.succeeded(this.server)
  }

  failed (reason: string): void {
    if (this.#reported) return
    this.#reported = true
    this.#choice.entry.servers.failed(this.server, reason)
    this.#choice.onFailure?.({ system: this.system, server: this.server, reason })
  }

  next (): Selection | null {
    const { entry: { servers }, preferred, onMove } = this.#choice
    const tried = [...this.#tried, this.server]
    const server = servers.choose(preferred, new Set(tried))
    if (server === null) return null
    const next = new Chosen(server, this.#choice, tried)
    onMove?.(next.setCookie, this.setCookie)
    return next
  }
}

/** The arrival of a request whose Host field is one valid host, and the same as an absolute target's. */
function arrivalOf ({ localAddress, localPort, encrypted, hosts }: RequestFacts, authority: string | null): Arrival {
  const [field = ''] = hosts
  if (hosts.length > 1) throw new errors.DISPATCH_HOST()
  const host = field === '' ? null : parseHost(field)
  if (field !== '' && host === null) throw new errors.DISPATCH_HOST()
  const port = (of: { port: number | null } | null): number => of?.port ?? defaultPort(encrypted ? 'https' : 'http')
  if (authority !== null) {
    const named = parseHost(authority)
    if (named === null || named.name !== host?.name || port(named) !== port(host)) throw new errors.DISPATCH_HOST()
  }
  return { localAddress: canonicalAddress(localAddress), localPort: localPort ?? 0, host: host?.name ?? null, hostPort: port(host) }
}

function serverOfCookies (cookie: StickyCookie, fields: readonly string[]): UpstreamServer | null {
  for (const field of fields) {
    const server = cookie.serverIn(field)
    if (server !== null) return server
  }
  return null
}

function isMoreExact (a: Exactness, b: Exactness): boolean {
  return (a[0] - b[0] || a[1] - b[1] || a[2] - b[2]) > 0
}

function refuseConflicts (entries: readonly Entry[]): void {
  for (const [index, a] of entries.entries()) {
    for (const b of entries.slice(index + 1)) {
      if (overlap(a.selectors, b.selectors)) throw new errors.DISPATCH_CONFLICT(a.system.name, b.system.name, `${conditionsOf(a.system)} and ${conditionsOf(b.system)}`)
    }
  }
}

function conditionsOf ({ sourceServers, sourceUrls, sourceVirtualHosts }: DispatchSystem): string {
  const parts = [['SRCSRV', sourceServers], ['SRCURL', sourceUrls], ['SRCVHOST', sourceVirtualHosts]] as const
  return parts.filter(([, list]) => list.length > 0).map(([key, list]) => `${key}=${list.join(';')}`).join(', ') || 'no condition'
}
