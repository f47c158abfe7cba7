/**
 * From a profile file to everything the gateway needs before it opens a port: the plan, the loaded identities, and the findings.
 */
import { userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'
import { loadProfile, loadServices } from '../profile/load.ts'
import type { Finding } from '../profile/finding.ts'
import { loadIdentity } from '../pse/load.ts'
import { publicRootsAmong } from '../pse/public-roots.ts'
import type { Identity } from '../pse/identity.ts'
import { loadExternalPlugin, type ExternalPluginOptions } from './external-plugin.ts'
import { planFromProfile } from './plan-from-profile.ts'
import type { IdentityPlan, Origin, Plan } from './plan.ts'

/** What a profile came to. `plan` is `null` where the profile itself has errors. */
export interface Prepared {
  readonly plan: Plan | null
  readonly identities: ReadonlyMap<string, Identity>
  readonly findings: readonly Finding[]
}

/** @param overrides `name=value` arguments of the command line; they win over the profile. */
export async function prepareGateway (profilePath: string, overrides: readonly string[] = []): Promise<Prepared> {
  const profile = await loadProfile(profilePath, overrides)
  const { plan, findings } = planFromProfile(profile, { profileDirectory: dirname(resolve(profilePath)), env: process.env, services: await loadServices() })
  const all = [...profile.findings, ...findings]
  if (plan === null) return { plan, identities: new Map(), findings: all }
  const loaded = await loadIdentities(plan.identities)
  return { plan, identities: loaded.identities, findings: [...all, ...loaded.findings, ...publicTrust(plan, loaded.identities), ...await externalPluginFaults(plan)] }
}

/** Loads every identity of a plan; each fault becomes a finding about the parameter that named the file. */
export async function loadIdentities (plans: Readonly<Record<string, IdentityPlan>>): Promise<{ identities: Map<string, Identity>, findings: Finding[] }> {
  const identities = new Map<string, Identity>()
  const findings: Finding[] = []
  const user = userInfo().username
  for (const [name, plan] of Object.entries(plans)) {
    const finding = findingAbout(plan.parameter, plan.origin)
    try {
      const { identity, warnings } = await loadIdentity(plan, { user, env: process.env })
      identities.set(name, identity)
      for (const warning of warnings) findings.push(finding('warning', warning.code, warning.message))
    } catch (error) {
      findings.push(finding('error', codeOf(error), (error as Error).message))
    }
  }
  return { identities, findings }
}

/** A public CA in a server's trust list: everybody whom it ever gave a certificate would be a client with a verified certificate. */
function publicTrust ({ listeners, identities: plans }: Plan, identities: ReadonlyMap<string, Identity>): Finding[] {
  const names = new Set(listeners.flatMap(({ tls }) => tls?.identities ?? []))
  return [...names].flatMap(name => {
    const { parameter, origin, file } = plans[name] as IdentityPlan
    return publicRootsAmong(identities.get(name)?.trusted ?? []).map(({ subject }) => findingAbout(parameter, origin)('warning', 'POSTERN_WARN_IDENTITY_PUBLIC_ROOT',
      `${file} trusts the public CA ${subject}: every certificate of that CA counts as a verified client's`))
  })
}

async function externalPluginFaults (plan: Plan): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const listener of plan.listeners) {
    for (const { plugin, options, parameter } of listener.plugins) {
      if (plugin !== 'external') continue
      try {
        await loadExternalPlugin(options as unknown as ExternalPluginOptions)
      } catch (error) {
        findings.push(findingAbout(parameter, listener.origin)('error', codeOf(error), (error as Error).message))
      }
    }
  }
  return findings
}

function findingAbout (parameter: string | null, { file, line }: Origin) {
  return (severity: Finding['severity'], code: string, message: string): Finding =>
    ({ severity, code, file, line, parameter, message, expected: null })
}

function codeOf (error: unknown): string {
  return (error as { code?: string }).code ?? 'POSTERN_ERR_GATEWAY_CONFIGURATION'
}
