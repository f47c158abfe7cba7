import type { UpstreamServer } from '../upstream/server.ts'

/** One `wdisp/system_<xx>` with the servers it balances over. */
export interface DispatchSystem {
  /** The parameter: `wdisp/system_0`. Unique. */
  readonly name: string
  readonly sid: string
  readonly servers: readonly UpstreamServer[]
  /** SRCSRV: `address:port` patterns of the local address the request arrived on. Empty: any. */
  readonly sourceServers: readonly string[]
  /** SRCURL: path prefixes. Empty: any. */
  readonly sourceUrls: readonly string[]
  /** SRCVHOST: `host:port` patterns for the Host field. Empty: any. */
  readonly sourceVirtualHosts: readonly string[]
  /** Sessions stay on one server, by our cookie (STICKY). */
  readonly sticky: boolean
  readonly runLevel: 'running' | 'stopped' | 'internal'
}

/** What to do when several systems match the same request (`wdisp/system_conflict_resolution`). */
export type ConflictResolution = 'ERROR' | 'FIRST_MATCH' | 'BEST_MATCH'
