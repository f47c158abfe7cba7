/**
 * An initiator for tests of the acceptor, made of a WebSocket and bare sockets: it does what it is told, also what no initiator should.
 */
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import tls from 'node:tls'
import Fastify, { type FastifyInstance } from 'fastify'
import { Registry } from 'prom-client'
import type { Test } from 'tap'
import { WebSocket, type ClientOptions } from 'ws'
import { reverseInvokeAcceptor, type ReverseInvokeAcceptorOptions } from '../../plugins/reverse-invoke-acceptor.ts'
import { tlsServerFactory, tlsTermination } from '../../plugins/tls-termination.ts'
import type { MessageFromAcceptor, MessageFromInitiator } from '../../src/reverse-invoke/messages.ts'
import { controlPath, controlProtocol, dataPath, dataProtocol, replicaField, ticketField } from '../../src/reverse-invoke/wire.ts'
import { logSink, type LogSink } from './log-sink.ts'
import type { Issued, Pki } from './pki.ts'
import { identityOf } from './tls.ts'

/** A registration port under test. */
export interface AcceptorUnderTest {
  readonly app: FastifyInstance
  readonly port: number
  readonly log: LogSink
  readonly metrics: Registry
  /** The value of a number, 0 for one that was never counted. */
  counted (name: string, labels?: Record<string, string>): Promise<number>
}

/** Everybody may register everything, where nothing else is said. */
export const openToAll: ReverseInvokeAcceptorOptions = {
  acl: ['P *'],
  allow: [{ subject: '*', issuer: '*', endpoints: ['app.inner:443', 'other.inner:*'] }]
}

/** Starts a registration port; with a PKI over TLS. */
export async function buildAcceptor (t: Test, options: ReverseInvokeAcceptorOptions = {}, pki: Pki | null = null): Promise<AcceptorUnderTest> {
  const log = logSink()
  const metrics = new Registry()
  const app = Fastify({
    loggerInstance: log.logger,
    ...pki === null ? {} : { serverFactory: tlsServerFactory({ verifyClient: 2, identities: [{ name: 'server', identity: identityOf(pki.server, [pki.root]) }] }) }
  }) as unknown as FastifyInstance
  if (pki !== null) await app.register(tlsTermination)
  await app.register(reverseInvokeAcceptor, { ...openToAll, replica: 'replica-1', metrics, ...options })
  t.teardown(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    app,
    log,
    metrics,
    port: (app.server.address() as AddressInfo).port,
    counted: async (name, labels = {}) => {
      const metric = await metrics.getSingleMetric(name)?.get()
      const fits = (own: Record<string, unknown>) => Object.entries(labels).every(([key, value]) => own[key] === value)
      return (metric?.values ?? []).filter(one => fits(one.labels)).reduce((sum, { value }) => sum + value, 0)
    }
  }
}

/** A control channel, and what came on it. */
export interface TestInitiator {
  readonly socket: WebSocket
  readonly messages: readonly MessageFromAcceptor[]
  send (message: MessageFromInitiator | string | Buffer): void
  /** The first message of this type that was not returned before, already there or still to come. */
  next <Type extends MessageFromAcceptor['type']> (type: Type): Promise<Extract<MessageFromAcceptor, { type: Type }>>
  /** The next ticket that the acceptor asks for a connection with. */
  ticket (): Promise<string>
  /** Close code and reason. */
  closed (): Promise<{ readonly code: number, readonly reason: string }>
  register (message?: Partial<Extract<MessageFromInitiator, { type: 'register' }>>): Promise<void>
}

/** Where an initiator dials, and as whom. */
export interface Dial {
  readonly port: number
  /** The client's certificate; `null`: without TLS. */
  readonly as?: Issued | null
  readonly options?: ClientOptions
  readonly protocol?: string
  /** Headers of the upgrade request. */
  readonly headers?: Record<string, string>
}

/** Opens a control channel. */
export async function dialControl (t: Test, { port, as = null, options = {}, protocol = controlProtocol }: Dial): Promise<TestInitiator> {
  const credentials = as === null ? {} : { key: as.keyPem, cert: as.chainPem, rejectUnauthorized: false }
  const socket = new WebSocket(`${as === null ? 'ws' : 'wss'}://127.0.0.1:${port}${controlPath}`, protocol, { perMessageDeflate: false, ...credentials, ...options })
  const initiator = watch(socket)
  t.teardown(() => { socket.terminate() })
  await once(socket, 'open')
  return initiator
}

function watch (socket: WebSocket): TestInitiator {
  const messages: MessageFromAcceptor[] = []
  const unread: MessageFromAcceptor[] = []
  const tickets: string[] = []
  const wakes = new Set<() => void>()
  let end: { code: number, reason: string } | null = null
  const wake = (): void => { for (const call of [...wakes]) call() }
  socket.on('message', data => {
    const message = JSON.parse(String(data)) as MessageFromAcceptor
    messages.push(message)
    unread.push(message)
    if (message.type === 'want') tickets.push(...message.tickets)
    wake()
  })
  socket.on('close', (code, reason) => { end = { code, reason: String(reason) }; wake() })
  socket.on('error', () => {})
  const until = async <Found>(find: () => Found | undefined): Promise<Found> => {
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      if (end !== null) throw new Error(`the control channel was closed: ${JSON.stringify(end)} after ${JSON.stringify(messages)}`)
      await new Promise<void>(resolve => {
        const call = (): void => { wakes.delete(call); resolve() }
        wakes.add(call)
      })
    }
  }
  const next = async (type: string) => await until(() => {
    const index = unread.findIndex(message => message.type === type)
    return index < 0 ? undefined : unread.splice(index, 1)[0]
  })
  const send: TestInitiator['send'] = message => { socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message)) }
  return {
    socket,
    messages,
    send,
    next: next as TestInitiator['next'],
    ticket: async () => await until(() => tickets.shift()),
    closed: async () => await until(() => end ?? undefined),
    register: async (message = {}) => {
      send({ type: 'register', version: 1, instance: 'one', endpoints: ['app.inner:443'], poolSize: null, ...message })
      await next('registered')
    }
  }
}

/** A bare connection to the port. */
export async function dialRaw (t: Test, { port, as = null }: Pick<Dial, 'port' | 'as'>): Promise<Socket> {
  const socket = as === null ? net.connect({ port, host: '127.0.0.1' }) : tls.connect({ port, host: '127.0.0.1', key: as.keyPem, cert: as.chainPem, rejectUnauthorized: false })
  socket.on('error', () => {})
  t.teardown(() => { socket.destroy() })
  await once(socket, as === null ? 'connect' : 'secureConnect')
  return socket
}

/** The text of a request for a data connection. */
export function dataRequest (ticket: string, { replica = 'replica-1', path = dataPath, fields = [] }: { readonly replica?: string, readonly path?: string, readonly fields?: readonly string[] } = {}): string {
  return [`GET ${path} HTTP/1.1`, 'Host: acceptor', 'Connection: Upgrade', `Upgrade: ${dataProtocol}`, `${ticketField}: ${ticket}`, `${replicaField}: ${replica}`, ...fields, '', ''].join('\r\n')
}

/** A data connection, open or refused. */
export interface TestData {
  readonly socket: Socket
  readonly status: number
  /** Head of the answer. */
  readonly head: string
}

/** Sends an upgrade request and reads the head of the answer, not a byte more. */
export async function sendUpgrade (socket: Socket, request: string): Promise<TestData> {
  socket.write(request)
  let head = ''
  while (!head.includes('\r\n\r\n')) {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) {
      await Promise.race([once(socket, 'readable'), once(socket, 'close')])
      if (socket.destroyed && socket.readableLength === 0) throw new Error(`closed after ${JSON.stringify(head)}`)
      continue
    }
    const text = head + chunk.toString('latin1')
    const end = text.indexOf('\r\n\r\n')
    head = end < 0 ? text : text.slice(0, end + 4)
    if (end >= 0 && text.length > end + 4) socket.unshift(Buffer.from(text.slice(end + 4), 'latin1'))
  }
  return { socket, head, status: Number(head.split(' ')[1]) }
}

/** Opens a data connection with a ticket. */
export async function dialData (t: Test, dial: Dial, ticket: string, options: Parameters<typeof dataRequest>[1] = {}): Promise<TestData> {
  return await sendUpgrade(await dialRaw(t, dial), dataRequest(ticket, options))
}

/** Resolves when a connection has gone, whatever came before. */
export async function gone (socket: Socket): Promise<void> {
  socket.resume()
  if (!socket.closed) await new Promise(resolve => { socket.once('close', resolve) })
}
