/** The addresses of an acceptor's name. They are looked up again and again: the name may come to mean other machines. */
import { lookup } from 'node:dns/promises'
import { BackOff, type BackOffSettings } from '../reverse-invoke/back-off.ts'
import { dialFailure, failureOf, timeoutOf, type DialFailure } from './failure.ts'

/** Finds the IP addresses of a name. */
export type Resolve = (name: string) => Promise<readonly string[]>

/** The resolver of this system, its hosts file included. */
export const resolveBySystem: Resolve = async name => (await lookup(name, { all: true })).map(({ address }) => address)

/** More addresses than this are not looked at: each one takes a registration of its own. */
const maxAddresses = 16

/** Times in milliseconds. */
const refreshMs = 30_000
const minRefreshMs = 1000

/** Looks the name up once, within a time. */
export async function lookUp (name: string, { resolve, timeoutMs }: { readonly resolve: Resolve, readonly timeoutMs: number }): Promise<string[]> {
  const place = { step: 'DNS', place: name, timeoutMs } as const
  let timer: NodeJS.Timeout | undefined
  try {
    const late = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => { reject(timeoutOf(place)) }, timeoutMs) })
    const found = [...new Set(await Promise.race([resolve(name), late]))].slice(0, maxAddresses)
    if (found.length === 0) throw dialFailure('DNS', 'dns', `${name}: the name has no address`)
    return found
  } catch (error) {
    throw failureOf(error, place)
  } finally {
    clearTimeout(timer)
  }
}

/** What is told about addresses. */
export interface AddressEvents {
  readonly found: (addresses: readonly string[]) => void
  readonly failed: (failure: DialFailure) => void
}

/** Keeps the addresses of a name. */
export class Addresses {
  readonly #name: string
  readonly #options: { readonly resolve: Resolve, readonly timeoutMs: number, readonly backOff: BackOffSettings }
  readonly #events: AddressEvents
  readonly #backOff: BackOff
  #timer: NodeJS.Timeout | undefined
  #lookedUpAt = -Infinity
  #isLookingUp = false
  #stopped = false

  constructor (name: string, options: { readonly resolve: Resolve, readonly timeoutMs: number, readonly backOff: BackOffSettings }, events: AddressEvents) {
    this.#name = name
    this.#options = options
    this.#events = events
    this.#backOff = new BackOff(options.backOff, { now: () => performance.now(), random: Math.random })
  }

  /** Looks the name up, unless that was done a moment ago. */
  refresh (): void {
    if (this.#stopped || this.#isLookingUp || performance.now() - this.#lookedUpAt < minRefreshMs) return
    clearTimeout(this.#timer)
    this.#isLookingUp = true
    const scheduled = (nextMs: number): void => {
      this.#isLookingUp = false
      this.#lookedUpAt = performance.now()
      if (!this.#stopped) this.#timer = setTimeout(() => { this.#again() }, nextMs)
    }
    this.#lookUp().then(scheduled, () => { scheduled(refreshMs) })
  }

  /** No further look-up. */
  stop (): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #again (): void {
    this.#lookedUpAt = -Infinity
    this.refresh()
  }

  /** @returns the time until the next one, in milliseconds */
  async #lookUp (): Promise<number> {
    try {
      const found = await lookUp(this.#name, this.#options)
      this.#backOff.succeeded()
      if (!this.#stopped) this.#events.found(found)
      return refreshMs
    } catch (error) {
      if (!this.#stopped) this.#events.failed(error as DialFailure)
      return this.#backOff.failed()
    }
  }
}
