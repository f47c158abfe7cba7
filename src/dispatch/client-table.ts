/** Settings of a {@link ClientTable}. */
export interface ClientTableOptions {
  /** Entries that are kept; the one that was idle longest makes room (`wdisp/HTTPS/max_client_ip_entries`). */
  readonly maxEntries: number
  /** An entry without a connection for this time is dropped (`wdisp/HTTPS/context_timeout`), in milliseconds. */
  readonly idleMs: number
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
}

interface Entry<S> {
  server: S
  lastSeen: number
  connections: number
}

/** Which server the clients of one masked address use. An entry with an open connection is never idle. */
export class ClientTable<S> {
  /** In the order of their last use, the oldest first. */
  readonly #entries = new Map<string, Entry<S>>()
  readonly #options: ClientTableOptions

  constructor (options: ClientTableOptions) {
    this.#options = options
  }

  get size (): number {
    return this.#entries.size
  }

  /** The server of earlier connections with this key, or `null`. */
  serverOf (key: string): S | null {
    const entry = this.#entries.get(key)
    if (entry === undefined || this.#isIdle(entry)) return null
    return entry.server
  }

  /** A connection with this key was opened to `server`; later ones go there too. */
  opened (key: string, server: S): void {
    const entry = this.#entries.get(key)
    this.#entries.delete(key)
    this.#entries.set(key, { server, lastSeen: this.#options.now(), connections: (entry?.connections ?? 0) + 1 })
    this.#dropIdle()
    if (this.#entries.size > this.#options.maxEntries) this.#dropOldest()
  }

  /** A connection with this key has ended. */
  closed (key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#entries.set(key, { server: entry.server, lastSeen: this.#options.now(), connections: Math.max(0, entry.connections - 1) })
  }

  #isIdle ({ connections, lastSeen }: Entry<S>): boolean {
    return connections === 0 && this.#options.now() - lastSeen >= this.#options.idleMs
  }

  /** From the oldest on, a few at a time: the table never needs a timer, and no call takes long. */
  #dropIdle (): void {
    let looked = 0
    for (const [key, entry] of this.#entries) {
      if (++looked > 3) return
      if (this.#isIdle(entry)) this.#entries.delete(key)
    }
  }

  #dropOldest (): void {
    const oldest = this.#entries.keys().next().value
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
}
