import type { UpstreamServer } from '../upstream/server.ts'

/** A server was taken out, or came back. */
export interface ServerChange {
  readonly server: UpstreamServer
  readonly state: 'out' | 'in'
  /** Cause of the failure, `null` when it came back. */
  readonly reason: string | null
}

/** Settings of a {@link ServerSet}. */
export interface ServerSetOptions {
  /** Time until a server that was taken out gets one request as a probe, in milliseconds. */
  readonly retryAfterMs: number
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
  readonly onChange?: (change: ServerChange) => void
}

interface Member {
  readonly server: UpstreamServer
  out: boolean
  /** From this time on the next request is the probe. A probe that is never reported frees the place for the next one in the same way. */
  probeAt: number
}

/**
 * The servers of one system: round robin, and passive health. A server that fails is out at once; after a time one request is sent
 * to it, and its outcome decides. When all are out, all are tried: a request then meets the real cause instead of a guess.
 */
export class ServerSet {
  readonly servers: readonly UpstreamServer[]
  readonly #members: readonly Member[]
  readonly #options: ServerSetOptions
  #turn = 0

  constructor (servers: readonly UpstreamServer[], options: ServerSetOptions) {
    this.servers = servers
    this.#members = servers.map(server => ({ server, out: false, probeAt: 0 }))
    this.#options = options
  }

  /**
   * The server for a request: `preferred` while it serves, otherwise the next one in turn.
   *
   * @param excluded servers that this request has already failed on; never chosen
   * @returns `null` when every server is excluded, or there is none
   */
  choose (preferred: UpstreamServer | null, excluded: ReadonlySet<UpstreamServer> = none): UpstreamServer | null {
    if (preferred !== null && !excluded.has(preferred) && this.#takes(this.#member(preferred))) return preferred
    const serving = this.#next(excluded, member => this.#takes(member))
    if (serving !== null) return serving
    // all are out
    return preferred !== null && !excluded.has(preferred) ? preferred : this.#next(excluded, () => true)
  }

  succeeded (server: UpstreamServer): void {
    const member = this.#member(server)
    if (member?.out !== true) return
    member.out = false
    this.#options.onChange?.({ server, state: 'in', reason: null })
  }

  failed (server: UpstreamServer, reason: string): void {
    const member = this.#member(server)
    if (member === undefined) return
    member.probeAt = this.#options.now() + this.#options.retryAfterMs
    if (member.out) return
    member.out = true
    this.#options.onChange?.({ server, state: 'out', reason })
  }

  /** Servers that are out get their probe with the next request. */
  retryFailed (): void {
    for (const member of this.#members) member.probeAt = 0
  }

  #member (server: UpstreamServer): Member | undefined {
    return this.#members.find(member => member.server === server)
  }

  /** Whether a server takes a request now; one that is out takes the probe only. */
  #takes (member: Member | undefined): boolean {
    if (member === undefined) return false
    if (!member.out) return true
    const now = this.#options.now()
    if (now < member.probeAt) return false
    member.probeAt = now + this.#options.retryAfterMs
    return true
  }

  #next (excluded: ReadonlySet<UpstreamServer>, takes: (member: Member) => boolean): UpstreamServer | null {
    const count = this.#members.length
    for (let step = 0; step < count; step++) {
      const index = (this.#turn + step) % count
      const member = this.#members[index] as Member
      if (excluded.has(member.server) || !takes(member)) continue
      this.#turn = index + 1
      return member.server
    }
    return null
  }
}

const none: ReadonlySet<UpstreamServer> = new Set()
