import { lookup } from 'node:dns/promises'
import { namesToResolve } from '../dispatch/selectors.ts'
import type { Identity } from '../pse/identity.ts'
import type { UpstreamServer } from '../upstream/server.ts'
import type { Plan, ServerPlan, SystemPlan } from './plan.ts'

/** A system whose servers carry their loaded identity. */
export type System = Omit<SystemPlan, 'servers'> & { readonly servers: readonly UpstreamServer[] }

/** The systems of a plan with the names of identities replaced by the identities. */
export function systemsOf (plan: Plan, identities: ReadonlyMap<string, Identity>): System[] {
  return plan.systems.map(system => ({ ...system, servers: system.servers.map(server => upstreamServer(server, { plan, identities })) }))
}

/** A server that carries its loaded identity: always the one that is in the map then. */
export function upstreamServer ({ origin, host, port, tls }: ServerPlan, { plan, identities }: { readonly plan: Plan, readonly identities: ReadonlyMap<string, Identity> }): UpstreamServer {
  if (tls === null) return { origin, host, port, tls }
  const { identity, ...rest } = tls
  const { ciphers } = plan.upstream
  return { origin, host, port, tls: { ...rest, ...(ciphers === null ? {} : { settings: ciphers }), get identity () { return identities.get(identity) as Identity } } }
}

/** Addresses of the host names in SRCSRV. A name that does not resolve matches nothing. */
export async function addressesOf (systems: readonly System[]): Promise<Map<string, readonly string[]>> {
  return new Map(await Promise.all(namesToResolve(systems).map(async name => {
    const found = await lookup(name, { all: true }).catch(() => [])
    return [name, found.map(({ address }) => address)] as const
  })))
}
