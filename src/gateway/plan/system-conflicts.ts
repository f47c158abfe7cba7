/** Systems that are for the same requests while nothing says which one counts. */
import { compileSelectors, namesToResolve, overlap, type Selectors } from '../../dispatch/selectors.ts'
import { conflictResolution } from '../../profile/parameters/wdisp.ts'
import type { SystemPlan } from '../plan.ts'
import type { PlanInput } from './input.ts'

/** Reports each system once, with the first earlier one that it conflicts with. */
export function reportConflicts (systems: readonly SystemPlan[], { settings, findings }: PlanInput): void {
  if (settings.get(conflictResolution) !== 'ERROR') return
  const judged: Array<{ system: SystemPlan, selectors: Selectors }> = []
  for (const system of systems) {
    const selectors = selectorsOf(system)
    if (selectors === null) continue
    const other = judged.find(earlier => overlap(earlier.selectors, selectors))
    if (other !== undefined) {
      findings.report('POSTERN_ERR_PLAN_SYSTEM_CONFLICT', system, {
        message: `${other.system.name} is for some of the same requests`,
        expected: `SRCSRV, SRCURL or SRCVHOST that keep them apart, or ${conflictResolution.name} = FIRST_MATCH or BEST_MATCH`
      })
    }
    judged.push({ system, selectors })
  }
}

/** Host names in SRCSRV stand for addresses that are not known before the start; the dispatcher checks such systems then. */
function selectorsOf (system: SystemPlan): Selectors | null {
  const compilable = { ...system, servers: [] }
  return namesToResolve([compilable]).length > 0 ? null : compileSelectors(compilable, new Map())
}
