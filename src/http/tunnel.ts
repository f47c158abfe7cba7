import type { Duplex } from 'node:stream'

/**
 * Joins two connections: bytes, back-pressure, the end of one direction, and errors pass both ways.
 */
export function splice (a: Duplex, b: Duplex): void {
  closeTogether(a, b)
  closeTogether(b, a)
  a.pipe(b)
  b.pipe(a)
}

/** When `one` has gone, nothing can be said to it any more: `other` goes too, at once after an error, else after its last byte. */
function closeTogether (one: Duplex, other: Duplex): void {
  one.on('error', () => {})
  one.once('close', () => {
    if (one.errored !== null || !one.readableEnded) other.destroy()
    else if (!other.destroyed) other.end(() => { other.destroy() })
  })
}

/**
 * Watches a connection that nobody reads yet, without taking its bytes.
 *
 * @param onGone called once when the other side has ended or lost the connection
 * @returns ends the watch
 */
export function watchForEnd (connection: Duplex, onGone: () => void): () => void {
  const onReadable = (): void => {
    // at the end of the stream only a read brings the event; bytes that came are left for who reads later
    if (connection.readableLength === 0) connection.read()
  }
  connection.on('readable', onReadable).once('end', onGone).once('close', onGone)
  return () => { connection.off('readable', onReadable).off('end', onGone).off('close', onGone) }
}
