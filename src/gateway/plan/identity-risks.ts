/** Combinations of ports and systems in which somebody could be taken for somebody else. */
import { matchesHostPattern, parseHostPattern } from '../../http/host-pattern.ts'
import { forwardClientCertificate } from '../../profile/parameters/icm.ts'
import type { ListenerPlan, SystemPlan } from '../plan.ts'
import type { HeaderPolicyOptions } from './header-policy.ts'
import type { PlanInput } from './input.ts'

interface Parts {
  readonly listeners: readonly ListenerPlan[]
  readonly systems: readonly SystemPlan[]
  readonly headerPolicy: HeaderPolicyOptions
}

/** Warns of listeners that leave a back end no way to tell the user from the gateway, and of trust that can never be shown. */
export function warnOfIdentityRisks ({ listeners, systems, headerPolicy }: Parts, { findings }: PlanInput): void {
  for (const listener of listeners) {
    if (listener.tls?.verifyClient === 0 && headerPolicy.trustedProxies.length > 0) {
      findings.report('POSTERN_WARN_PLAN_TRUST_NO_CERTIFICATE', listener, { message: 'predecessors are believed by their certificate, but this port asks for none (VCLIENT or icm/HTTPS/verify_client is 0)', expected: '1 or 2' })
    }
    const system = addsNoFields(listener, headerPolicy) ? systems.find(system => presentsCertificate(system) && isReachable(system, listener)) : undefined
    if (system !== undefined) {
      findings.report('POSTERN_WARN_PLAN_GATEWAY_AS_USER', listener, {
        message: `requests of this port reach ${system.name} with the gateway's certificate and without SSL header fields: the back end could take the gateway for the user`,
        expected: `${forwardClientCertificate.name} = TRUE and PROT=HTTPS, a redirect to HTTPS, or no client certificate towards that system`
      })
    }
  }
}

/** HTTP ports have nothing to add; HTTPS ports add what `forward_ccert_as_header` asks for. */
function addsNoFields (listener: ListenerPlan, { forwardClientCertificate }: HeaderPolicyOptions): boolean {
  switch (listener.protocol) {
    case 'ROUTER': return false
    case 'HTTPS': return !forwardClientCertificate
    case 'HTTP': return !redirectsEverything(listener)
  }
}

interface Rule { readonly prefix: string, readonly from: string | null, readonly fromProtocol: string | null, readonly for: string | null }

function redirectsEverything ({ plugins }: ListenerPlan): boolean {
  const rules = plugins.filter(({ plugin }) => plugin === 'redirect').flatMap(({ options }) => options['rules'] as Rule[])
  return rules.some(rule => rule.prefix === '/' && rule.from === '*' && rule.fromProtocol !== 'https' && rule.for === null)
}

function presentsCertificate ({ servers }: SystemPlan): boolean {
  return servers.some(({ tls }) => tls?.presentCertificate === true)
}

/** By the port alone: the addresses of a listener on all of them are not known here. */
function isReachable ({ sourceServers, runLevel }: SystemPlan, { port }: ListenerPlan): boolean {
  if (runLevel !== 'running') return false
  return sourceServers.length === 0 || port === 0 || sourceServers.some(text => {
    const pattern = parseHostPattern(text)
    return pattern !== null && matchesHostPattern({ ...pattern, name: '*' }, '', port)
  })
}
