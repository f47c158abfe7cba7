import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { errors } from '../errors.ts'
import type { ExchangeHandler, ExchangeOptions } from '../upstream/exchange.ts'
import { failureOf, isMomentary, speaksAgainstServer, type CodedError } from '../upstream/failure.ts'
import type { Target } from '../upstream/target.ts'
import { closeAfterAnswer } from './lingering-close.ts'
import { RequestBody } from './request-body.ts'
import { watchIntake } from './request-intake.ts'
import type { RequestFields } from './request-fields.ts'
import { reasonPhrase, responseFields, switchingFields, trailerFields, type RawList } from './response-fields.ts'
import { splice, watchForEnd } from './tunnel.ts'

type Controller = Dispatcher.DispatchController
type Sender = { send (options: ExchangeOptions, handler: ExchangeHandler): void }

/** One request and where its answer goes. */
export interface ForwardExchangeOptions {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly target: Target
  /** Where the connections to a server are. */
  readonly senderFor: (target: Target) => Sender
  /** Header fields of the gateway itself, asked for when the answer is written. */
  readonly ownFields: () => Readonly<Record<string, unknown>>
  /** Largest body in bytes, `Infinity` for no limit. */
  readonly maxBodyBytes: number
  /** Longest silence of the client while its body is wanted, in milliseconds; `null` for no limit. */
  readonly receiveTimeoutMs: number | null
  /** Longest silence of the back end, in milliseconds; 0 for no limit. */
  readonly timeoutMs: number
  /** Set for an upgrade: what the client sent after its request. */
  readonly upgradeHead: Buffer | null
  /** A server took no connection: the request goes to `next`. */
  readonly onNext: (error: CodedError, next: Target) => void
  /** The exchange failed before anything was answered: the caller answers. */
  readonly onFailure: (error: CodedError, target: Target) => void
  /** The exchange failed within the answer: the client's connection was cut. */
  readonly onCut: (error: CodedError, target: Target) => void
}

/** Methods for which undici writes `Content-Length: 0` by itself. */
const LENGTH_KEPT = new Set(['PATCH', 'POST', 'PROPFIND', 'PROPPATCH', 'PUT', 'QUERY'])

/**
 * Sends one request to the back end and writes the answer straight to the client's connection. The header of the answer leaves together
 * with the first part of its body, so that a small answer is one write.
 */
export class ForwardExchange implements ExchangeHandler {
  /** The client has gone. */
  cancelled = false
  readonly #options: ForwardExchangeOptions
  #target: Target
  #message: ExchangeOptions | null = null
  /** Set when the request is about to be written to a connection. */
  #controller: Controller | null = null
  #body: RequestBody | null = null
  /** Bytes of the answer's body that are still to come; negative: not known. */
  #remaining = -1
  #bodyStarted = false
  #unwatch: (() => void) | null = null

  constructor (options: ForwardExchangeOptions) {
    this.#options = options
    this.#target = options.target
  }

  /**
   * @param path the request target, byte-exact
   * @param fields the header as it goes to the back end
   */
  send (path: string, { list, contentLength, chunked, upgrade }: RequestFields): void {
    const { request, response, timeoutMs, receiveTimeoutMs, upgradeHead } = this.#options
    const method = request.method as string
    if (chunked || (contentLength !== null && contentLength > 0)) this.#body = this.#bodyOf(request)
    if (this.#body !== null && receiveTimeoutMs !== null) {
      watchIntake(request, { silenceMs: receiveTimeoutMs, maxBytes: null }, error => { this.#body?.destroy(error) })
    }
    response.on('close', this.#onClose)
    if (upgradeHead !== null) this.#unwatch = watchForEnd(request.socket, this.#onClose)
    this.#message = {
      path,
      method,
      headers: list,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      clientConnection: request.socket,
      zeroLength: contentLength === 0 && !LENGTH_KEPT.has(method),
      upgrade: upgradeHead === null ? null : upgrade
    }
    this.#sendToTarget(this.#message)
  }

  #sendToTarget (message: ExchangeOptions): void {
    // the pool may keep what it is given
    this.#options.senderFor(this.#target).send({ ...message, body: this.#body }, this)
  }

  #bodyOf (request: IncomingMessage): RequestBody {
    return new RequestBody(request, this.#options.maxBodyBytes)
  }

  readonly #onClose = (): void => {
    if (this.#options.response.writableFinished || this.cancelled) return
    this.cancelled = true
    this.#unwatch?.()
    this.#controller?.abort(new errors.FORWARD_CLIENT_GONE())
    this.#body?.destroy()
    // nobody else closes a connection that Node has handed over
    if (this.#options.upgradeHead !== null) this.#options.request.socket.destroy()
  }

  onRequestStart (controller: Controller): void {
    this.#controller = controller
    if (this.cancelled) controller.abort(new errors.FORWARD_CLIENT_GONE())
  }

  onResponseStart (controller: Controller, statusCode: number, _fields: unknown, statusText?: string): void {
    if (statusCode < 200) {
      this.#inform(statusCode, controller.rawHeaders as RawList)
      return
    }
    const { request, response, ownFields } = this.#options
    this.#target.succeeded()
    this.#unwatch?.()
    const hasBody = request.method !== 'HEAD' && statusCode !== 204 && statusCode !== 304
    const { list, contentLength, coded } = responseFields(controller.rawHeaders as RawList, {
      mayHaveLength: statusCode !== 204,
      keepTrailer: hasBody && request.httpVersionMinor > 0,
      added: ownFields()
    })
    if (hasBody && coded) {
      // without the field that says so the client would take the coded bytes for the body (RFC 9112 section 6.1)
      controller.abort(new errors.UPSTREAM_ANSWER())
      return
    }
    // an answer to a body that is still coming: the rest of it is nothing that a next request may begin with
    if (!request.complete && this.#body !== null) closeAfterAnswer(request, response)
    if (hasBody && contentLength !== null) this.#remaining = contentLength
    if (this.#writeHead(controller, { statusCode, statusText, list })) process.nextTick(this.#flushHead)
  }

  #writeHead (controller: Controller, { statusCode, statusText, list }: { statusCode: number, statusText: string | undefined, list: string[] }): boolean {
    const { response } = this.#options
    try {
      response.writeHead(statusCode, reasonPhrase(statusCode, statusText), list)
      return true
    } catch (cause) {
      // undici's parser let something pass that must not be written
      response.statusMessage = ''
      controller.abort(new errors.UPSTREAM_ANSWER({ cause }))
      return false
    }
  }

  /** Without a body at hand the header must not wait for it. */
  readonly #flushHead = (): void => {
    const { response } = this.#options
    if (!this.#bodyStarted && !response.writableEnded && !response.destroyed) response.flushHeaders()
  }

  #inform (statusCode: number, raw: RawList): void {
    const { request, response } = this.#options
    // RFC 9110 section 15.2: HTTP/1.0 knows no informational answers
    if (request.httpVersionMinor === 0 || response.headersSent || statusCode === 101) return
    const { list } = responseFields(raw, { mayHaveLength: false })
    // Node 22 has no such function, and its writeEarlyHints changes what it is given
    if (typeof response.writeInformation === 'function') response.writeInformation(statusCode, list)
  }

  onResponseData (controller: Controller, chunk: Buffer): void {
    const { response } = this.#options
    this.#bodyStarted = true
    if (this.#remaining === chunk.length) {
      response.end(chunk)
      return
    }
    this.#remaining -= chunk.length
    if (!response.write(chunk)) {
      controller.pause()
      response.once('drain', () => controller.resume())
    }
  }

  onResponseEnd (controller: Controller): void {
    const { request, response } = this.#options
    if (!response.writableEnded) {
      const trailers = controller.rawTrailers as RawList | null | undefined
      if (response.chunkedEncoding && trailers !== null && trailers !== undefined && trailers.length > 0) {
        response.addTrailers(trailerFields(trailers))
      }
      response.end()
    }
    // a body that the back end did not want must not hold up the client's connection
    if (this.#body !== null && !request.readableEnded) request.resume()
  }

  onResponseError (controller: Controller | null | undefined, error: Error): void {
    if (this.cancelled) return
    const { response, onFailure, onCut } = this.#options
    const failure = failureOf(error, { started: controller !== null && controller !== undefined })
    if (speaksAgainstServer(failure)) this.#target.failed(failure.code)
    if ((speaksAgainstServer(failure) || isMomentary(failure)) && this.#sentToNext(failure)) return
    response.off('close', this.#onClose)
    this.#unwatch?.()
    this.#body?.destroy()
    if (response.headersSent) {
      this.#cut()
      onCut(failure, this.#target)
    } else {
      onFailure(failure, this.#target)
    }
  }

  /** A request of which nothing was sent goes to another server of the system, with its body: nobody has read that yet. */
  #sentToNext (failure: CodedError): boolean {
    if (this.#controller !== null || this.#message === null) return false
    const next = this.#target.next?.() ?? null
    if (next === null) return false
    const { request, onNext } = this.#options
    onNext(failure, next)
    this.#target = next
    if (this.#body !== null) {
      this.#body.destroy()
      this.#body = this.#bodyOf(request)
    }
    this.#sendToTarget(this.#message)
    return true
  }

  /** Makes a broken answer look broken: where the end of the connection is the end of the body, an orderly end would be a lie. */
  #cut (): void {
    const { request: { socket }, response } = this.#options
    if (!response.chunkedEncoding && this.#remaining < 0 && !('encrypted' in socket)) socket.resetAndDestroy()
    else socket.destroy()
  }

  onRequestUpgrade (controller: Controller, statusCode: number, _fields: unknown, upstream: Duplex): void {
    const { request, response, ownFields, upgradeHead } = this.#options
    this.#target.succeeded()
    this.#unwatch?.()
    upstream.on('error', () => {})
    response.sendDate = false
    if (!this.#writeHead(controller, { statusCode, statusText: undefined, list: switchingFields(controller.rawHeaders as RawList, ownFields()) })) {
      upstream.destroy()
      return
    }
    response.off('close', this.#onClose)
    response.end()
    if (upgradeHead !== null && upgradeHead.length > 0) upstream.write(upgradeHead)
    request.socket.setTimeout(0)
    splice(request.socket, upstream)
  }
}
