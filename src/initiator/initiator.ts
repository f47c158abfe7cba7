/** Everything of one `postern/ri/client_<xx>`: the registrations with each address and replica of one acceptor, and what is served on them. */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Identity } from '../pse/identity.ts'
import { BackOff, type BackOffSettings } from '../reverse-invoke/back-off.ts'
import type { Registered } from '../reverse-invoke/messages.ts'
import { RepeatedReport } from '../reverse-invoke/repeated-report.ts'
import { Addresses, type Resolve } from './addresses.ts'
import type { ChannelLimits } from './control-channel.ts'
import { DataConnections, type DataLimits } from './data-connections.ts'
import { DataServer, type ServedEndpoint } from './data-server.ts'
import { Dialer, type DialOptions } from './dial.ts'
import type { DialFailure } from './failure.ts'
import type { InitiatorMetrics } from './metrics.ts'
import { probeAcceptor, type ProbeStep } from './probe.ts'
import type { Registration, Session, SessionContext } from './session.ts'
import { Slot, type AcceptorSnapshot } from './slot.ts'

/** What a logger has to have. */
export interface InitiatorLog {
  info (fields: object, text: string): void
  warn (fields: object, text: string): void
  debug (fields: object, text: string): void
}

/** Settings and surroundings of an {@link Initiator}. */
export interface InitiatorOptions {
  /** For log, counters and health. */
  readonly name: string
  readonly dial: DialOptions
  readonly endpoints: readonly ServedEndpoint[]
  readonly poolSize: number | null
  /** `null` for one of its own per process. */
  readonly instance: string | null
  readonly heartbeatMs: number
  readonly backOff: BackOffSettings
  readonly drainTimeoutMs: number
  readonly limits: DataLimits & ChannelLimits
  readonly resolve: Resolve
  readonly metrics: InitiatorMetrics
  readonly log: InitiatorLog
}

/** The state of an initiator, for the health endpoint. */
export interface InitiatorSnapshot {
  readonly name: string
  readonly acceptor: string
  readonly endpoints: readonly string[]
  readonly draining: boolean
  readonly registrations: readonly AcceptorSnapshot[]
}

/** An acceptor that claims to have more replicas than this is not believed. */
const maxReplicas = 32

/** Of an instance id, as the acceptor takes it. */
const maxInstanceLength = 64

/** The same trouble is logged once in this time, in milliseconds. */
const reportIntervalMs = 60_000

/** See the head of the file. */
export class Initiator {
  readonly name: string
  readonly #options: InitiatorOptions
  readonly #instance: string
  /** For new registrations; those that stand keep the one that they were made with. */
  #context: SessionContext
  readonly #addresses: Addresses
  readonly #slots = new Map<string, Slot[]>()
  /** Slots whose address is the acceptor's no more, or whose identity has been replaced. */
  readonly #leaving = new Set<Slot>()
  readonly #reports = new RepeatedReport(reportIntervalMs, () => performance.now())
  #lookupError: string | null = null
  #since = Date.now()
  #renewals = 0
  #started = false
  #draining: Promise<void> | null = null

  constructor (options: InitiatorOptions) {
    this.name = options.name
    this.#options = options
    this.#instance = options.instance ?? randomBytes(12).toString('hex')
    this.#context = this.#sessionContext()
    const { backOff, resolve, dial } = options
    this.#addresses = new Addresses(dial.acceptor.host, { resolve, timeoutMs: dial.timeoutMs, backOff }, {
      found: addresses => { this.#lookedUp(addresses) },
      failed: failure => {
        this.#lookupError = failure.message
        this.#report('no registration with the acceptor', failure, {})
      }
    })
  }

  /** Starts dialling; the first call counts. */
  start (): void {
    if (this.#started || this.#draining !== null) return
    this.#started = true
    // behind a proxy, names are the proxy's to resolve
    if (this.#options.dial.proxy !== null) this.#lookedUp([this.#options.dial.acceptor.host])
    else this.#addresses.refresh()
  }

  /**
   * Leaves in order: the acceptors send nothing new here, what runs ends, then the registrations end. What has not ended within
   * `drainTimeoutMs` is broken off.
   */
  async drain (): Promise<void> {
    await (this.#draining ??= this.#drain())
  }

  /** Ends everything at once. */
  destroy (): void {
    this.#draining ??= Promise.resolve()
    this.#addresses.stop()
    for (const slot of this.#allSlots()) slot.stop()
  }

  snapshot (): InitiatorSnapshot {
    const { acceptor: { host } } = this.#options.dial
    const registrations = this.#allSlots().flatMap(slot => slot.snapshot())
    return {
      name: this.name,
      acceptor: this.#context.dialer.authority,
      endpoints: this.#options.endpoints.map(({ endpoint }) => endpoint),
      draining: this.#draining !== null,
      registrations: registrations.length > 0
        ? registrations
        : [{ address: host, replica: null, state: this.#lookupError === null ? 'dialling' : 'waiting', since: this.#since, lastError: this.#lookupError, connections: 0 }]
    }
  }

  /**
   * Registers everywhere once more, with another identity; nothing is lost meanwhile. A registration with the old one ends in order when the
   * new one stands with the same replica. It is a registration beside it, since the old one's data connections would end with it if it
   * were replaced.
   */
  useIdentity (identity: Identity): void {
    const { dial } = this.#options
    if (dial.tls === null) return
    this.#renewals++
    this.#context = { ...this.#context, ...this.#generation({ ...dial, tls: { ...dial.tls, identity } }) }
    for (const [address, slots] of this.#slots) {
      this.#slots.set(address, [this.#newSlot(address)])
      for (const slot of slots) this.#retire(slot)
    }
  }

  /**
   * Ends the registrations whose control connection is one for which `predicate` holds, behind what runs on them and within
   * `drainTimeoutMs`; new ones are tried for.
   */
  endThose (predicate: (socket: Socket) => boolean): void {
    for (const [address, slots] of this.#slots) {
      for (const [index, slot] of slots.entries()) {
        if (!slot.isOn(predicate)) continue
        slots[index] = this.#newSlot(address)
        this.#retire(slot)
      }
    }
    for (const slot of this.#leaving) if (slot.isOn(predicate)) this.#expel(slot)
  }

  /** Walks the way to each address of the acceptor once, beside what runs, and tells how far it came. */
  async probe (): Promise<ProbeStep[]> {
    const { resolve, limits } = this.#options
    return await probeAcceptor({ dialer: this.#context.dialer, registration: this.#context.registration, limits, resolve })
  }

  #sessionContext (): SessionContext {
    const { dial, endpoints, heartbeatMs, limits, metrics } = this.#options
    const onRefused = ({ endpoint, code }: { endpoint: string, code: string }): void => {
      metrics.refused(code)
      this.#reportTimes(`${endpoint} ${code}`, { endpoint, code }, 'request refused on a data connection')
    }
    return {
      ...this.#generation(dial),
      servers: new Map(endpoints.map(served => [served.endpoint, new DataServer(served, onRefused)])),
      data: new DataConnections({ limits, metrics, onFailure: (failure, { address }) => { this.#reportData(failure, address) } }),
      limits,
      heartbeatMs
    }
  }

  /** What registrations of the same identity share. Each replica has one of each identity, as an instance of its own. */
  #generation (dial: DialOptions): Pick<SessionContext, 'dialer' | 'registration' | 'claim' | 'release'> {
    const { endpoints, poolSize } = this.#options
    const live = new Map<string, Session>()
    const suffix = this.#renewals === 0 ? '' : `.${this.#renewals}`
    return {
      dialer: new Dialer(dial),
      registration: { instance: `${this.#instance.slice(0, maxInstanceLength - suffix.length)}${suffix}`, endpoints: endpoints.map(({ endpoint }) => endpoint), poolSize } satisfies Registration,
      claim: (replica, session) => {
        if (live.has(replica)) return false
        live.set(replica, session)
        return true
      },
      release: (replica, session) => { if (live.get(replica) === session) live.delete(replica) }
    }
  }

  #allSlots (): Slot[] {
    return [...[...this.#slots.values()].flat(), ...this.#leaving]
  }

  #lookedUp (addresses: readonly string[]): void {
    this.#lookupError = null
    for (const address of [...this.#slots.keys()].filter(known => !addresses.includes(known))) {
      for (const slot of this.#slots.get(address) ?? []) this.#retire(slot)
      this.#slots.delete(address)
      this.#context.dialer.forget(address)
      this.#options.metrics.registered(this.#context.dialer.placeOf(address), 0)
    }
    for (const address of addresses) {
      if (!this.#slots.has(address)) this.#slots.set(address, [this.#newSlot(address)])
    }
  }

  #newSlot (address: string): Slot {
    return new Slot(address, {
      context: this.#context,
      backOff: new BackOff(this.#options.backOff, { now: () => performance.now(), random: Math.random }),
      events: {
        registered: (slot, registered) => { this.#registered(slot, registered) },
        draining: slot => {
          this.#count(slot.address)
          this.#options.log.info({ client: this.name, acceptor: this.#context.dialer.placeOf(slot.address) }, 'the acceptor is draining: a registration elsewhere is looked for')
        },
        failed: (slot, failure, outcome) => { this.#failed(slot, failure, outcome) }
      }
    })
  }

  #expel (slot: Slot): void {
    slot.drain()
    const timer = setTimeout(() => { slot.stop() }, this.#options.drainTimeoutMs)
    const left = (): void => { clearTimeout(timer) }
    slot.done.then(left, left)
  }

  #retire (slot: Slot): void {
    this.#leaving.add(slot)
    slot.retire()
    const left = (): void => { this.#leaving.delete(slot) }
    slot.done.then(left, left)
  }

  #registered (slot: Slot, { replica, replicas }: Registered): void {
    this.#reports.reset()
    this.#count(slot.address)
    this.#options.log.info({ client: this.name, acceptor: this.#context.dialer.placeOf(slot.address), replica, replicas }, 'registered with the acceptor')
    const slots = this.#slots.get(slot.address)
    if (slots?.includes(slot) !== true || this.#draining !== null) return
    for (const old of this.#leaving) if (old.address === slot.address && old.isWith(replica)) old.drain()
    const wanted = Math.min(replicas, maxReplicas)
    while (slots.length < wanted) slots.push(this.#newSlot(slot.address))
    // those without a registration first: the others have one that somebody may need
    for (const surplus of [...slots].sort((a, b) => Number(a.isRegistered) - Number(b.isRegistered)).slice(0, slots.length - wanted)) {
      slots.splice(slots.indexOf(surplus), 1)
      this.#retire(surplus)
    }
  }

  #failed (slot: Slot, failure: DialFailure, { wasRegistered, nextAttemptMs }: { readonly wasRegistered: boolean, readonly nextAttemptMs: number }): void {
    this.#count(slot.address)
    const acceptor = this.#context.dialer.placeOf(slot.address)
    const isOver = this.#leaving.has(slot) && failure.reason === 'drained'
    if (isOver || failure.reason === 'stopped' || this.#draining !== null) {
      if (wasRegistered) this.#options.log.info({ client: this.name, acceptor, reason: failure.reason }, 'registration ended')
      return
    }
    this.#options.metrics.reconnect(failure.reason)
    if (wasRegistered) this.#options.log.warn({ client: this.name, acceptor, reason: failure.reason, detail: failure.message, nextAttemptMs: Math.round(nextAttemptMs) }, 'registration lost')
    else if (failure.reason === 'replica') this.#options.log.debug({ client: this.name, acceptor, detail: failure.message }, 'another replica is looked for')
    else this.#report('no registration with the acceptor', failure, { acceptor, nextAttemptMs: Math.round(nextAttemptMs) })
    // the name may mean another machine by now
    if (this.#options.dial.proxy === null) this.#addresses.refresh()
  }

  #count (address: string): void {
    const registered = (this.#slots.get(address) ?? []).filter(slot => slot.isRegistered).length
    this.#options.metrics.registered(this.#context.dialer.placeOf(address), registered)
  }

  #report (text: string, { step, reason, message }: DialFailure, fields: object): void {
    this.#reportTimes(`${text} ${reason} ${JSON.stringify((fields as { acceptor?: string }).acceptor)}`, { ...fields, step, reason, detail: message }, text)
  }

  #reportData (failure: DialFailure | 'too-many', address: string): void {
    const acceptor = this.#context.dialer.placeOf(address)
    if (failure !== 'too-many') return this.#report('no data connection', failure, { acceptor })
    const { maxConnections } = this.#options.limits
    this.#reportTimes('too-many', { acceptor, maxConnections }, 'the acceptor asked for more data connections than may be open')
  }

  /** At first, and then once a minute with the number of times. */
  #reportTimes (kind: string, fields: object, text: string): void {
    const times = this.#reports.count(kind)
    if (times !== null) this.#options.log.warn({ client: this.name, ...fields, ...(times > 1 ? { times } : {}) }, text)
  }

  async #drain (): Promise<void> {
    this.#addresses.stop()
    const slots = this.#allSlots()
    const timer = setTimeout(() => { for (const slot of slots) slot.stop() }, this.#options.drainTimeoutMs)
    for (const slot of slots) slot.drain()
    await Promise.all(slots.map(async slot => { await slot.done }))
    clearTimeout(timer)
  }
}
