/**
 * The HTTP server on data connections: it never listens, connections are handed to it. What it reads goes to the listener of the
 * endpoint, as if it had come there.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { errors } from '../errors.ts'
import { closingAnswer } from '../http/client-error.ts'
import { closeAfterAnswer, endAndLinger, lingerAtEnd, lingerNoMore } from '../http/lingering-close.ts'
import { markReversed } from '../http/reversed-connection.ts'
import { compilePaths, overridesTarget, type PathCheck } from '../reverse-invoke/paths.ts'
import { emptyLinesField, emptyLinesIgnored } from '../reverse-invoke/wire.ts'
import { expectProbes, expectProbesInside, probeAnswers } from './probed-answers.ts'
import type { LocalTarget } from './target.ts'

/** An endpoint that is served. */
export interface ServedEndpoint {
  /** The written form of the endpoint: the only target of CONNECT. */
  readonly endpoint: string
  /** What may be reached; empty: everything. */
  readonly paths: readonly string[]
  readonly target: LocalTarget
}

/** Told about each request that was refused here: for counters and the log. */
export type OnRefused = (refusal: { readonly endpoint: string, readonly code: string }) => void

/** Node keeps the response that is being written on the socket. */
type Answering = Duplex & { readonly _httpMessage?: ServerResponse | null }

/** The server of one endpoint. */
export class DataServer {
  readonly #served: ServedEndpoint
  readonly #isPermitted: PathCheck
  readonly #onRefused: OnRefused
  readonly #server: Server

  constructor (served: ServedEndpoint, onRefused: OnRefused) {
    this.#served = served
    this.#isPermitted = compilePaths(served.paths)
    this.#onRefused = onRefused
    this.#server = this.#createServer()
    probeAnswers(served.target.server)
  }

  /** Serves a data connection. Bytes that were put back with `unshift` are the first ones. */
  serve (socket: Socket): void {
    markReversed(socket, this.#served.target.arrival())
    expectProbes(socket)
    // a probe of the acceptor must not meet a closed socket: what is still on its way back would be lost with it
    lingerAtEnd(socket)
    this.#server.emit('connection', socket)
  }

  #createServer (): Server {
    const { target } = this.#served
    const { maxHeaderSize } = target.server
    // No times: the acceptor keeps connections idle for as long as it wants. How many there may be is bounded where they are dialled.
    const server = createServer({ ...(maxHeaderSize === undefined ? {} : { maxHeaderSize }), keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0, noDelay: true })
    // Node drops fields beyond a number without a word
    server.maxHeadersCount = 0
    server.on('request', (request, response) => { if (this.#passes(request, response)) target.server.emit('request', request, response) })
    server.on('checkContinue', (request, response) => { if (this.#passes(request, response)) this.#checkContinue(request, response) })
    server.on('checkExpectation', (request, response) => { if (this.#passes(request, response)) this.#checkExpectation(request, response) })
    server.on('upgrade', (request, socket, head) => { this.#upgrade(request, socket, head) })
    server.on('connect', (request, socket, head) => { this.#connect(request, socket, head) })
    server.on('clientError', (error: Error, socket) => {
      if (!target.server.emit('clientError', error, socket)) socket.destroy()
    })
    return server
  }

  /** Why a request must not reach the listener; `null` when it may. */
  #refusalOf ({ url = '', rawHeaders }: IncomingMessage): (Error & { code: string }) | null {
    const { paths, target } = this.#served
    if (target.demandsCertificate) return new errors.REVERSE_INVOKE_NO_USER()
    return this.#isPermitted(url) && (paths.length === 0 || !overridesTarget(rawHeaders)) ? null : new errors.REVERSE_INVOKE_PATH()
  }

  #passes (request: IncomingMessage, response: ServerResponse): boolean {
    const refusal = this.#refusalOf(request)
    if (refusal === null) return true
    this.#refuse(refusal)
    closeAfterAnswer(request, response)
    response.writeHead(403, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store', Connection: 'close' })
    response.end(`${refusal.message}\n`)
    return false
  }

  #checkContinue (request: IncomingMessage, response: ServerResponse): void {
    const { server } = this.#served.target
    if (server.emit('checkContinue', request, response)) return
    response.writeContinue()
    server.emit('request', request, response)
  }

  #checkExpectation (request: IncomingMessage, response: ServerResponse): void {
    if (this.#served.target.server.emit('checkExpectation', request, response)) return
    response.writeHead(417)
    response.end()
  }

  #upgrade (request: IncomingMessage, socket: Duplex, head: Buffer): void {
    lingerNoMore(socket)
    const refusal = this.#refusalOf(request)
    if (refusal !== null) return this.#answerAndClose(socket, refusal)
    if (!this.#served.target.server.emit('upgrade', request, socket, head)) this.#answerAndClose(socket, new errors.FORWARD_UPGRADE_PROTOCOL())
  }

  #connect ({ url, headers }: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { endpoint, paths, target } = this.#served
    lingerNoMore(socket)
    // with PATHS something has to look at each request, and into an opaque stream nobody can look
    if (url !== endpoint || paths.length > 0) return this.#answerAndClose(socket, new errors.REVERSE_INVOKE_CONNECT())
    const probed = target.takesEmptyLines && headers[emptyLinesField.toLowerCase()] === emptyLinesIgnored
    if (probed) expectProbesInside(socket)
    target.open(socket, head, {
      accept: () => { socket.write(`HTTP/1.1 200 OK\r\n${probed ? `${emptyLinesField}: ${emptyLinesIgnored}\r\n` : ''}\r\n`) },
      refuse: () => { this.#answerAndClose(socket, new errors.REVERSE_INVOKE_TARGET()) }
    })
  }

  #answerAndClose (socket: Duplex, refusal: Error & { code: string }): void {
    this.#refuse(refusal)
    socket.on('error', () => {})
    // behind a request that is not answered yet, this answer would be taken for that one's
    if ((socket as Answering)._httpMessage != null) socket.destroy()
    else endAndLinger(socket.resume(), closingAnswer(refusal))
  }

  #refuse ({ code }: { readonly code: string }): void {
    this.#onRefused({ endpoint: this.#served.endpoint, code })
  }
}
