import type { Socket } from 'node:net'
import { errors } from '../errors.ts'
import { emptyLinesField, emptyLinesIgnored } from '../reverse-invoke/wire.ts'

/** What to ask for, and for how long. */
export interface StreamOptions {
  /** `host:port`: the endpoint that the data connection was made for. */
  readonly authority: string
  readonly timeoutMs: number
  /** This side will be the HTTP client inside, and leaves empty lines before an answer out. */
  readonly isClient: boolean
}

/** A stream that is open. */
export interface OpenStream {
  /** The data connection itself: unread, without listeners, what came behind the answer put back. */
  readonly stream: Socket
  /** Who will be the HTTP server inside leaves empty lines before a request out. Only where this side is the client. */
  readonly takesEmptyLines: boolean
}

const takesEmptyLines = new RegExp(`^${emptyLinesField}: *${emptyLinesIgnored} *$`, 'im')

/** The initiator says hardly more than its status line. */
const maxHeadBytes = 8192

/**
 * Makes an opaque byte stream of a data connection, by CONNECT.
 *
 * @throws POSTERN_ERR_REVERSE_INVOKE_STREAM (502) when the answer is not 200, UPSTREAM_CLOSED (502) when the connection was lost before an
 * answer, UPSTREAM_CONNECT_TIMEOUT (504). The connection is closed then.
 * @see RFC 9110 section 9.3.6
 */
export async function openStream (connection: Socket, { authority, timeoutMs, isClient }: StreamOptions): Promise<OpenStream> {
  const field = isClient ? `${emptyLinesField}: ${emptyLinesIgnored}\r\n` : ''
  connection.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${field}\r\n`)
  try {
    const { head, rest } = await readHead(connection, timeoutMs)
    if (!/^HTTP\/1\.1 200[ \r]/.test(head)) throw new errors.REVERSE_INVOKE_STREAM()
    if (rest.length > 0) connection.unshift(rest)
    return { stream: connection, takesEmptyLines: isClient && takesEmptyLines.test(head) }
  } catch (error) {
    connection.on('error', () => {}).destroy()
    throw error
  }
}

/** Reads up to the blank line. */
async function readHead (connection: Socket, timeoutMs: number): Promise<{ head: string, rest: Buffer }> {
  return await new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0)
    const settle = (): void => {
      clearTimeout(timer)
      connection.off('readable', onReadable).off('end', onLost).off('close', onLost).off('error', onLost)
    }
    const fail = (error: Error): void => {
      settle()
      reject(error)
    }
    const timer = setTimeout(() => { fail(new errors.UPSTREAM_CONNECT_TIMEOUT()) }, timeoutMs)
    const onLost = (): void => { fail(bytes.length === 0 ? new errors.UPSTREAM_CLOSED() : new errors.REVERSE_INVOKE_STREAM()) }
    const onReadable = (): void => {
      for (let chunk = connection.read() as Buffer | null; chunk !== null; chunk = connection.read() as Buffer | null) {
        bytes = Buffer.concat([bytes, chunk])
        const end = bytes.indexOf('\r\n\r\n')
        if (end >= 0) {
          settle()
          return resolve({ head: bytes.toString('latin1', 0, end), rest: bytes.subarray(end + 4) })
        }
        if (bytes.length > maxHeadBytes) return fail(new errors.REVERSE_INVOKE_STREAM())
      }
    }
    connection.on('readable', onReadable).on('end', onLost).on('close', onLost).on('error', onLost)
    // closed before anybody listened
    if (connection.destroyed) onLost()
  })
}
