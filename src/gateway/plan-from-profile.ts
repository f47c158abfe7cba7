/**
 * From a profile to the plan: checks every parameter, puts the parts of the plan together, and looks at what only the whole shows.
 *
 * Pure: the same profile and context give the same plan. No file is read and no port is opened here.
 */
import type { Finding } from '../profile/finding.ts'
import { checkParameters } from '../profile/parameters/check.ts'
import { serverPort } from '../profile/parameters/icm.ts'
import { errorStatus, plugin } from '../profile/parameters/postern.ts'
import { instanceNumber, systemName } from '../profile/parameters/system.ts'
import { conflictResolution, system } from '../profile/parameters/wdisp.ts'
import type { Profile } from '../profile/read.ts'
import type { Services } from '../profile/services.ts'
import { directoriesOf } from './plan/directories.ts'
import { planHeaderPolicy } from './plan/header-policy.ts'
import { IdentityBook } from './plan/identities.ts'
import { warnOfIdentityRisks } from './plan/identity-risks.ts'
import { PlanFindings, type PlanInput } from './plan/input.ts'
import { planBalancing, planDrainDelay, planLog, planRouter, planShutdown, planUpstream } from './plan/limits.ts'
import { planListeners, type BareListener } from './plan/listeners.ts'
import { planPlugins } from './plan/plugins.ts'
import { reportUnregistered } from './plan/reverse-invoke-acceptor.ts'
import { planInitiators } from './plan/reverse-invoke-initiators.ts'
import { planRenewal, planRevocation } from './plan/revocation.ts'
import { Servers } from './plan/servers.ts'
import { reportConflicts } from './plan/system-conflicts.ts'
import { planSystems } from './plan/systems.ts'
import type { ListenerPlan, Plan, SystemPlan } from './plan.ts'

export { knownParameters } from '../profile/parameters/known.ts'

/** The surroundings of a profile. */
export interface PlanContext {
  /** Directory of the profile; plugins, ACL files and, without anything better, SECUDIR count from it. */
  readonly profileDirectory: string
  /** SECUDIR, stronger than what the profile and the environment say. */
  readonly secudir?: string
  /** Environment of the process; only SECUDIR is looked at. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Ports by the names of their services, as the services file of the machine lists them. Default: `http` and `https` only. */
  readonly services?: Services
}

/**
 * Makes the plan of a profile.
 *
 * @returns `plan` is `null` when a finding is an error, be it one of `profile.findings` or one of those returned here. `findings` does not
 *   repeat those of the profile. Never throws.
 */
export function planFromProfile (profile: Profile, { profileDirectory, secudir, env, services = new Map() }: PlanContext): { plan: Plan | null, findings: Finding[] } {
  const { settings, findings: ofParameters } = checkParameters(profile)
  const directories = directoriesOf(settings, { profileDirectory, secudir: [secudir, profile.environment.get('SECUDIR'), env['SECUDIR']] })
  const input: PlanInput = { settings, directories, services, identities: new IdentityBook(settings, directories), findings: new PlanFindings(fileOf(profile)) }
  const plan = planOf(input)
  const findings = [...ofParameters, ...input.findings.list]
  const usable = [...profile.findings, ...findings].every(({ severity }) => severity !== 'error')
  return { plan: usable ? plan : null, findings }
}

/** The last file that says something: of `DEFAULT.PFL` and the instance profile, the latter. */
function fileOf ({ parameters }: Profile): string | null {
  return [...parameters.values()].findLast(({ origin }) => origin.file !== null)?.origin.file ?? null
}

function planOf (input: PlanInput): Plan {
  const { settings, findings, identities } = input
  const { listeners: bare, acceptor, admin } = planListeners(input)
  const headerPolicy = planHeaderPolicy(input)
  const servers = new Servers(input, { terminates: bare.some(({ protocol }) => protocol !== 'ROUTER'), https: bare.some(({ protocol }) => protocol === 'HTTPS') })
  const systems = planSystems(input, servers)
  const { pluginsOf, pluginsFor } = planPlugins(input, { listeners: bare, headerPolicy, servers })
  const listeners = bare.map((listener): ListenerPlan => ({ ...listener, plugins: pluginsOf(listener) }))
  const initiators = planInitiators(input, { listeners: bare, pluginsFor })
  if (acceptor !== null) reportUnregistered(acceptor, systems, input)
  checkSystems({ listeners: bare, systems }, input)
  warnOfIdentityRisks({ listeners, systems, headerPolicy }, input)
  return {
    planVersion: 1,
    instance: { name: settings.get(systemName), number: settings.get(instanceNumber) },
    listeners,
    systems,
    conflictResolution: settings.get(conflictResolution),
    balancing: planBalancing(input),
    upstream: planUpstream(input),
    router: planRouter(input),
    reverseInvoke: { acceptor, initiators },
    revocation: planRevocation(input),
    renewal: planRenewal(input),
    admin,
    log: planLog(input),
    shutdownTimeoutMs: planShutdown(input),
    drainDelayMs: planDrainDelay(input),
    errorStatus: settings.get(errorStatus),
    // last: every part has noted the identities that it uses
    identities: identities.plans(findings)
  }
}

/** What systems and listeners must be to each other. */
function checkSystems ({ listeners, systems }: { listeners: readonly BareListener[], systems: readonly SystemPlan[] }, input: PlanInput): void {
  const { settings, findings } = input
  const router = listeners.find(({ protocol }) => protocol === 'ROUTER')
  const onlyPlugins = router === undefined && settings.isAttempted(plugin)
  if (settings.isAttempted(serverPort) && systems.length === 0 && !settings.isAttempted(system) && !onlyPlugins) {
    findings.report('POSTERN_ERR_PLAN_NO_SYSTEM', null, { message: 'the profile sets no wdisp/system_<xx>, so requests can be sent nowhere', expected: 'at least one, for instance wdisp/system_0 = SID=ABC, EXTSRV=https://host:port, SRCSRV=*:*' })
  }
  const plain = router === undefined ? undefined : systems.find(({ servers }) => servers.some(({ origin }) => origin.startsWith('http:')))
  if (router !== undefined && plain !== undefined) {
    findings.report('POSTERN_WARN_PLAN_PLAIN_SERVER', plain, { key: 'EXTSRV', message: `${router.name} passes TLS on untouched, and a server of this system speaks none`, expected: 'https servers, or SRCSRV that keeps the port away from this system' })
  }
  reportConflicts(systems, input)
}
