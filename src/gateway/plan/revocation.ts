/** Revocation lists, and how files are watched. */
import { resolve } from 'node:path'
import { expiryWarning, reloadInterval, revocationLists, revocationPolicy } from '../../profile/parameters/postern.ts'
import type { Plan } from '../plan.ts'
import type { PlanInput } from './input.ts'

/** Which lists there are, and what they are for. */
export function planRevocation ({ settings, directories, findings }: PlanInput): Plan['revocation'] {
  const lists = settings.all(revocationLists)
  const policy = settings.find(revocationPolicy)
  const [first] = lists
  if (policy?.value === 'off' && first !== undefined) {
    findings.report('POSTERN_WARN_PLAN_CRL_UNUSED', first, { message: `${policy.name} is off, so this list is not used`, expected: 'soft, hard, or no list' })
  }
  if (policy !== null && policy.value !== 'off' && first === undefined) {
    findings.report('POSTERN_ERR_PLAN_CRL_POLICY', policy, { message: `there is no ${revocationLists.name}: nobody would be recognised as revoked`, expected: `at least one ${revocationLists.name}, or off` })
  }
  return {
    policy: policy?.value ?? (first === undefined ? 'off' : 'soft'),
    lists: policy?.value === 'off' ? [] : lists.map(({ name, origin, value }) => ({ path: resolve(directories.secudir, value), parameter: name, origin }))
  }
}

/** When files are looked at, and of which certificates somebody should know. */
export function planRenewal ({ settings }: PlanInput): Plan['renewal'] {
  return { intervalMs: settings.get(reloadInterval) * 1000, warningDays: settings.get(expiryWarning) }
}
