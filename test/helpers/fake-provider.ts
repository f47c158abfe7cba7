/**
 * The inner side of reverse invoke in small: an HTTP server that never listens, on connections that it opens itself. Both ends are real
 * sockets; who asked for one gets it after a round trip.
 */
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import type { Test } from 'tap'
import { errors } from '../../src/errors.ts'
import { endpointText, type Endpoint } from '../../src/reverse-invoke/endpoint.ts'
import type { Provider, ProviderSource, ProviderState } from '../../src/reverse-invoke/provider.ts'
import type { UpstreamServer, UpstreamTls } from '../../src/upstream/server.ts'
import type { Pki } from './pki.ts'

/** What serves behind a fake provider. */
export interface FakeProviderOptions {
  readonly name?: string
  readonly endpoint?: Endpoint
  readonly handler?: RequestListener
  /** Data connections are TLS, with the server certificate at the outer side and the client's at the inner one. */
  readonly pki?: Pki
  /** Gets the streams that are opened by CONNECT; without it CONNECT is refused. */
  readonly open?: (stream: Duplex) => void
  /** A field of the answer to CONNECT. */
  readonly openField?: string
  /** Open data connections; who asks for one more waits until one is closed. */
  readonly maxConnections?: number
  /** More than these wait for one: BUSY. */
  readonly maxWaiting?: number
}

/** A provider that does what a test tells it. */
export class FakeProvider implements Provider {
  readonly name: string
  readonly endpoint: Endpoint
  readonly server: Server
  /** Every data connection that was handed out, this side's end. */
  readonly taken: Socket[] = []
  /** Requests in the order of their heads. */
  readonly requests: IncomingMessage[] = []
  state: ProviderState = 'serving'
  /** In place of a data connection. */
  refusal: Error | null = null
  readonly #dial: () => Promise<Socket>
  readonly #listeners: Array<(state: ProviderState) => void> = []
  readonly #waiting: Array<() => void> = []
  readonly #limits: { readonly maxConnections: number, readonly maxWaiting: number }
  #open = 0

  constructor (dial: () => Promise<Socket>, server: Server, { name = 'CN=inner (1)', endpoint = inner, maxConnections = Infinity, maxWaiting = Infinity }: FakeProviderOptions) {
    this.#dial = dial
    this.server = server
    this.name = name
    this.endpoint = endpoint
    this.#limits = { maxConnections, maxWaiting }
  }

  get listeners (): number {
    return this.#listeners.length
  }

  async take (): Promise<Socket> {
    if (this.refusal !== null) throw this.refusal
    while (this.#open >= this.#limits.maxConnections) {
      if (this.#waiting.length >= this.#limits.maxWaiting) throw new errors.REVERSE_INVOKE_BUSY()
      await new Promise<void>(resolve => { this.#waiting.push(resolve) })
      if (this.state !== 'serving') throw new errors.REVERSE_INVOKE_GONE()
    }
    this.#open++
    const socket = await this.#dial()
    socket.on('error', () => {}).once('close', () => {
      this.#open--
      this.#waiting.shift()?.()
    })
    if (this.state === 'serving') {
      this.taken.push(socket)
      return socket
    }
    socket.destroy()
    throw new errors.REVERSE_INVOKE_GONE()
  }

  onChange (listener: (state: ProviderState) => void): void {
    this.#listeners.push(listener)
  }

  /** As a registration does it: who waits is refused, then everybody is told, then what is left is broken. */
  leave (state: 'draining' | 'gone'): void {
    this.state = state
    for (const wake of this.#waiting.splice(0)) wake()
    for (const listener of this.#listeners) listener(state)
    if (state === 'gone') for (const socket of this.taken) socket.destroy()
  }

  /** Data connections that are open. */
  get connections (): Socket[] {
    return this.taken.filter(socket => !socket.destroyed)
  }
}

/** The pseudo address of these tests; nothing listens there, and no name server knows it. */
export const inner: Endpoint = { host: 'app.inner.invalid', port: 4711 }

/** The server behind {@link inner}. */
export function innerServer (tlsSettings: UpstreamTls | null = null, { host, port }: Endpoint = inner): UpstreamServer {
  return { origin: `${tlsSettings === null ? 'http' : 'https'}://${host}:${port}`, host, port, tls: tlsSettings }
}

/** Whoever is in `providers` is registered. */
export class FakeSource implements ProviderSource {
  providers: FakeProvider[]

  constructor (...providers: FakeProvider[]) {
    this.providers = providers
  }

  providersOf (endpoint: Endpoint): readonly Provider[] {
    return this.providers.filter(({ endpoint: own, state }) => state === 'serving' && endpointText(own) === endpointText(endpoint))
  }
}

const echo: RequestListener = (request, response) => {
  request.pipe(response)
}

/** Makes a provider; everything of it is closed after the test. */
export async function buildFakeProvider (t: Test, options: FakeProviderOptions = {}): Promise<FakeProvider> {
  const { handler = echo, pki, open, openField } = options
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    provider.requests.push(request)
    handler(request, response)
  })
  server.on('connect', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on('error', () => {})
    provider.requests.push(request)
    if (open === undefined || request.url !== endpointText(provider.endpoint)) {
      stream.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
      return
    }
    stream.write(`HTTP/1.1 200 OK\r\n${openField === undefined ? '' : `${openField}\r\n`}\r\n`)
    if (head.length > 0) stream.unshift(head)
    open(stream)
  })
  const provider = new FakeProvider(await dialBetween(t, server, pki), server, options)
  return provider
}

/** Connects the two ends: the inner one dials, and serves; the outer one is what comes back. */
async function dialBetween (t: Test, server: Server, pki: Pki | undefined): Promise<() => Promise<Socket>> {
  const ends: Socket[] = []
  const outer = pki === undefined
    ? net.createServer({ allowHalfOpen: true })
    : tls.createServer({ allowHalfOpen: true, key: pki.server.keyPem, cert: pki.server.chainPem, ca: pki.root.certPem, requestCert: true })
  outer.listen(0, '127.0.0.1')
  await once(outer, 'listening')
  t.teardown(() => {
    for (const end of ends) end.destroy()
    outer.close()
  })
  const { port } = outer.address() as AddressInfo
  // by the inner end's port; either side may come first
  const accepted = new Map<number, PromiseWithResolvers<Socket>>()
  const acceptedFrom = (remotePort: number | undefined): PromiseWithResolvers<Socket> => {
    const key = remotePort as number
    const entry = accepted.get(key) ?? Promise.withResolvers<Socket>()
    accepted.set(key, entry)
    return entry
  }
  outer.on(pki === undefined ? 'connection' : 'secureConnection', (socket: Socket) => { acceptedFrom(socket.remotePort).resolve(socket) })
  return async () => {
    const connection = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    await once(connection, 'connect')
    const { localPort } = connection
    const end = pki === undefined ? connection : tls.connect({ socket: connection, key: pki.gateway.keyPem, cert: pki.gateway.chainPem, ca: pki.root.certPem, servername: 'localhost' })
    end.on('error', () => {})
    ends.push(end)
    if (pki !== undefined) await once(end, 'secureConnect')
    server.emit('connection', end)
    const theirs = await acceptedFrom(localPort).promise
    accepted.delete(localPort as number)
    return theirs
  }
}
