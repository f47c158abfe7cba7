/**
 * A client on a bare socket: sends exact bytes and keeps the exact bytes that come back.
 */
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import tls, { type ConnectionOptions } from 'node:tls'
import type { Test } from 'tap'

export interface RawClient {
  readonly socket: Socket
  send (bytes: string | Buffer): void
  /** Everything that came so far, latin1. */
  received (): string
  /** Resolves with everything that came, once it fits. Rejects when the connection ends without it. */
  until (pattern: RegExp | string | ((text: string) => boolean)): Promise<string>
  /** Resolves with everything that came, once the connection is closed. */
  closed (): Promise<string>
}

/** Connects to a port of 127.0.0.1; the connection is closed after the test. */
export async function buildRawClient (t: Test, port: number, { tls: tlsOptions, allowHalfOpen = false }: { tls?: ConnectionOptions, allowHalfOpen?: boolean } = {}): Promise<RawClient> {
  const socket = tlsOptions === undefined
    ? net.connect({ port, host: '127.0.0.1', allowHalfOpen })
    : tls.connect({ port, host: '127.0.0.1', ...tlsOptions })
  let text = ''
  let isClosed = false
  const wakes = new Set<() => void>()
  const wake = (): void => { for (const call of wakes) call() }
  socket.on('data', chunk => { text += chunk.toString('latin1'); wake() })
  socket.on('close', () => { isClosed = true; wake() })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  await once(socket, tlsOptions === undefined ? 'connect' : 'secureConnect')
  const until = async (done: () => boolean): Promise<string> => {
    while (!done()) {
      if (isClosed) throw new Error(`the connection was closed after: ${JSON.stringify(text)}`)
      await new Promise<void>(resolve => {
        const call = (): void => { wakes.delete(call); resolve() }
        wakes.add(call)
      })
    }
    return text
  }
  return {
    socket,
    send: bytes => { socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes) },
    received: () => text,
    until: pattern => until(() => {
      if (typeof pattern === 'function') return pattern(text)
      return typeof pattern === 'string' ? text.includes(pattern) : pattern.test(text)
    }),
    closed: () => until(() => isClosed)
  }
}
