/**
 * One HTTP/1.1 client connection on raw TLS: as little work per exchange as possible, since the client shares the two cores with
 * what is measured. It reads answers with Content-Length only, which is what the back end sends.
 */
import { once } from 'node:events'
import tls from 'node:tls'

export interface Target {
  /** Address; 127.0.0.1 without it. The certificate is that of localhost in any case. */
  readonly host?: string | undefined
  readonly port: number
  readonly context: tls.SecureContext
}

interface Pending {
  resolve (answer: Answer): void
  reject (error: Error): void
}

export interface Answer { readonly status: number, readonly body: string }

const HEAD_END = Buffer.from('\r\n\r\n')
/** Larger bodies are counted and dropped. */
const KEPT_BYTES = 64 * 1024
const WRITE_BYTES = 64 * 1024

export class Connection {
  readonly socket: tls.TLSSocket
  #pending: Pending | null = null
  #head: Buffer | null = null
  #status = 0
  /** Bytes of the body that are still to come; -1 while the head is. */
  #left = -1
  #keep = false
  #kept: Buffer[] = []

  /** A full handshake: no session is offered. */
  static async open ({ host = '127.0.0.1', port, context }: Target): Promise<Connection> {
    const socket = tls.connect({ port, host, servername: 'localhost', secureContext: context })
    socket.setNoDelay(true)
    await once(socket, 'secureConnect')
    if (socket.isSessionReused()) throw new Error('the session was resumed, a full handshake was to be measured')
    return new Connection(socket)
  }

  private constructor (socket: tls.TLSSocket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => { this.#read(chunk) })
    socket.on('error', error => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the connection was closed before the answer')))
  }

  /** Sends `head` and waits for the whole answer. */
  async request (head: Buffer): Promise<Answer> {
    const answer = this.#expectAnswer()
    this.socket.write(head)
    return await answer
  }

  /** Sends `head` and a body of `bytes`, as fast as the other side takes it. */
  async upload (head: Buffer, bytes: number): Promise<Answer> {
    const answer = this.#expectAnswer()
    answer.catch(() => {})
    this.socket.write(head)
    const chunk = Buffer.alloc(WRITE_BYTES, 'u')
    for (let sent = 0; sent < bytes && !this.socket.destroyed; sent += chunk.length) {
      if (!this.socket.write(chunk.subarray(0, Math.min(chunk.length, bytes - sent)))) await Promise.race([once(this.socket, 'drain'), answer])
    }
    return await answer
  }

  close (): void {
    this.socket.destroy()
  }

  async #expectAnswer (): Promise<Answer> {
    return await new Promise((resolve, reject) => { this.#pending = { resolve, reject } })
  }

  #read (chunk: Buffer): void {
    if (this.#left < 0) {
      chunk = this.#head === null ? chunk : Buffer.concat([this.#head, chunk])
      const end = chunk.indexOf(HEAD_END)
      if (end < 0) {
        this.#head = chunk
        return
      }
      this.#readHead(chunk.toString('latin1', 0, end))
      chunk = chunk.subarray(end + HEAD_END.length)
    }
    this.#left -= chunk.length
    if (this.#keep) this.#kept.push(chunk)
    if (this.#left <= 0) this.#finish()
  }

  #readHead (head: string): void {
    this.#head = null
    this.#status = Number(head.slice(9, 12))
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    if (length === undefined && this.#status !== 204) this.#fail(new Error(`the answer has no Content-Length:\n${head}`))
    this.#left = Number(length ?? 0)
    this.#keep = this.#left < KEPT_BYTES
  }

  #finish (): void {
    const answer = { status: this.#status, body: Buffer.concat(this.#kept).toString('latin1') }
    const pending = this.#pending
    this.#left = -1
    this.#kept = []
    this.#pending = null
    pending?.resolve(answer)
  }

  #fail (error: Error): void {
    const pending = this.#pending
    this.#pending = null
    pending?.reject(error)
  }
}
