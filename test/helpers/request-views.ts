/** A Fastify application that answers with every view Node has of a request, and a client that sends bytes as they are. */
import type { IncomingMessage, ServerOptions } from 'node:http'
import type { ServerOptions as TlsOptions } from 'node:https'
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, TLSSocket, type ConnectionOptions } from 'node:tls'
import fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'

/** Node's views of header and trailers. */
export interface Views {
  readonly event: 'request' | 'upgrade' | 'connect'
  readonly rawHeaders: string[]
  readonly headers: Record<string, string | string[]>
  readonly headersDistinct: Record<string, string[]>
  readonly rawTrailers: string[]
  readonly trailers: Record<string, string>
  readonly trailersDistinct: Record<string, string[]>
}

export interface ViewServer {
  readonly app: FastifyInstance
  readonly port: number
  /** One parsed object per log line. */
  readonly log: Array<Record<string, any>>
}

/** Builds the application; `register` adds the plugin under test. */
export async function buildViewServer (t: Test, register: (app: FastifyInstance) => unknown, { https, http, upgrades = true }: { https?: TlsOptions, http?: ServerOptions, upgrades?: boolean } = {}): Promise<ViewServer> {
  const log: ViewServer['log'] = []
  const logger = { level: 'info', stream: { write: (line: string) => { log.push(JSON.parse(line)) } } }
  const options = { logger, http: { maxHeaderSize: 1 << 20, ...http }, ...https === undefined ? {} : { https: { maxHeaderSize: 1 << 20, ...https } } }
  const app = fastify(options as { logger: typeof logger })
  t.teardown(async () => { await app.close() })
  await register(app)
  app.addContentTypeParser('*', (_request, payload, done) => { payload.resume().on('end', () => { done(null) }) })
  app.all('/*', (request, reply) => {
    // the client reads until the end of the connection, unless it wants to send more
    if (request.headers['x-more'] === undefined) reply.header('connection', 'close')
    reply.send(viewsOf('request', request.raw))
  })
  if (upgrades) {
    for (const event of ['upgrade', 'connect'] as const) {
      app.server.on(event, (request: IncomingMessage, socket: Duplex) => { answer(socket, viewsOf(event, request)) })
    }
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, log, port: (app.server.address() as AddressInfo).port }
}

function viewsOf (event: Views['event'], { rawHeaders, headers, headersDistinct, rawTrailers, trailers, trailersDistinct }: IncomingMessage): object {
  return { event, rawHeaders, headers, headersDistinct, rawTrailers, trailers, trailersDistinct }
}

function answer (socket: Duplex, views: object): void {
  socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${JSON.stringify(views)}`)
}

/** What came back on a connection until its end. */
export interface Reply {
  readonly status: number
  readonly text: string
  /** Whether the TLS session was resumed. */
  readonly resumed: boolean
  /** Parsed body of the last answer, if it is JSON. */
  readonly views: Views
}

/** Sends a request as it is and reads until the server closes. */
export async function sendRaw (t: Test, port: number, text: string, tls?: ConnectionOptions): Promise<Reply> {
  const socket: Socket = tls === undefined ? connectTcp(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ...tls })
  t.teardown(() => { socket.destroy() })
  socket.write(text, 'latin1')
  let resumed = false
  if (socket instanceof TLSSocket) socket.once('secureConnect', () => { resumed = socket.isSessionReused() })
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  const reply = Buffer.concat(chunks).toString('latin1')
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(reply)?.[1] ?? 0)
  const body = reply.slice(reply.lastIndexOf('\r\n\r\n') + 4)
  return { status, text: reply, resumed, views: body.startsWith('{') ? JSON.parse(body) : {} }
}

/** Names in any view of header and trailers, lower case, each once. */
export function namesInAnyView (views: Views): string[] {
  const raw = [...views.rawHeaders, ...views.rawTrailers].filter((_, index) => index % 2 === 0)
  const names = [...raw, ...Object.keys(views.headers), ...Object.keys(views.headersDistinct), ...Object.keys(views.trailers), ...Object.keys(views.trailersDistinct)]
  return [...new Set(names.map(name => name.toLowerCase()))]
}

/** The values of a field, which must be the same in each view of the header. */
export function fieldInAllViews (t: Test, views: Views, name: string): string[] {
  const lower = name.toLowerCase()
  const raw = views.rawHeaders.filter((_, index) => index % 2 === 1 && views.rawHeaders[index - 1]!.toLowerCase() === lower)
  t.strictSame(views.headersDistinct[lower] ?? [], raw, `${name} in headersDistinct`)
  t.equal(views.headers[lower], raw.length === 0 ? undefined : raw.join(', '), `${name} in headers`)
  return raw
}
