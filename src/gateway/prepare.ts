/**
 * From a profile file to everything the gateway needs before it opens a port: the plan, the loaded identities, and the findings.
 */
import { dirname, resolve } from 'node:path'
import { loadProfile, loadServices } from '../profile/load.ts'
import type { Finding } from '../profile/finding.ts'
import { loadIdentity } from '../pse/load.ts'
import { publicRootsAmong } from '../pse/public-roots.ts'
import type { Identity } from '../pse/identity.ts'
import { loadAcl } from '../access-control/load.ts'
import { loadRevocationLists } from '../revocation/load.ts'
import type { RevocationList } from '../revocation/revocation-list.ts'
import { loadStickyKey } from '../dispatch/load.ts'
import { auxiliaryServer } from './auxiliary-upstream.ts'
import { loadExternalPlugin, type ExternalPluginOptions } from './external-plugin.ts'
import { planFromProfile } from './plan-from-profile.ts'
import type { IdentityPlan, Origin, Plan, ServerPlan } from './plan.ts'
import { processUser } from './process-user.ts'
import { summariesOf } from './revocation.ts'

/** What a profile came to. `plan` is `null` where the profile itself has errors. */
export interface Prepared {
  readonly plan: Plan | null
  readonly identities: ReadonlyMap<string, Identity>
  readonly revocationLists: readonly RevocationList[]
  /** Key of the stickiness cookies, where the profile names one. */
  readonly stickyKey: Buffer | null
  readonly findings: readonly Finding[]
}

/** @param overrides `name=value` arguments of the command line; they win over the profile. */
export async function prepareGateway (profilePath: string, overrides: readonly string[] = []): Promise<Prepared> {
  const profile = await loadProfile(profilePath, overrides)
  const { plan, findings } = planFromProfile(profile, { profileDirectory: dirname(resolve(profilePath)), env: process.env, services: await loadServices() })
  const all = [...profile.findings, ...findings]
  if (plan === null) return { plan, identities: new Map(), revocationLists: [], stickyKey: null, findings: all }
  const { identities, findings: ofIdentities } = await loadIdentities(plan.identities)
  const revocation = await prepareRevocation(plan, identities)
  const sticky = await prepareStickyKey(plan.balancing)
  const others = [...publicTrust(plan, identities), ...nameless(plan, identities), ...revocation.findings, ...sticky.findings, ...await accessControlFaults(plan), ...await externalPluginFaults(plan)]
  return { plan, identities, revocationLists: revocation.lists, stickyKey: sticky.key, findings: [...all, ...ofIdentities, ...others] }
}

/** Loads every identity of a plan; each fault becomes a finding about the parameter that named the file. */
export async function loadIdentities (plans: Readonly<Record<string, IdentityPlan>>): Promise<{ identities: Map<string, Identity>, findings: Finding[] }> {
  const identities = new Map<string, Identity>()
  const findings: Finding[] = []
  const user = processUser()
  for (const [name, plan] of Object.entries(plans)) {
    const finding = findingAbout(plan.parameter, plan.origin)
    try {
      const { identity, warnings } = await loadIdentity(plan, { user, env: process.env })
      identities.set(name, identity)
      for (const warning of warnings) findings.push(finding('warning', warning.code, warning.message))
    } catch (error) {
      findings.push(faultOf(error, finding))
    }
  }
  return { identities, findings }
}

/** A public CA in a server's trust list: everybody whom it ever gave a certificate would be a client with a verified certificate. */
function publicTrust ({ listeners, reverseInvoke: { acceptor }, identities: plans }: Plan, identities: ReadonlyMap<string, Identity>): Finding[] {
  const names = new Set([...listeners, ...acceptor === null ? [] : [acceptor]].flatMap(({ tls }) => tls?.identities ?? []))
  return [...names].flatMap(name => {
    const { parameter, origin, file } = plans[name] as IdentityPlan
    return publicRootsAmong(identities.get(name)?.trusted ?? []).map(({ subject }) => findingAbout(parameter, origin)('warning', 'POSTERN_WARN_IDENTITY_PUBLIC_ROOT',
      `${file} trusts the public CA ${subject}: every certificate of that CA counts as a verified client's`))
  })
}

/** Who registers with another gateway has to show a certificate there. */
function nameless ({ reverseInvoke: { initiators } }: Plan, identities: ReadonlyMap<string, Identity>): Finding[] {
  return initiators.filter(({ identity }) => identity !== null && identities.get(identity)?.privateKey === null).map(({ name, origin, identity }) =>
    findingAbout(name, origin)('error', 'POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY', `${String(identity)} has no private key with a certificate; registering needs both`))
}

async function prepareRevocation (plan: Plan, identities: ReadonlyMap<string, Identity>): Promise<{ lists: RevocationList[], findings: Finding[] }> {
  const plans = plan.revocation.lists
  const findingFor = (file: string): MakeFinding => {
    const { parameter, origin } = plans.find(({ path }) => file.includes(path)) ?? { parameter: null, origin: { file: null, line: null } }
    return findingAbout(parameter, origin)
  }
  try {
    const lists = await loadRevocationLists(plans.map(({ path }) => path))
    const unusable = summariesOf(plan, lists, identities).filter(({ problem }) => problem !== null)
    return { lists, findings: unusable.map(({ file, issuer, problem }) => findingFor(file)('warning', 'POSTERN_WARN_CRL_UNUSABLE', `${file}: the list of ${issuer} clears nobody: ${problem as string}`)) }
  } catch (error) {
    return { lists: [], findings: [faultOf(error, findingFor((error as Error).message))] }
  }
}

async function prepareStickyKey ({ stickyKey }: Plan['balancing']): Promise<{ key: Buffer | null, findings: Finding[] }> {
  if (stickyKey === null) return { key: null, findings: [] }
  const finding = findingAbout(stickyKey.parameter, stickyKey.origin)
  try {
    const { key, exposed } = await loadStickyKey(stickyKey.file)
    const message = `group or others may read ${stickyKey.file}: whoever can is able to choose a server; expected mode 600`
    return { key, findings: exposed ? [finding('warning', 'POSTERN_WARN_DISPATCH_STICKY_KEY_EXPOSED', message)] : [] }
  } catch (error) {
    return { key: null, findings: [faultOf(error, finding)] }
  }
}

async function accessControlFaults ({ listeners }: Plan): Promise<Finding[]> {
  const checks = listeners.map(async ({ name, origin, aclFile }) => {
    if (aclFile === null) return []
    return await faultsOf(loadAcl(aclFile), findingAbout(`${name} ACLFILE`, origin))
  })
  return (await Promise.all(checks)).flat()
}

/** Every plugin once, although each listener has it. */
async function externalPluginFaults ({ listeners }: Plan): Promise<Finding[]> {
  const entries = listeners.flatMap(({ plugins }) => plugins).filter(({ plugin }) => plugin === 'external')
  const checks = [...new Map(entries.map(entry => [entry.parameter, entry])).values()].map(async ({ parameter, options }) => {
    const external = options as unknown as ExternalPluginOptions & { readonly tls: ServerPlan['tls'], readonly origin: Origin }
    return await faultsOf(loadExternalPlugin(external).then(loaded => auxiliaryServer(loaded, external.tls)), findingAbout(parameter, external.origin))
  })
  return (await Promise.all(checks)).flat()
}

async function faultsOf (check: Promise<unknown>, finding: MakeFinding): Promise<Finding[]> {
  return await check.then(() => [], (error: unknown) => [faultOf(error, finding)])
}

type MakeFinding = ReturnType<typeof findingAbout>

function faultOf (error: unknown, finding: MakeFinding): Finding {
  return finding('error', codeOf(error), (error as Error).message)
}

function findingAbout (parameter: string | null, { file, line }: Origin) {
  return (severity: Finding['severity'], code: string, message: string): Finding =>
    ({ severity, code, file, line, parameter, message, expected: null })
}

function codeOf (error: unknown): string {
  return (error as { code?: string }).code ?? 'POSTERN_ERR_GATEWAY_CONFIGURATION'
}
