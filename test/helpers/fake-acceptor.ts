/** An acceptor for tests of the initiator: a WebSocket server on bare HTTP that does what it is told, also what no acceptor should. */
import { createServer, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Test } from 'tap'
import { WebSocketServer, type WebSocket } from 'ws'
import type { MessageFromAcceptor, MessageFromInitiator } from '../../src/reverse-invoke/messages.ts'
import { controlProtocol, dataPath, dataProtocol, replicaField, replicasField } from '../../src/reverse-invoke/wire.ts'

/** A control channel as the acceptor has it. */
export interface FakeChannel {
  readonly socket: WebSocket
  send (message: MessageFromAcceptor | string): void
  /** The next message. */
  next (): Promise<MessageFromInitiator>
  /** Reads `register` and answers it. */
  register (heartbeatMs?: number): Promise<Extract<MessageFromInitiator, { type: 'register' }>>
  closed (): Promise<void>
}

/** A data connection that asks to be opened. */
export interface FakeData {
  readonly request: IncomingMessage
  readonly socket: Socket
  /** Answers 101, with bytes right behind it. */
  accept (behind?: string): void
  refuse (status: number, code?: string): void
}

/** The acceptor. */
export interface FakeAcceptor {
  readonly port: number
  channel (): Promise<FakeChannel>
  data (): Promise<FakeData>
  /** Data connections that were asked for so far. */
  readonly asked: number
  close (): void
}

/** Starts it, on a port of 127.0.0.1 where nothing else is said. */
export async function buildFakeAcceptor (t: Test, { replica = 'fake-1', replicas = '1', port = 0, host = '127.0.0.1', refuse }: { readonly replica?: string | null | (() => string), readonly port?: number, readonly host?: string, readonly replicas?: string, readonly refuse?: (socket: Duplex) => void } = {}): Promise<FakeAcceptor> {
  const server = createServer()
  const webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => controlProtocol, perMessageDeflate: true })
  const channels = queue<FakeChannel>()
  const datas = queue<FakeData>()
  let asked = 0
  let name = 'none'
  webSockets.on('headers', headers => {
    if (replica === null) return
    name = typeof replica === 'function' ? replica() : replica
    headers.push(`${replicaField}: ${name}`, `${replicasField}: ${replicas}`)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => {})
    if (refuse !== undefined) return refuse(socket)
    if (request.url === dataPath) {
      asked++
      datas.push({ request, socket, ...answers(socket) })
    } else webSockets.handleUpgrade(request, socket, head, channel => { channels.push(channelOf(channel, name)) })
  })
  server.listen(port, host)
  await once(server, 'listening')
  const close = (): void => {
    server.close()
    server.closeAllConnections()
    for (const client of webSockets.clients) client.terminate()
  }
  t.teardown(close)
  return { port: (server.address() as AddressInfo).port, channel: channels.next, data: datas.next, close, get asked () { return asked } }
}

function answers (socket: Socket): Pick<FakeData, 'accept' | 'refuse'> {
  return {
    accept: (behind = '') => { socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${dataProtocol}\r\n\r\n${behind}`) },
    refuse: (status, code) => {
      const body = JSON.stringify({ code })
      socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    }
  }
}

function channelOf (socket: WebSocket, replica: string): FakeChannel {
  const messages = queue<MessageFromInitiator>()
  const closed = new Promise<void>(resolve => { socket.once('close', () => { resolve() }) })
  socket.on('message', data => { messages.push(JSON.parse(String(data)) as MessageFromInitiator) })
  socket.on('error', () => {})
  const send: FakeChannel['send'] = message => { socket.send(typeof message === 'string' ? message : JSON.stringify(message)) }
  return {
    socket,
    send,
    next: messages.next,
    closed: async () => { await closed },
    register: async (heartbeatMs = 5000) => {
      const message = await messages.next()
      send({ type: 'registered', version: 1, replica, replicas: 1, heartbeatMs })
      if (message.type !== 'register') throw new Error(`register was expected, not ${message.type}`)
      return message
    }
  }
}

function queue<Item> (): { push (item: Item): void, next (): Promise<Item> } {
  const items: Item[] = []
  const waiting: Array<(item: Item) => void> = []
  return {
    push: item => {
      const wake = waiting.shift()
      if (wake === undefined) items.push(item)
      else wake(item)
    },
    next: async () => {
      const item = items.shift()
      return item ?? await new Promise(resolve => { waiting.push(resolve) })
    }
  }
}

/** Tickets of the form that tickets have. */
export function tickets (count = 1): string[] {
  return Array.from({ length: count }, (_, index) => `ticket-${String(index).padStart(20, '0')}`)
}
