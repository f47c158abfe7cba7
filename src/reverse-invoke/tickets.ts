import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'

/** What tickets open: the owner is told of those that nobody used in time. */
export interface TicketOwner {
  /** What a ticket is bound to: the certificate or the address of its initiator. */
  readonly binding: string
  /** A ticket has expired unused. */
  expired (): void
}

/** Why a ticket opens nothing. */
export type TicketRefusal = 'unknown' | 'used' | 'expired' | 'foreign'

interface Ticket<Owner> {
  readonly owner: Owner
  readonly expiresAt: number
  state: 'good' | 'used' | 'expired'
}

/** Tickets that expire close together are swept together. */
const minSweepMs = 20

/**
 * Single-use, short-lived tickets of 192 random bits. They are kept and looked up by their SHA-256, so neither the time that a
 * look-up takes nor the memory of this process tells anything about one.
 */
export class Tickets<Owner extends TicketOwner> {
  readonly #lifetimeMs: number
  readonly #clock: Clock
  /**
   * In the order of their expiry, since all live equally long. Those that are no good any more stay for one more lifetime: for an
   * administrator a late or a second use is something else than an invention.
   */
  readonly #tickets = new Map<string, Ticket<Owner>>()
  #cancelSweep: (() => void) | null = null

  constructor ({ lifetimeMs, clock }: { readonly lifetimeMs: number, readonly clock: Clock }) {
    this.#lifetimeMs = lifetimeMs
    this.#clock = clock
  }

  /** Makes a ticket. */
  issue (owner: Owner): string {
    const ticket = randomBytes(24).toString('base64url')
    this.#tickets.set(keyOf(ticket), { owner, expiresAt: this.#clock.now() + this.#lifetimeMs, state: 'good' })
    this.#scheduleSweep()
    return ticket
  }

  /**
   * Uses a ticket up. One that somebody else shows stays good for whom it was made for.
   *
   * @param binding of who shows it
   */
  redeem (ticket: string, binding: string): { readonly owner: Owner } | { readonly refusal: TicketRefusal } {
    const found = this.#tickets.get(keyOf(ticket))
    if (found === undefined) return { refusal: 'unknown' }
    if (found.owner.binding !== binding) return { refusal: 'foreign' }
    if (found.state === 'good' && found.expiresAt <= this.#clock.now()) this.#expire(found)
    if (found.state !== 'good') return { refusal: found.state }
    found.state = 'used'
    return { owner: found.owner }
  }

  /** Makes the tickets of an owner worthless; it is not told. */
  revoke (owner: Owner): void {
    for (const [key, ticket] of this.#tickets) {
      if (ticket.owner === owner) this.#tickets.delete(key)
    }
    if (this.#tickets.size === 0) this.#stopSweep()
  }

  /** Makes all tickets worthless. */
  close (): void {
    this.#tickets.clear()
    this.#stopSweep()
  }

  #expire (ticket: Ticket<Owner>): void {
    ticket.state = 'expired'
    ticket.owner.expired()
  }

  #scheduleSweep (): void {
    if (this.#cancelSweep !== null || this.#tickets.size === 0) return
    this.#cancelSweep = this.#clock.after(Math.max(minSweepMs, this.#nextEvent() - this.#clock.now()), () => { this.#sweep() })
  }

  /** When the next ticket expires or is forgotten. */
  #nextEvent (): number {
    let next = Infinity
    for (const { state, expiresAt } of this.#tickets.values()) {
      next = Math.min(next, state === 'good' ? expiresAt : expiresAt + this.#lifetimeMs)
      // those behind it expire later
      if (state === 'good') break
    }
    return next
  }

  #stopSweep (): void {
    this.#cancelSweep?.()
    this.#cancelSweep = null
  }

  #sweep (): void {
    this.#cancelSweep = null
    const now = this.#clock.now()
    for (const [key, ticket] of this.#tickets) {
      if (ticket.expiresAt > now) break
      if (ticket.expiresAt + this.#lifetimeMs <= now) this.#tickets.delete(key)
      if (ticket.state === 'good') this.#expire(ticket)
    }
    this.#scheduleSweep()
  }
}

function keyOf (ticket: string): string {
  return createHash('sha256').update(ticket).digest('base64')
}
