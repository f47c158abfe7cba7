/**
 * A back end on bare sockets: it keeps the exact bytes that came, and answers with exact bytes.
 */
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import tls, { type TlsOptions } from 'node:tls'
import type { Test } from 'tap'

/** One request as it came over the wire. */
export interface RawRequest {
  /** Request line and fields with the blank line, latin1. */
  readonly head: string
  /** Body as it came, chunk framing included. */
  readonly body: Buffer
  readonly socket: Socket
  /** Number of the connection, from 0. */
  readonly connection: number
  /** Number of the request on its connection, from 0. */
  readonly index: number
}

export interface RawBackendOptions {
  /** Called for each complete request; default: an empty 200. */
  readonly onRequest?: (request: RawRequest) => void
  /** Called when the head of a request is there, whatever becomes of its body. */
  readonly onHead?: (request: RawRequest) => void
  readonly onConnection?: (socket: Socket, connection: number) => void
  /** `false`: the bytes are left to `onConnection`. Default true. */
  readonly parse?: boolean
  readonly tls?: TlsOptions
}

export interface RawBackend {
  readonly port: number
  readonly requests: readonly RawRequest[]
  readonly sockets: readonly Socket[]
  /** Resolves with the nth complete request. */
  request (number: number): Promise<RawRequest>
  /** Ends it at once: from then on its port refuses connections. */
  stop (): Promise<void>
}

export const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Starts the back end on a port of 127.0.0.1 and stops it after the test. */
export async function buildRawBackend (t: Test, options: RawBackendOptions = {}): Promise<RawBackend> {
  const requests: RawRequest[] = []
  const sockets: Socket[] = []
  const waiting: Array<() => void> = []
  const accept = (socket: Socket): void => {
    const connection = sockets.push(socket) - 1
    socket.on('error', () => {})
    options.onConnection?.(socket, connection)
    if (options.parse === false) return
    readRequests(socket, {
      onHead: (head, index) => options.onHead?.({ head, body: Buffer.alloc(0), socket, connection, index }),
      onRequest: (head, body, index) => {
        const request = { head, body, socket, connection, index }
        requests.push(request)
        for (const wake of waiting.splice(0)) wake()
        if (options.onRequest !== undefined) options.onRequest(request)
        else if (options.onHead === undefined) socket.write(ok)
      }
    })
  }
  const server = options.tls === undefined ? net.createServer(accept) : tls.createServer(options.tls, accept)
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await new Promise<void>(resolve => { server.close(() => { resolve() }) })
  }
  t.teardown(stop)
  const request = async (number: number): Promise<RawRequest> => {
    while (requests.length <= number) await new Promise<void>(resolve => waiting.push(resolve))
    return requests[number] as RawRequest
  }
  return { port: (server.address() as AddressInfo).port, requests, sockets, request, stop }
}

function readRequests (socket: Socket, { onHead, onRequest }: { onHead: (head: string, index: number) => void, onRequest: (head: string, body: Buffer, index: number) => void }): void {
  let pending: Buffer = Buffer.alloc(0)
  let head: string | null = null
  let index = 0
  const next = (): boolean => {
    if (head === null) {
      const end = pending.indexOf('\r\n\r\n')
      if (end < 0) return false
      head = pending.subarray(0, end + 4).toString('latin1')
      pending = pending.subarray(end + 4)
      onHead(head, index)
    }
    const length = bodyLength(head, pending)
    if (length < 0 || pending.length < length) return false
    const complete = head
    const body = pending.subarray(0, length)
    pending = pending.subarray(length)
    head = null
    onRequest(complete, body, index++)
    return true
  }
  socket.on('data', chunk => {
    pending = Buffer.concat([pending, chunk as Buffer])
    while (next());
  })
}

/** Negative: not known yet. */
function bodyLength (head: string, pending: Buffer): number {
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
    if (pending.subarray(0, 5).toString('latin1') === '0\r\n\r\n') return 5
    const end = pending.indexOf('\r\n0\r\n\r\n')
    return end < 0 ? -1 : end + 7
  }
  return Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
}

/** The fields of a head, as they came. */
export function fieldLines (head: string): string[] {
  return head.split('\r\n').slice(1, -2)
}
