/** Reads the ClientHello of a connection and puts the bytes back. */
import type { Duplex } from 'node:stream'
import { ClientHelloReader, type ClientHello } from './client-hello.ts'

/** What was seen. `lost`: the connection ended, or its time was up; it is closed. */
export type Peeked = Exclude<ClientHello, { state: 'incomplete' }> | { readonly state: 'lost', readonly reason: string }

/**
 * Waits for a complete ClientHello, or for bytes that are none. Afterwards the connection stands where it stood before: the bytes are
 * unread, and no listener is left.
 *
 * @param timeoutMs for the whole ClientHello, however its bytes trickle in
 * @param done called once
 */
export function peekClientHello (connection: Duplex, timeoutMs: number, done: (peeked: Peeked) => void): void {
  const reader = new ClientHelloReader()
  const bytesSeen: Buffer[] = []
  const timer = setTimeout(() => { lose('timeout') }, timeoutMs)
  const onEnd = () => { lose('connection closed') }
  const onReadable = () => {
    for (let bytes = read(connection); bytes !== null; bytes = read(connection)) {
      bytesSeen.push(bytes)
      const hello = reader.push(bytes)
      if (hello.state !== 'incomplete') return finish(hello)
    }
  }
  connection.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', onEnd)

  function finish (peeked: Peeked): void {
    clearTimeout(timer)
    connection.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onEnd)
    if (peeked.state !== 'lost') connection.unshift(Buffer.concat(bytesSeen))
    done(peeked)
  }

  function lose (reason: string): void {
    // an error that comes after this one has nobody else to hear it
    connection.on('error', () => {}).destroy()
    finish({ state: 'lost', reason })
  }
}

function read (connection: Duplex): Buffer | null {
  return connection.read() as Buffer | null
}
