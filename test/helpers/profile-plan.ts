/** Plans from profile texts, in surroundings that are the same on every machine. */
import { planFromProfile, type PlanContext } from '../../src/gateway/plan-from-profile.ts'
import type { Plan } from '../../src/gateway/plan.ts'
import type { Finding } from '../../src/profile/finding.ts'
import { readProfile } from '../../src/profile/read.ts'

const machine = { hostname: 'wd', fullHostname: 'wd.example.com' }

/** Reads a profile text and plans it. The findings are those of reading and those of the plan. */
export function planOfText (text: string, context: Partial<PlanContext> = {}): { plan: Plan | null, findings: Finding[] } {
  const profile = readProfile([{ file: 'test.pfl', text }], [], machine)
  const { plan, findings } = planFromProfile(profile, { profileDirectory: '/etc/postern', env: {}, ...context })
  return { plan, findings: [...profile.findings, ...findings] }
}

/** A profile that starts without findings; `lines` come on top of it. */
export function planOfLines (lines: readonly string[], context: Partial<PlanContext> = {}): { plan: Plan | null, findings: Finding[] } {
  return planOfText([...usual, ...lines].join('\n'), context)
}

const usual = [
  'icm/server_port_0 = PROT=HTTPS, PORT=8443',
  'wdisp/system_0 = SID=ABC, EXTSRV=https://app.example:44300'
]

/** Severity and code of each finding, with the parameter it is about. */
export function brief (findings: readonly Finding[]): string[] {
  return findings.map(({ code, parameter }) => `${code.replace('POSTERN_', '')} ${parameter ?? '-'}`)
}
