import type { Identity } from '../pse/identity.ts'
import type { UpstreamServer } from '../upstream/server.ts'
import type { Plan, ServerPlan, SystemPlan } from './plan.ts'

/** A system whose servers carry their loaded identity. */
export type System = Omit<SystemPlan, 'servers'> & { readonly servers: readonly UpstreamServer[] }

/** The systems of a plan with the names of identities replaced by the identities. */
export function systemsOf (plan: Plan, identities: ReadonlyMap<string, Identity>): System[] {
  return plan.systems.map(system => ({ ...system, servers: system.servers.map(server => upstreamServer(server, identities)) }))
}

function upstreamServer ({ origin, host, port, tls }: ServerPlan, identities: ReadonlyMap<string, Identity>): UpstreamServer {
  if (tls === null) return { origin, host, port, tls }
  const { identity, ...rest } = tls
  return { origin, host, port, tls: { ...rest, identity: identities.get(identity) as Identity } }
}
