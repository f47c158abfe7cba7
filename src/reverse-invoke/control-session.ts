import { errors } from '../errors.ts'
import type { Clock } from './clock.ts'
import { protocolVersion, readMessageFromInitiator, readVersion, writeMessage, type MessageFromAcceptor, type MessageFromInitiator, type Register } from './messages.ts'
import { MessageRate } from './message-rate.ts'

/** The WebSocket of an initiator. */
export interface ControlChannel {
  send (text: string): void
  ping (): void
  /** Closes with a WebSocket close code; what was sent before still arrives. */
  close (code: number, reason: string): void
  /** Breaks the connection. */
  terminate (): void
}

/** Settings of control channels. */
export interface ControlLimits {
  readonly registerTimeoutMs: number
  readonly heartbeatMs: number
  readonly maxMessagesPerSecond: number
  readonly maxMessageBytes: number
}

/** What a session is made of. */
export interface ControlSessionParts {
  readonly clock: Clock
  readonly limits: ControlLimits
  readonly events: ControlEvents
  /** Milliseconds until the certificate of the initiator expires; it can open no data connection after that. */
  readonly validForMs: number
}

/** What a session reports. */
export interface ControlEvents {
  /** @throws an error of the table when the registration is refused; its code and text go to the initiator */
  register (message: Register): void
  /** The initiator takes nothing new. */
  draining (): void
  /** Once. `error`: what broke the rules; `null` for an end in order or a lost connection. */
  ended (reason: SessionEnd, error: CodedError | null): void
}

/** An error of the table. */
export type CodedError = Error & { readonly code: string }

/** Why a control channel ended. */
export type SessionEnd = 'bye' | 'closed' | 'refused' | 'silent' | 'expired' | 'replaced' | 'rules' | 'aborted' | 'connection error'

/** RFC 6455 section 7.4.1 */
const closeCodes = { normal: 1000, policy: 1008 } as const

/** One control channel: order of messages, their rate, heart-beat. It knows nothing of what a registration is. */
export class ControlSession {
  readonly #channel: ControlChannel
  readonly #clock: Clock
  readonly #limits: ControlLimits
  readonly #events: ControlEvents
  readonly #messages: MessageRate
  readonly #heartbeats: MessageRate
  #state: 'new' | 'registered' | 'ended' = 'new'
  readonly #validUntil: number
  #heard = true
  #cancelTimer: () => void

  constructor (channel: ControlChannel, { clock, limits, events, validForMs }: ControlSessionParts) {
    this.#channel = channel
    this.#clock = clock
    this.#limits = limits
    this.#events = events
    this.#validUntil = clock.now() + validForMs
    this.#messages = new MessageRate(limits.maxMessagesPerSecond, clock)
    // a ping and a pong in each heart-beat, twice over for what a slow line brings at once
    this.#heartbeats = new MessageRate(limits.maxMessagesPerSecond + 4 * Math.ceil(1000 / limits.heartbeatMs), clock)
    this.#cancelTimer = clock.after(limits.registerTimeoutMs, () => { this.fail(new errors.REVERSE_INVOKE_REGISTER_TIMEOUT(limits.registerTimeoutMs), 'refused') })
  }

  /** @param text `null` for a binary message */
  message (text: string | null): void {
    if (this.#state === 'ended') return
    this.#heard = true
    if (!this.#messages.admit()) return this.fail(new errors.REVERSE_INVOKE_MESSAGE_RATE(this.#limits.maxMessagesPerSecond))
    const message = text === null ? null : readMessageFromInitiator(text)
    if (message !== null && this.#state === 'registered') return this.#whenRegistered(message)
    if (message?.type === 'register') return this.#register(message)
    const version = this.#state === 'new' && text !== null ? readVersion(text) : null
    this.fail(version === null || version === protocolVersion ? new errors.REVERSE_INVOKE_MESSAGE() : new errors.REVERSE_INVOKE_VERSION(version))
  }

  #whenRegistered (message: MessageFromInitiator): void {
    switch (message.type) {
      case 'draining': return this.#events.draining()
      case 'bye': return this.#end('bye', null)
      case 'error': return this.#end('closed', null)
      case 'register': return this.fail(new errors.REVERSE_INVOKE_MESSAGE())
    }
  }

  #register (message: Register): void {
    if (message.version !== protocolVersion) return this.fail(new errors.REVERSE_INVOKE_VERSION(message.version))
    try {
      this.#events.register(message)
    } catch (error) {
      return this.fail(error as CodedError, 'refused')
    }
  }

  /** The registration is taken: answers, and starts the heart-beat. */
  registered (answer: MessageFromAcceptor): void {
    this.#state = 'registered'
    this.#cancelTimer()
    this.send(answer)
    this.#beat()
  }

  /** A ping or a pong came. */
  heartbeat (): void {
    if (this.#state === 'ended') return
    this.#heard = true
    if (!this.#heartbeats.admit()) this.fail(new errors.REVERSE_INVOKE_MESSAGE_RATE(this.#limits.maxMessagesPerSecond))
  }

  /** Nothing heard since the last beat: with the one before it, twice the heart-beat is the longest time until a dead connection is noticed. */
  #beat (): void {
    if (!this.#heard) {
      const error = new errors.REVERSE_INVOKE_SILENT(this.#limits.heartbeatMs)
      this.#channel.terminate()
      return this.#end('silent', error)
    }
    if (this.#clock.now() > this.#validUntil) return this.fail(new errors.REVERSE_INVOKE_CERTIFICATE(), 'expired')
    this.#heard = false
    this.#channel.ping()
    this.#cancelTimer = this.#clock.after(this.#limits.heartbeatMs, () => { this.#beat() })
  }

  /** Sends a message; after the end of the session nothing. */
  send (message: MessageFromAcceptor): void {
    if (this.#state !== 'ended') this.#channel.send(writeMessage(message))
  }

  /** Says why and closes. */
  fail (error: CodedError, reason: SessionEnd = this.#state === 'new' ? 'refused' : 'rules'): void {
    if (this.#state === 'ended') return
    this.send({ type: 'error', code: error.code, message: error.message.slice(0, 500) })
    this.#channel.close(closeCodes.policy, error.code)
    this.#end(reason, error)
  }

  /** Nothing is left to do: the channel ends in order. */
  bye (): void {
    if (this.#state === 'ended') return
    this.send({ type: 'bye' })
    this.#end('bye', null)
  }

  /** Breaks the channel. */
  abort (): void {
    this.#channel.terminate()
    this.#end('aborted', null)
  }

  /** The connection has gone, or the WebSocket protocol was violated on it. */
  closed (error: CodedError | null = null): void {
    this.#end(error === null ? 'closed' : 'connection error', error)
  }

  #end (reason: SessionEnd, error: CodedError | null): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#cancelTimer()
    if (reason === 'bye' || reason === 'closed') this.#channel.close(closeCodes.normal, reason)
    this.#events.ended(reason, error)
  }
}
