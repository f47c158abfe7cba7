/** Tickets in, served data connections out, within bounds: an acceptor that was taken over must not exhaust this side. */
import type { Socket } from 'node:net'
import { BackOff } from '../reverse-invoke/back-off.ts'
import type { DataServer } from './data-server.ts'
import { startDeadline, type Dialer } from './dial.ts'
import type { DialFailure, Reason } from './failure.ts'
import type { InitiatorMetrics } from './metrics.ts'
import { upgradeToData } from './upgrade.ts'

/** Bounds of the data connections of one initiator. */
export interface DataLimits {
  /** Open and being opened, together. */
  readonly maxConnections: number
  /** Being opened at the same time; more of them wait. */
  readonly maxDials: number
}

/** The registration that data connections belong to. */
export interface DataOwner {
  readonly address: string
  readonly replica: string
  /** Fires at the end of the registration: its connections end with it. */
  readonly signal: AbortSignal
  /** Tickets are bound to the certificate that the registration was made with: its own dialler has that one. */
  readonly dialer: Dialer
}

/** A data connection that the acceptor asked for. */
export interface Order {
  readonly owner: DataOwner
  readonly server: DataServer
  /** A secret. */
  readonly ticket: string
}

/** Tells what came of orders that failed. */
export type OnDialFailure = (failure: DialFailure | 'too-many', owner: DataOwner) => void

/** Tickets live this long at the acceptor, in milliseconds. */
const ticketLifetimeMs = 10_000

/** Between attempts with the same ticket, in milliseconds. */
const retryBackOff = { initialMs: 100, firstCapMs: 1000, firstPeriodMs: ticketLifetimeMs, capMs: 1000, stableMs: 0 }

/** Behind one address every replica may answer before the right one does. */
const maxWrongReplicas = 64

/** No further attempt with this ticket makes sense. */
const final: ReadonlySet<Reason> = new Set(['ticket', 'denied', 'not-trusted', 'wrong-name', 'revoked', 'certificate-refused', 'protocol'])

/** The data connections of one initiator, over all its registrations. */
export class DataConnections {
  readonly #limits: DataLimits
  readonly #metrics: InitiatorMetrics
  readonly #onFailure: OnDialFailure
  readonly #queue: Array<Order & { readonly orderedAt: number }> = []
  readonly #open = new Map<Socket, DataOwner>()
  #dialling = 0

  constructor ({ limits, metrics, onFailure }: { limits: DataLimits, metrics: InitiatorMetrics, onFailure: OnDialFailure }) {
    this.#limits = limits
    this.#metrics = metrics
    this.#onFailure = onFailure
  }

  /** How many are open for a registration. */
  openOf (owner: DataOwner): number {
    return [...this.#open.values()].filter(one => one === owner).length
  }

  /** Takes an order. Beyond the bound it is dropped: its ticket expires. */
  order (order: Order): void {
    if (this.#open.size + this.#dialling + this.#queue.length >= this.#limits.maxConnections) {
      this.#metrics.dialled('too-many')
      return this.#onFailure('too-many', order.owner)
    }
    this.#queue.push({ ...order, orderedAt: performance.now() })
    this.#work()
  }

  #work (): void {
    while (this.#dialling < this.#limits.maxDials) {
      const order = this.#queue.shift()
      if (order === undefined) return
      this.#dialling++
      const next = (): void => {
        this.#dialling--
        this.#work()
      }
      this.#fulfil(order).then(next, next)
    }
  }

  async #fulfil (order: Order & { readonly orderedAt: number }): Promise<void> {
    const { owner } = order
    const expiresAt = order.orderedAt + ticketLifetimeMs
    const backOff = new BackOff(retryBackOff, { now: () => performance.now(), random: Math.random })
    let wrongReplicas = 0
    while (!owner.signal.aborted && performance.now() < expiresAt) {
      const failure = await this.#attempt(order, expiresAt - performance.now())
      if (failure === null) return this.#metrics.dialled('opened')
      if (owner.signal.aborted) break
      this.#metrics.dialled(failure.reason)
      if (failure.reason === 'replica' && ++wrongReplicas < maxWrongReplicas) continue
      this.#onFailure(failure, owner)
      if (final.has(failure.reason) || failure.reason === 'replica') return
      await pause(backOff.failed(), owner.signal)
    }
    this.#metrics.dialled(owner.signal.aborted ? 'abandoned' : 'expired')
  }

  async #attempt ({ owner, server, ticket }: Order, leftMs: number): Promise<DialFailure | null> {
    const { address, replica, signal, dialer } = owner
    const place = dialer.placeOf(address)
    const deadline = startDeadline({ place, timeoutMs: Math.min(leftMs, dialer.options.timeoutMs), abort: signal })
    try {
      const dialled = await dialer.connect(address, deadline)
      const socket = await upgradeToData(dialled, { authority: dialer.authority, place, replica, ticket }, deadline)
      this.#adopt(socket, owner, server)
      return null
    } catch (error) {
      return deadline.failure(error)
    } finally {
      deadline.end()
    }
  }

  #adopt (socket: Socket, owner: DataOwner, server: DataServer): void {
    if (owner.signal.aborted) {
      socket.destroy()
      return
    }
    const onEnd = (): void => { socket.destroy() }
    this.#open.set(socket, owner)
    this.#metrics.open(this.#open.size)
    owner.signal.addEventListener('abort', onEnd, { once: true })
    socket.once('close', () => {
      owner.signal.removeEventListener('abort', onEnd)
      this.#open.delete(socket)
      this.#metrics.open(this.#open.size)
    })
    server.serve(socket)
  }
}

async function pause (ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>(resolve => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
  })
}
