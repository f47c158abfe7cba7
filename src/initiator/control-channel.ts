/** The control channel: a WebSocket to one replica of an acceptor, with messages that were checked and a heart-beat. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocket, type RawData } from 'ws'
import { errors } from '../errors.ts'
import { readMessageFromAcceptor, writeMessage, type MessageFromAcceptor, type MessageFromInitiator } from '../reverse-invoke/messages.ts'
import { systemClock } from '../reverse-invoke/clock.ts'
import { MessageRate } from '../reverse-invoke/message-rate.ts'
import { controlPath, controlProtocol, replicaField, replicasField } from '../reverse-invoke/wire.ts'
import { dialFailure, failureOf, type DialFailure } from './failure.ts'
import { reasonOf, type Deadline } from './dial.ts'
import { refusalOf } from './refusal.ts'

/** Bounds of what an acceptor may send. */
export interface ChannelLimits {
  /** Largest message in bytes. */
  readonly maxMessageBytes: number
  /** Messages, pings and pongs together. */
  readonly maxMessagesPerSecond: number
}

/** Who answered the upgrade. */
export interface Answerer {
  readonly replica: string
  readonly replicas: number
}

/** What happens on a channel. */
export interface ChannelEvents {
  readonly message: (message: MessageFromAcceptor) => void
  /** Called once; the channel is gone. */
  readonly ended: (why: DialFailure) => void
}

const replicaPattern = /^[A-Za-z0-9._-]{1,64}$/
const maxReplicas = 1000

/** An open channel. Nothing is read before {@link ControlChannel.listen}. Its type has nothing of the library's: programs need no types of ws. */
export interface ControlChannel {
  readonly answerer: Answerer
  /** Starts reading. */
  listen (events: ChannelEvents): void
  /** Sends a message; nothing happens on a channel that has ended. */
  send (message: MessageFromInitiator): void
  /**
   * Pings in this interval, in milliseconds. When nothing at all came in the interval after a ping, the acceptor is gone: twice the
   * interval after its last sign at the latest.
   */
  beat (intervalMs: number): void
  /** Ends the channel at once. */
  end (why: DialFailure): void
  close (why: DialFailure, message?: MessageFromInitiator): void
  /** Ends the channel because of what the acceptor sent. */
  refuse (error: Error & { code: string }): void
}

/** Time for the last message and the end of the WebSocket, in milliseconds. */
const farewellMs = 1000

/**
 * Opens the channel on a dialled connection.
 *
 * @throws POSTERN_ERR_REVERSE_INVOKE_DIAL
 */
export async function openControlChannel (socket: Socket, { authority, place, limits }: { authority: string, place: string, limits: ChannelLimits }, deadline: Deadline): Promise<ControlChannel> {
  deadline.enter('upgrade')
  const webSocket = new WebSocket(`ws://${authority}${controlPath}`, controlProtocol, {
    createConnection: () => socket,
    headers: { Host: authority },
    perMessageDeflate: false,
    maxPayload: limits.maxMessageBytes,
    followRedirects: false
  })
  try {
    const answerer = await openedBy(webSocket, place, deadline.signal)
    return new OpenChannel(webSocket, { answerer, place, limits })
  } catch (error) {
    webSocket.on('error', () => {})
    webSocket.terminate()
    socket.destroy()
    throw deadline.failure(error)
  }
}

async function openedBy (webSocket: WebSocket, place: string, signal: AbortSignal): Promise<Answerer> {
  return await new Promise((resolve, reject) => {
    let answerer: Answerer | null = null
    const settle = (act: () => void): void => {
      signal.removeEventListener('abort', onAbort)
      // what comes from now on is the channel's to see
      webSocket.off('error', onError)
      act()
    }
    const onAbort = (): void => { settle(() => { reject(reasonOf(signal)) }) }
    const onError = (error: Error): void => { settle(() => { reject(error) }) }
    webSocket.once('upgrade', answer => { answerer = answererOf(answer) })
    webSocket.once('open', () => {
      settle(() => {
        // not a byte is read before the channel listens
        webSocket.pause()
        if (answerer === null) reject(dialFailure('upgrade', 'protocol', `${place}: the answer names no replica: this is no registration port`))
        else resolve(answerer)
      })
    })
    webSocket.once('unexpected-response', (_request, answer) => {
      refusalOf(answer, { step: 'upgrade', place }).then(refusal => { settle(() => { reject(refusal) }) }, onError)
    })
    webSocket.on('error', onError)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

function answererOf ({ headers }: IncomingMessage): Answerer | null {
  const replica = String(headers[replicaField.toLowerCase()])
  const replicas = Number(headers[replicasField.toLowerCase()])
  return headers[replicaField.toLowerCase()] !== undefined && replicaPattern.test(replica) && Number.isInteger(replicas) && replicas >= 1 && replicas <= maxReplicas
    ? { replica, replicas }
    : null
}

class OpenChannel implements ControlChannel {
  readonly answerer: Answerer
  readonly #webSocket: WebSocket
  readonly #place: string
  readonly #limits: ChannelLimits
  readonly #rate: MessageRate
  #events: ChannelEvents | null = null
  #ended = false
  #timer: NodeJS.Timeout | undefined
  #heard = true

  constructor (webSocket: WebSocket, { answerer, place, limits }: { answerer: Answerer, place: string, limits: ChannelLimits }) {
    this.answerer = answerer
    this.#webSocket = webSocket
    this.#place = place
    this.#limits = limits
    this.#rate = new MessageRate(limits.maxMessagesPerSecond, systemClock)
    webSocket.on('message', (data, isBinary) => { this.#receive(data, isBinary) })
    webSocket.on('ping', () => { this.#count() }).on('pong', () => { this.#count() })
    webSocket.on('error', error => { this.#end(this.#failureOf(error)) })
    webSocket.on('close', () => { this.#end(dialFailure('registration', 'closed', `${place}: the acceptor closed the control channel`)) })
  }

  listen (events: ChannelEvents): void {
    this.#events = events
    this.#webSocket.resume()
  }

  send (message: MessageFromInitiator): void {
    if (this.#webSocket.readyState === WebSocket.OPEN) this.#webSocket.send(writeMessage(message))
  }

  beat (intervalMs: number): void {
    clearInterval(this.#timer)
    this.#heard = true
    this.#timer = setInterval(() => {
      if (!this.#heard) return this.end(dialFailure('registration', 'silent', `${this.#place}: nothing came from the acceptor for ${2 * intervalMs} ms`))
      this.#heard = false
      this.#webSocket.ping()
    }, intervalMs)
  }

  end (why: DialFailure): void {
    if (!this.#ended) this.#webSocket.terminate()
    this.#end(why)
  }

  /** Ends the channel in order: with a last message if there is one, and some time for the acceptor to read it. */
  close (why: DialFailure, message?: MessageFromInitiator): void {
    if (this.#ended) return
    if (message !== undefined) this.send(message)
    this.#webSocket.resume()
    this.#webSocket.close(1000)
    const timer = setTimeout(() => { this.#webSocket.terminate() }, farewellMs)
    this.#webSocket.once('close', () => { clearTimeout(timer) })
    this.#end(why)
  }

  #end (why: DialFailure): void {
    if (this.#ended) return
    this.#ended = true
    clearInterval(this.#timer)
    this.#events?.ended(why)
  }

  #receive (data: RawData, isBinary: boolean): void {
    if (this.#ended || !this.#count()) return
    const message = isBinary ? null : readMessageFromAcceptor(String(data))
    if (message === null) this.refuse(new errors.REVERSE_INVOKE_MESSAGE())
    else this.#events?.message(message)
  }

  #count (): boolean {
    this.#heard = true
    if (this.#rate.admit()) return true
    this.refuse(new errors.REVERSE_INVOKE_MESSAGE_RATE(this.#limits.maxMessagesPerSecond))
    return false
  }

  refuse ({ code, message }: Error & { code: string }): void {
    this.close(dialFailure('registration', 'protocol', `${this.#place}: ${message}`), { type: 'error', code, message })
  }

  #failureOf (error: Error & { code?: string }): DialFailure {
    if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
      return dialFailure('registration', 'protocol', `${this.#place}: ${new errors.REVERSE_INVOKE_MESSAGE_SIZE(this.#limits.maxMessageBytes).message}`)
    }
    return failureOf(error, { step: 'registration', place: this.#place, timeoutMs: 0 })
  }
}
