import type { Socket } from 'node:net'
import type { Endpoint } from './endpoint.ts'

/** `serving`: takes new exchanges. `draining`: what runs may end. `gone`: its connections are broken. */
export type ProviderState = 'serving' | 'draining' | 'gone'

/** One registered initiator as the server of one endpoint: what the forward path knows of reverse invoke. */
export interface Provider {
  /** For logs: the certificate's subject (or the address) and the instance. */
  readonly name: string
  readonly endpoint: Endpoint
  readonly state: ProviderState
  /**
   * Hands out a data connection, idle and upgraded, on which the caller is the HTTP/1.1 client: an idle one, or the next that the
   * initiator opens. Its `close` tells the registration that it has ended.
   *
   * @throws POSTERN_ERR_REVERSE_INVOKE_NO_CONNECTION (503) when none came in time, REVERSE_INVOKE_BUSY (503) when too many wait,
   * REVERSE_INVOKE_GONE (503) when the provider left `serving` meanwhile
   */
  take (): Promise<Socket>
  /** Calls back at each change of `state`. */
  onChange (listener: (state: ProviderState) => void): void
}

/** Where the forward path finds providers. */
export interface ProviderSource {
  /** Those of an endpoint that are `serving`; empty when nobody has registered it. */
  providersOf (endpoint: Endpoint): readonly Provider[]
}
