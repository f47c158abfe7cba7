import type { Socket } from 'node:net'

/**
 * Watches a data connection that nobody uses. The initiator is the server on it and has nothing to say before it is asked: whatever
 * comes, be it bytes or the end, means that the connection is of no use any more.
 *
 * @returns ends the watch and leaves the connection as it was
 */
export function watchIdle (socket: Socket, onUnusable: (reason: 'ended' | 'closed' | 'sent data') => void): () => void {
  // the end of a stream shows only to who reads
  const onReadable = (): void => {
    if (socket.read() === null) return
    stop()
    onUnusable('sent data')
  }
  const onEnd = (): void => { stop(); onUnusable('ended') }
  const onClose = (): void => { stop(); onUnusable('closed') }
  const stop = (): void => { socket.off('readable', onReadable).off('end', onEnd).off('close', onClose) }
  socket.on('readable', onReadable).on('end', onEnd).on('close', onClose)
  return stop
}
