/** One registration with one replica of an acceptor, from the dial to its end. */
import type { Socket } from 'node:net'
import { errors } from '../errors.ts'
import { protocolVersion, type MessageFromAcceptor, type Register, type Registered, type Want } from '../reverse-invoke/messages.ts'
import { openControlChannel, type ChannelLimits, type ControlChannel } from './control-channel.ts'
import type { DataConnections, DataOwner } from './data-connections.ts'
import type { DataServer } from './data-server.ts'
import { startDeadline, type Deadline, type Dialer } from './dial.ts'
import { dialFailure, failureOfMessage, type DialFailure } from './failure.ts'

/** What a registration asks for. */
export type Registration = Pick<Register, 'instance' | 'endpoints' | 'poolSize'>

/** What all sessions of an initiator share. */
export interface SessionContext {
  readonly dialer: Dialer
  readonly registration: Registration
  readonly servers: ReadonlyMap<string, DataServer>
  readonly data: DataConnections
  readonly limits: ChannelLimits
  /** Longest time between pings, in milliseconds. */
  readonly heartbeatMs: number
  /** Notes that a replica is being registered with; false when it is, or when another session is with it. */
  readonly claim: (replica: string, session: Session) => boolean
  readonly release: (replica: string, session: Session) => void
}

/** What is told about a session. */
export interface SessionEvents {
  readonly registered: (registered: Registered) => void
  /** The acceptor goes: what runs may end, new things belong elsewhere. */
  readonly draining: () => void
}

/** Heart-beats that an acceptor may ask for are not below this, in milliseconds, unless the own one is. */
const minHeartbeatMs = 500

/** One attempt, and the registration if it comes about. */
export class Session {
  readonly address: string
  readonly #context: SessionContext
  readonly #events: SessionEvents
  readonly #abort = new AbortController()
  #channel: ControlChannel | null = null
  #socket: Socket | null = null
  /** Set while the registration stands. */
  #owner: DataOwner | null = null
  #draining = false

  constructor (address: string, context: SessionContext, events: SessionEvents) {
    this.address = address
    this.#context = context
    this.#events = events
  }

  /** The replica, once it has answered. */
  get replica (): string | null {
    return this.#channel?.answerer.replica ?? null
  }

  /** Its control connection, once there is one. */
  get socket (): Socket | null {
    return this.#socket
  }

  /** Data connections that are open. */
  get openConnections (): number {
    return this.#owner === null ? 0 : this.#context.data.openOf(this.#owner)
  }

  /** Dials, registers, serves; resolves with the reason when all of it has ended. */
  async run (): Promise<DialFailure> {
    const { dialer, limits } = this.#context
    const place = dialer.placeOf(this.address)
    const deadline = startDeadline({ place, timeoutMs: dialer.options.timeoutMs, abort: this.#abort.signal })
    try {
      const socket = await dialer.connect(this.address, deadline)
      this.#socket = socket
      const channel = await openControlChannel(socket, { authority: dialer.authority, place, limits }, deadline)
      return await this.#occupy(channel, deadline)
    } catch (error) {
      return deadline.failure(error)
    } finally {
      deadline.end()
    }
  }

  /** Tells the acceptor that this side goes. It ends the registration when nothing runs on it any more. */
  drain (): void {
    if (this.#owner === null) return this.stop()
    if (this.#draining) return
    this.#draining = true
    this.#channel?.send({ type: 'draining' })
  }

  /** Ends everything at once. */
  stop (): void {
    this.#abort.abort(dialFailure('registration', 'stopped', 'this side stops'))
  }

  async #occupy (channel: ControlChannel, deadline: Deadline): Promise<DialFailure> {
    const { replica } = channel.answerer
    if (!this.#context.claim(replica, this)) {
      const why = dialFailure('upgrade', 'replica', `replica ${replica} answered, with which this side is registered already`)
      channel.close(why)
      return why
    }
    this.#channel = channel
    try {
      return await this.#serve(channel, deadline)
    } finally {
      this.#context.release(replica, this)
      this.#owner = null
    }
  }

  async #serve (channel: ControlChannel, deadline: Deadline): Promise<DialFailure> {
    const lifetime = new AbortController()
    const { registration } = this.#context
    deadline.enter('registration')
    return await new Promise(resolve => {
      const onLate = (): void => { channel.end(deadline.failure(null)) }
      const onStop = (): void => { channel.close(this.#abort.signal.reason as DialFailure, { type: 'bye' }) }
      deadline.signal.addEventListener('abort', onLate, { once: true })
      this.#abort.signal.addEventListener('abort', onStop, { once: true })
      const begin = (registered: Registered): void => {
        deadline.signal.removeEventListener('abort', onLate)
        deadline.end()
        this.#begin(registered, channel, lifetime.signal)
      }
      channel.listen({
        message: message => { this.#receive(message, channel, begin) },
        ended: why => {
          deadline.signal.removeEventListener('abort', onLate)
          lifetime.abort()
          resolve(why)
        }
      })
      channel.send({ type: 'register', version: protocolVersion, ...registration })
    })
  }

  #receive (message: MessageFromAcceptor, channel: ControlChannel, begin: (registered: Registered) => void): void {
    switch (message.type) {
      case 'registered': return this.#owner === null && message.replica === channel.answerer.replica ? begin(message) : channel.refuse(new errors.REVERSE_INVOKE_MESSAGE())
      case 'want': return this.#order(message, channel)
      case 'draining': return this.#owner === null ? channel.refuse(new errors.REVERSE_INVOKE_MESSAGE()) : this.#events.draining()
      case 'bye': return channel.close(dialFailure('registration', 'drained', 'the acceptor has ended the registration in order'))
      case 'error': return channel.close(failureOfMessage(message))
    }
  }

  #begin (registered: Registered, channel: ControlChannel, signal: AbortSignal): void {
    const { heartbeatMs, dialer } = this.#context
    this.#owner = { address: this.address, replica: registered.replica, signal, dialer }
    channel.beat(Math.min(heartbeatMs, Math.max(registered.heartbeatMs, minHeartbeatMs)))
    this.#events.registered(registered)
  }

  #order ({ endpoint, tickets }: Want, channel: ControlChannel): void {
    const server = this.#context.servers.get(endpoint)
    if (this.#owner === null) return channel.refuse(new errors.REVERSE_INVOKE_MESSAGE())
    // whatever the acceptor asks for: what is not configured here is not opened
    if (server === undefined) return channel.refuse(new errors.REVERSE_INVOKE_WANT(endpoint))
    for (const ticket of tickets) this.#context.data.order({ owner: this.#owner, server, ticket })
  }
}
