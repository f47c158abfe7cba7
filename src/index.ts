/**
 * The public API of the package `postern`: run a gateway from a profile or from a plan. The plugins and the rooms have subpaths of their own.
 */
export { errors } from './errors.ts'
export { createGateway, type Gateway } from './gateway/compose.ts'
export type { Plan } from './gateway/plan.ts'
export { planFromProfile } from './gateway/plan-from-profile.ts'
export { loadIdentities, prepareGateway, type Prepared } from './gateway/prepare.ts'
export { runGateway, type RunningGateway } from './gateway/run.ts'
export { readProfile, type Profile, type Parameter } from './profile/read.ts'
export type { Finding, Severity } from './profile/finding.ts'
export type { Identity } from './pse/identity.ts'
