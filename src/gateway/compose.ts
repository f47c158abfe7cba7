/**
 * From the plan to Fastify instances: one per `icm/server_port_<xx>`, one for the registration port of reverse invoke, one for the admin
 * port. Nothing is decided here; a rule that looks as if it belonged here belongs to the plan or to a plugin.
 */
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import { countUpstreamFailures } from '../../plugins/metrics.ts'
import type { RouterConnect } from '../../plugins/router.ts'
import { DispatchTable } from '../dispatch/table.ts'
import type { Identity } from '../pse/identity.ts'
import { Registrations } from '../reverse-invoke/registrations.ts'
import type { RevocationList } from '../revocation/revocation-list.ts'
import type { RevocationLists } from '../revocation/revocation-lists.ts'
import { dialer } from '../upstream/connector.ts'
import { UpstreamPools } from '../upstream/pools.ts'
import { ReverseInvokePools } from '../upstream/reverse-invoke-pools.ts'
import type { Pools } from '../upstream/sender.ts'
import { ComposedGateway } from './composed-gateway.ts'
import { IdentityStore } from './identity-store.ts'
import type { Plan } from './plan.ts'
import { revocationOf } from './revocation.ts'
import { addressesOf, systemsOf } from './systems.ts'

/** What the listeners of one gateway have in common. */
export interface Shared {
  readonly plan: Plan
  /** As they are now: a renewal changes the map. */
  readonly identities: ReadonlyMap<string, Identity>
  readonly store: IdentityStore
  /** Judges the certificates of clients, back ends and the other side of reverse invoke; `null`: nobody does. */
  readonly revocation: RevocationLists | null
  /** The lists that are in use at first. */
  readonly lists: readonly RevocationList[]
  readonly table: DispatchTable
  readonly pools: Pools
  /** How end-to-end TLS reaches a server; `null`: by TCP. */
  readonly connectStream: RouterConnect | null
  /** Who is registered; `null` where this gateway opens the connections to its back ends itself. */
  readonly registrations: Registrations | null
  readonly metrics: Registry
  readonly logger: Logger
}

/** A gateway that was made from a plan. */
export interface Gateway {
  /** Addresses of the listeners by their parameter, once {@link Gateway.listen} has ended; `postern/admin_port` among them. */
  readonly addresses: ReadonlyMap<string, AddressInfo>
  /**
   * Opens all ports, or none: a port that cannot be opened closes those that were.
   *
   * @throws POSTERN_ERR_GATEWAY_LISTEN
   */
  listen (): Promise<void>
  /**
   * Stops in order: says that it goes, waits `plan.drainDelayMs`, takes no new connections; running exchanges end within
   * `plan.shutdownTimeoutMs` from the beginning, what is left then is cut.
   */
  close (): Promise<void>
  /** Lets names be resolved again, tries servers that were taken out, and opens log files anew (SIGHUP). */
  refresh (): void
  /**
   * Loads identities, trust lists and revocation lists anew and uses what has changed, without ending anything that is still good. Never
   * rejects: what cannot be used is said in the log, and what was there before stays.
   *
   * @param reason for the log
   */
  reload (reason: string): Promise<void>
}

/** What a plan only names. */
export interface GatewayParts {
  /** The loaded identities by their key in `plan.identities`. */
  readonly identities: ReadonlyMap<string, Identity>
  /** The loaded revocation lists. Default: none. */
  readonly revocationLists?: readonly RevocationList[]
  /** Key of the stickiness cookies; `null`: one is made. */
  readonly stickyKey?: Buffer | null
  readonly logger: Logger
}

/**
 * Makes the Fastify instances of a plan and registers their plugins; opens no port.
 *
 * @throws POSTERN_ERR_OPTIONS_INVALID and what the plugins throw
 */
export async function createGateway (plan: Plan, { identities: loaded, revocationLists = [], stickyKey, logger }: GatewayParts): Promise<Gateway> {
  const store = new IdentityStore(loaded)
  const identities = store.present
  const revocation = revocationOf(plan, revocationLists, logger)
  const connections = connectionsOf(plan, revocation)
  const metrics = new Registry()
  const systems = systemsOf(plan, identities)
  const table = new DispatchTable(systems, {
    conflictResolution: plan.conflictResolution,
    stickyKey: stickyKey ?? undefined,
    retryAfterMs: plan.balancing.retryAfterMs,
    addresses: await addressesOf(systems),
    onFailure: countUpstreamFailures(metrics),
    onServerChange: ({ system, server, state, reason }) => {
      logger[state === 'out' ? 'warn' : 'info']({ system, upstream: server.origin, reason }, state === 'out' ? 'server taken out' : 'server is back')
    }
  })
  const shared: Shared = { plan, identities, store, revocation, lists: revocationLists, table, ...connections, metrics, logger }
  const gateway = new ComposedGateway(shared)
  await gateway.compose()
  return gateway
}

/** With a registration port there is nothing here that could dial a back end. */
function connectionsOf ({ upstream, reverseInvoke: { acceptor } }: Plan, revocation: RevocationLists | null): Pick<Shared, 'pools' | 'registrations' | 'connectStream'> {
  if (acceptor === null) return { pools: new UpstreamPools({ ...upstream, connector: dialer(revocation) }), registrations: null, connectStream: null }
  const registrations = new Registrations()
  const pools = new ReverseInvokePools({ ...upstream, source: registrations, revocation })
  return { pools, registrations, connectStream: async (server, signal) => await pools.connectStream(server, signal) }
}
