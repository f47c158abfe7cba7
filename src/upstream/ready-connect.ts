import type { Socket } from 'node:net'
import { errors } from '../errors.ts'
import type { Connect } from './connector.ts'

/** What becomes of a connection that nobody has a use for yet. */
export interface ReadyOptions {
  /** For the next connection, when this one has ended. */
  readonly connect: Connect
  /** Time after which an unused connection is closed, in milliseconds. */
  readonly keepAliveTimeoutMs: number
  /** The connection ended before it was used. */
  readonly onLost: () => void
}

/** A connector whose first connection is there already. Until it is wanted it is watched, since nobody else reads it. */
export function readyConnect (ready: Socket, { connect, keepAliveTimeoutMs, onLost }: ReadyOptions): Connect {
  let isUnused = true
  const timer = setTimeout(lose, keepAliveTimeoutMs)
  ready.on('readable', lose).on('end', lose).on('close', lose).on('error', lose)

  function lose (): void {
    if (!unwatch()) return
    ready.on('error', () => {}).destroy()
    onLost()
  }

  function unwatch (): boolean {
    if (!isUnused) return false
    isUnused = false
    clearTimeout(timer)
    ready.off('readable', lose).off('end', lose).off('close', lose).off('error', lose)
    return true
  }

  return callback => {
    if (!unwatch()) return connect(callback)
    process.nextTick(() => {
      // undici waits for a close that it has missed for ever
      if (ready.destroyed) callback(new errors.UPSTREAM_CLOSED(), null)
      else callback(null, ready)
    })
  }
}
