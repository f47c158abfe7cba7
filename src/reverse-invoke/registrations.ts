import { endpointText, type Endpoint } from './endpoint.ts'
import { errors } from '../errors.ts'
import type { CodedError, SessionEnd } from './control-session.ts'
import type { MessageFromAcceptor } from './messages.ts'
import type { Provider, ProviderSource } from './provider.ts'
import type { Registration, RegistrationSnapshot } from './registration.ts'

/** The control channel of a registration. */
export interface RegistrationChannel {
  send (message: MessageFromAcceptor): void
  /** Says why, and closes. */
  fail (error: CodedError, reason: SessionEnd): void
  /** Breaks it. */
  abort (): void
}

/** The table of registrations: who serves which endpoint. The forward path, the registration port and the health endpoint share it. */
export class Registrations implements ProviderSource {
  readonly #registrations = new Map<Registration, RegistrationChannel>()
  readonly #byKey = new Map<string, Registration>()
  readonly #providers = new Map<string, Provider[]>()
  readonly #onEmpty: Array<() => void> = []
  #leaving = false

  get size (): number { return this.#registrations.size }
  /** This side goes: no new registration is taken. */
  get leaving (): boolean { return this.#leaving }

  /** @inheritdoc */
  providersOf (endpoint: Endpoint): readonly Provider[] {
    const providers = this.#providers.get(endpointText(endpoint))
    if (providers === undefined) return []
    // asked for each request: nothing is copied as long as nobody leaves
    return providers.every(isServing) ? providers : providers.filter(isServing)
  }

  /** The registration that a newer one with this key replaces. */
  find (key: string): Registration | undefined {
    return this.#byKey.get(key)
  }

  /** Enters a registration. */
  add (registration: Registration, channel: RegistrationChannel): void {
    this.#registrations.set(registration, channel)
    this.#byKey.set(registration.key, registration)
    if (!registration.serves) return
    for (const pool of registration.pools) {
      const text = endpointText(pool.endpoint)
      this.#providers.set(text, [...this.#providers.get(text) ?? [], pool])
    }
  }

  /** Takes a registration out of the table, and ends it. */
  remove (registration: Registration): void {
    if (!this.#registrations.delete(registration)) return
    if (this.#byKey.get(registration.key) === registration) this.#byKey.delete(registration.key)
    for (const pool of registration.pools) {
      const text = endpointText(pool.endpoint)
      const others = (this.#providers.get(text) ?? []).filter(one => one !== pool)
      if (others.length === 0) this.#providers.delete(text)
      else this.#providers.set(text, others)
    }
    registration.end()
    if (this.#registrations.size === 0) for (const done of this.#onEmpty.splice(0)) done()
  }

  /** Ends a registration in favour of a newer one of the same instance. */
  replace (registration: Registration): void {
    this.#registrations.get(registration)?.fail(new errors.REVERSE_INVOKE_REPLACED(), 'replaced')
  }

  /** Every registration, for the health endpoint and the gauges. */
  snapshot (): readonly RegistrationSnapshot[] {
    return [...this.#registrations.keys()].map(registration => registration.snapshot())
  }

  /** First step of leaving: the initiators look for another acceptor, and everything goes on meanwhile. */
  announceLeaving (): void {
    if (this.#leaving) return
    this.#leaving = true
    for (const channel of this.#registrations.values()) channel.send({ type: 'draining' })
  }

  /**
   * Second step: nothing new is sent, what runs may end. Resolves when there is no registration any more.
   *
   * @param timeoutMs what has not ended then is broken
   */
  async drain (timeoutMs: number): Promise<void> {
    this.announceLeaving()
    const empty = new Promise<void>(resolve => { this.#onEmpty.push(resolve) })
    const deadline = setTimeout(() => { this.abort() }, timeoutMs)
    for (const registration of [...this.#registrations.keys()]) registration.drain()
    if (this.#registrations.size > 0) await empty
    clearTimeout(deadline)
  }

  /** Breaks everything. */
  abort (): void {
    for (const channel of [...this.#registrations.values()]) channel.abort()
  }
}

function isServing ({ state }: Provider): boolean {
  return state === 'serving'
}
