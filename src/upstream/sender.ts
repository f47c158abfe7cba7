import type { Dispatcher } from 'undici'
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
  /** Ends upgraded connections: nothing else does, and they have no last exchange. */
  endTunnels (): void
  /** Ends in order; resolves when the last exchange and the last upgraded connection have ended. */
  close (): Promise<void>
  /** Ends everything at once. */
  destroy (): void
}
