import type { Socket } from 'node:net'
import { reasonOf } from './dial.ts'
import { dialFailure } from './failure.ts'

const maxHeadBytes = 16 * 1024

/**
 * Asks an HTTP proxy for a way to the acceptor.
 *
 * @param authority `host:port` of the acceptor
 * @throws a DialFailure when the proxy refuses
 * @see RFC 9110 section 9.3.6
 */
export async function throughProxy (socket: Socket, authority: string, signal: AbortSignal): Promise<void> {
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
  const head = await headOf(socket, signal)
  const status = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(head)?.[1]
  if (status === undefined) throw dialFailure('proxy', 'proxy', 'what answered is no HTTP proxy')
  if (!status.startsWith('2')) throw dialFailure('proxy', 'proxy', `the proxy does not open the way to ${authority} (answer ${status})`)
}

/** Reads up to the empty line; bytes behind it stay in the socket. */
async function headOf (socket: Socket, signal: AbortSignal): Promise<string> {
  let text = ''
  return await new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off('readable', onReadable).off('close', onClose).off('end', onClose)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: Error): void => {
      settle()
      socket.destroy()
      reject(error)
    }
    const onAbort = (): void => { fail(reasonOf(signal)) }
    const onClose = (): void => { fail(dialFailure('proxy', 'proxy', 'the proxy closed the connection without an answer')) }
    const onReadable = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        const before = text.length
        text += chunk.toString('latin1')
        const end = text.indexOf('\r\n\r\n')
        if (end >= 0) {
          settle()
          const rest = chunk.subarray(end + 4 - before)
          if (rest.length > 0) socket.unshift(rest)
          return resolve(text.slice(0, end + 2))
        }
        if (text.length > maxHeadBytes) return fail(dialFailure('proxy', 'proxy', 'what answered is no HTTP proxy'))
      }
    }
    socket.on('readable', onReadable).once('close', onClose).once('end', onClose)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
