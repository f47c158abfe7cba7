import type { IncomingMessage } from 'node:http'
import { errors } from '../errors.ts'

/** Bounds of a body while it is being received. */
export interface IntakeLimits {
  /** Longest silence of the client, in milliseconds; `null` for no limit. */
  readonly silenceMs: number | null
  /** Largest body in bytes; `null` for no limit. */
  readonly maxBytes: number | null
}

/**
 * Watches a body while somebody reads it. Time runs only while bytes are wanted from the client: not before the first read, not while
 * the reader holds it back (a back end that is slower than the client), not once the body has arrived.
 *
 * @param fail called at most once: POSTERN_ERR_HTTP_REQUEST_TIMEOUT (408) or POSTERN_ERR_FORWARD_BODY_TOO_LARGE (413)
 */
export function watchIntake (request: IncomingMessage, { silenceMs, maxBytes }: IntakeLimits, fail: (error: Error) => void): void {
  const { socket } = request
  let timer: NodeJS.Timeout | undefined
  let watching = false
  let bytes = 0
  const start = (): void => {
    clearTimeout(timer)
    if (silenceMs !== null) timer = setTimeout(() => { end(new errors.HTTP_REQUEST_TIMEOUT()) }, silenceMs)
  }
  const onPause = (): void => { clearTimeout(timer) }
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length
    if (bytes > (maxBytes ?? Infinity)) end(new errors.FORWARD_BODY_TOO_LARGE())
    else if (request.readableFlowing === true) start()
  }
  const onResume = (): void => {
    start()
    if (watching) return
    watching = true
    // not before: a listener of its own would start the flow
    request.on('data', onData)
    // a request that was answered before its end has no event of its own when the client goes
    socket.once('close', stop)
  }
  const stop = (): void => {
    clearTimeout(timer)
    request.off('resume', onResume).off('pause', onPause).off('data', onData).off('end', stop).off('close', stop)
    socket.off('close', stop)
  }
  const end = (error: Error): void => {
    stop()
    fail(error)
  }
  request.on('resume', onResume).on('pause', onPause).on('end', stop).on('close', stop)
}
