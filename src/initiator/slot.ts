/** One place for a registration at an address: tries, registers, and tries again when it was lost, until it is told to leave. */
import type { Socket } from 'node:net'
import type { BackOff } from '../reverse-invoke/back-off.ts'
import type { Registered } from '../reverse-invoke/messages.ts'
import type { DialFailure } from './failure.ts'
import { Session, type SessionContext } from './session.ts'

/** `dialling`: an attempt is under way. `waiting`: until the next one. `draining`: the acceptor or this side goes; what runs may end. */
export type AcceptorState = 'dialling' | 'registered' | 'draining' | 'waiting'

/** The state of a registration, or of the attempt to get one. */
export interface AcceptorSnapshot {
  /** IP address, or the name when the name could not be resolved or a proxy resolves it. */
  readonly address: string
  readonly replica: string | null
  readonly state: AcceptorState
  /** Time of the last change of `state`, in milliseconds since 1970. */
  readonly since: number
  /** Why the last attempt failed or the last registration was lost; `null` while registered. */
  readonly lastError: string | null
  /** Data connections that are open. */
  readonly connections: number
}

/** What is told about a slot; for log, counters, and the other slots. */
export interface SlotEvents {
  readonly registered: (slot: Slot, registered: Registered) => void
  readonly draining: (slot: Slot) => void
  readonly failed: (slot: Slot, failure: DialFailure, outcome: { readonly wasRegistered: boolean, readonly nextAttemptMs: number }) => void
}

/**
 * Sessions of one slot that end while another one takes their place. Acceptors that go one after the other make a few; with more of them the
 * oldest is ended, since one that only says that it goes could pile them up.
 */
const maxDraining = 8

/** A session with what is known of it. */
interface Attempt {
  readonly session: Session
  state: AcceptorState
  since: number
}

/** See the head of the file. */
export class Slot {
  readonly address: string
  readonly #context: SessionContext
  readonly #events: SlotEvents
  readonly #backOff: BackOff
  readonly #attempts = new Set<Attempt>()
  readonly #done: Promise<void>
  #retired = false
  #wake: () => void = () => {}
  #waitingSince = Date.now()
  #lastError: string | null = null
  #nextAttemptMs = 0

  constructor (address: string, { context, events, backOff }: { context: SessionContext, events: SlotEvents, backOff: BackOff }) {
    this.address = address
    this.#context = context
    this.#events = events
    this.#backOff = backOff
    this.#done = this.#run()
  }

  /** Whether a registration stands that takes new things. */
  get isRegistered (): boolean {
    return [...this.#attempts].some(({ state }) => state === 'registered')
  }

  /** Whether a registration stands with this replica, or its end has been asked for. */
  isWith (replica: string): boolean {
    return [...this.#attempts].some(({ session }) => session.replica === replica)
  }

  /** Whether the control connection of a registration is one for which `predicate` holds. */
  isOn (predicate: (socket: Socket) => boolean): boolean {
    return [...this.#attempts].some(({ session: { socket } }) => socket !== null && predicate(socket))
  }

  /** Resolves when the slot was told to leave and nothing of it is left. */
  get done (): Promise<void> {
    return this.#done
  }

  /** No further attempt is made; a registration that stands goes on until it is lost. */
  retire (): void {
    this.#retired = true
    this.#wake()
    for (const { session, state } of this.#attempts) {
      if (state === 'dialling') session.stop()
    }
  }

  /** Leaves in order. */
  drain (): void {
    this.retire()
    for (const attempt of this.#attempts) {
      if (attempt.state === 'dialling') continue
      enter(attempt, 'draining')
      attempt.session.drain()
    }
  }

  /** Ends everything at once. */
  stop (): void {
    this.retire()
    for (const { session } of this.#attempts) session.stop()
  }

  snapshot (): AcceptorSnapshot[] {
    const { address } = this
    const snapshots: AcceptorSnapshot[] = [...this.#attempts].map(({ session, state, since }) => ({
      address, replica: session.replica, state, since, lastError: state === 'registered' ? null : this.#lastError, connections: session.openConnections
    }))
    return snapshots.length > 0 ? snapshots : [{ address, replica: null, state: 'waiting', since: this.#waitingSince, lastError: this.#lastError, connections: 0 }]
  }

  async #run (): Promise<void> {
    const leaving = new Set<Promise<void>>()
    while (!this.#retired) {
      const { replaced, ended } = this.#attempt()
      leaving.add(ended)
      const left = (): void => { leaving.delete(ended) }
      ended.then(left, left)
      await Promise.race([replaced, ended])
      if (this.#retired) break
      await this.#pause()
    }
    await Promise.all(leaving)
  }

  /** `replaced`: the acceptor goes, and another registration is needed although this one has not ended. */
  #attempt (): { replaced: Promise<void>, ended: Promise<void> } {
    const { promise: replaced, resolve } = Promise.withResolvers<void>()
    const attempt: Attempt = {
      session: new Session(this.address, this.#context, {
        registered: registered => {
          this.#backOff.succeeded()
          enter(attempt, 'registered')
          this.#lastError = null
          this.#events.registered(this, registered)
        },
        draining: () => {
          if (attempt.state !== 'registered') return
          enter(attempt, 'draining')
          this.#endOldest()
          this.#events.draining(this)
          this.#nextAttemptMs = this.#backOff.failed()
          resolve()
        }
      }),
      state: 'dialling',
      since: Date.now()
    }
    this.#attempts.add(attempt)
    return { replaced, ended: this.#ended(attempt) }
  }

  #endOldest (): void {
    const draining = [...this.#attempts].filter(({ state }) => state === 'draining')
    if (draining.length > maxDraining) draining[0]?.session.stop()
  }

  async #ended (attempt: Attempt): Promise<void> {
    const failure = await attempt.session.run()
    this.#attempts.delete(attempt)
    this.#waitingSince = Date.now()
    // one that was draining has its successor already
    if (attempt.state !== 'draining') {
      this.#lastError = failure.message
      this.#nextAttemptMs = this.#backOff.failed()
    }
    this.#events.failed(this, failure, { wasRegistered: attempt.state !== 'dialling', nextAttemptMs: this.#nextAttemptMs })
  }

  async #pause (): Promise<void> {
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, this.#nextAttemptMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

function enter (attempt: Attempt, state: AcceptorState): void {
  attempt.state = state
  attempt.since = Date.now()
}
