import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Identity } from '../pse/identity.ts'
import type { ExchangeHandler, ExchangeOptions } from './exchange.ts'
import type { UpstreamServer } from './server.ts'

/** Sends requests to one server, by connections that it keeps. Usable wherever undici takes a dispatcher. */
export interface Sender extends Dispatcher {
  /** As `dispatch`, with options that the sender may keep. The answer, or an error of ours, goes to `handler`. */
  send (options: ExchangeOptions, handler: ExchangeHandler): void
}

/** The connections of a gateway to its servers, wherever they come from. */
export interface Pools {
  /** The sender of a server, made on first use: verified TLS and the client PSE come with it. */
  dispatcherFor (server: UpstreamServer): Sender
  /** Lets names be resolved anew (SIGHUP). */
  refresh (): void
  /** Another identity has taken the place of this one: its idle connections end now, the others behind their exchange. */
  retireIdentity (identity: Identity): void
  /** Ends the connections for which `predicate` holds: idle ones now, the others behind the exchanges that they have, upgraded ones at once. */
  endThose (predicate: (socket: Duplex) => boolean): void
  /** Ends upgraded connections: nothing else does, and they have no last exchange. */
  endTunnels (): void
  /** Ends in order; resolves when the last exchange and the last upgraded connection have ended. */
  close (): Promise<void>
  /** Ends everything at once. */
  destroy (): void
}
