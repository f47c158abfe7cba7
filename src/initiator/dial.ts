/** One connection to an acceptor: TCP, or through a proxy, then TLS. What is done on it afterwards is in `upgrade.ts` and `control-channel.ts`. */
import { connect as connectTcp, isIPv6, type Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { RevocationCheck } from '../revocation/revocation-lists.ts'
import { tlsClient } from '../upstream/connector.ts'
import type { UpstreamTls } from '../upstream/server.ts'
import { closedAfterHandshake, dialFailure, failureOf, timeoutOf, type DialFailure, type DialStep } from './failure.ts'
import { throughProxy } from './proxy.ts'

/** A host that is dialled. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** How an acceptor is reached. */
export interface DialOptions {
  /** HOST and PORT as configured: the name that the certificate is for. */
  readonly acceptor: HostPort
  /** `null` for plain TCP. */
  readonly tls: UpstreamTls | null
  /** An HTTP proxy that is asked by CONNECT. */
  readonly proxy: HostPort | null
  /** Judges the certificate of the acceptor after each handshake, on resumed sessions too; left out: none is judged. */
  readonly revocation?: RevocationCheck | null
  /** Time from the first packet to the last step, in milliseconds. */
  readonly timeoutMs: number
}

/** The time of one dial over all its steps. */
export interface Deadline {
  /** Tells where the dial is. */
  enter (step: DialStep): void
  /** Fires at the end of the time, or when the dial is given up; the reason is a {@link DialFailure} or whatever it was given up with. */
  readonly signal: AbortSignal
  readonly failure: (error: unknown) => DialFailure
  /** Ends the time; to be called once the dial has ended. */
  end (): void
}

/**
 * Starts the time of a dial.
 *
 * @param abort gives the dial up
 */
export function startDeadline ({ place, timeoutMs, abort }: { place: string, timeoutMs: number, abort?: AbortSignal | undefined }): Deadline {
  const controller = new AbortController()
  let step: DialStep = 'TCP'
  let overTls = false
  const timer = setTimeout(() => { controller.abort(timeoutOf({ step, place, timeoutMs })) }, timeoutMs)
  const onAbort = (): void => { controller.abort(abort?.reason) }
  if (abort?.aborted === true) onAbort()
  else abort?.addEventListener('abort', onAbort, { once: true })
  return {
    enter: next => {
      step = next
      overTls ||= next === 'TLS'
    },
    signal: controller.signal,
    failure: error => {
      const failure = failureOf(controller.signal.aborted ? controller.signal.reason : error, { step, place, timeoutMs })
      // with TLS 1.3 the client's handshake is over before the server has looked at its certificate, and a reset can overtake the alert
      return overTls && step === 'upgrade' && failure.reason === 'closed' ? closedAfterHandshake(place) : failure
    },
    end: () => {
      clearTimeout(timer)
      abort?.removeEventListener('abort', onAbort)
    }
  }
}

/** Dials acceptors of one configuration with one identity. TLS sessions are resumed per address. */
export class Dialer {
  readonly #options: DialOptions
  readonly #clients = new Map<string, (over: ConnectionOptions) => Socket>()

  constructor (options: DialOptions) {
    this.#options = options
  }

  get options (): DialOptions {
    return this.#options
  }

  /** The value of Host towards the acceptor. */
  get authority (): string {
    const { host, port } = this.#options.acceptor
    return authorityOf({ host, port })
  }

  /** Where a dial of `address` goes, for messages. */
  placeOf (address: string): string {
    return authorityOf({ host: address, port: this.#options.acceptor.port })
  }

  /**
   * Connects; the socket is `setNoDelay`, and has a listener of errors that stays.
   *
   * @param address IP address, or the name where a proxy resolves it
   * @throws POSTERN_ERR_REVERSE_INVOKE_DIAL a {@link DialFailure}
   */
  async connect (address: string, deadline: Deadline): Promise<Socket> {
    const { acceptor, proxy, tls } = this.#options
    try {
      deadline.enter('TCP')
      let socket: Socket = await opened(connectTcp({ host: proxy?.host ?? address, port: proxy?.port ?? acceptor.port, allowHalfOpen: true }), 'connect', deadline.signal)
      if (proxy !== null) {
        deadline.enter('proxy')
        await throughProxy(socket, authorityOf({ host: address, port: acceptor.port }), deadline.signal)
      }
      if (tls !== null) {
        deadline.enter('TLS')
        socket = await this.#secure(socket, address, tls, deadline.signal)
      }
      return socket
    } catch (error) {
      throw deadline.failure(error)
    }
  }

  async #secure (below: Socket, address: string, tls: UpstreamTls, signal: AbortSignal): Promise<Socket> {
    let client = this.#clients.get(address)
    if (client === undefined) this.#clients.set(address, client = tlsClient({ host: this.#options.acceptor.host, tls }, this.#options.revocation ?? null))
    try {
      return await opened(client({ socket: below }), 'secureConnect', signal)
    } catch (error) {
      below.destroy()
      throw error
    }
  }

  /** Sessions of addresses that are not the acceptor's any more are forgotten. */
  forget (address: string): void {
    this.#clients.delete(address)
  }
}

/** Why a dial was given up. */
export function reasonOf (signal: AbortSignal): Error {
  return signal.reason as Error
}

function authorityOf ({ host, port }: HostPort): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}

/** Waits for the event; destroys the socket when it cannot come any more. */
async function opened<S extends Socket> (socket: S, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<S> {
  socket.setNoDelay(true).setKeepAlive(true, 60_000)
  return await new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      reject(error)
    }
    const onAbort = (): void => { fail(reasonOf(signal)) }
    // stays: an error after this point shows as a close
    socket.on('error', fail)
    socket.once('close', () => { fail(dialFailure(event === 'connect' ? 'TCP' : 'TLS', 'closed', 'the other side closed the connection')) })
    socket.once(event, () => {
      // refused by a check of its certificate: the error follows
      if (socket.destroyed) return
      signal.removeEventListener('abort', onAbort)
      resolve(socket)
    })
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
