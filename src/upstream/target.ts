import type { UpstreamServer } from './server.ts'

/** The server that was chosen for one request, with the reports that balancing needs. Both may be called once; later calls count for nothing. */
export interface Target {
  readonly server: UpstreamServer
  /** The system's parameter, for instance `wdisp/system_0`. */
  readonly system: string
  /** The server answered, whatever the status of its answer. */
  succeeded (): void
  /** The server cannot serve anybody (not reached, no TLS): it is taken out at once. `reason` is a short cause for log and metrics, never an address. */
  failed (reason: string): void
  /** Another server of the system for the same request, or `null`: each server once. Asked for when this one took no connection, so that nothing was sent. */
  next? (): Target | null
}
