/** What the parts of the plan share. */
import type { FindingText } from '../../profile/finding-codes.ts'
import type { Finding } from '../../profile/finding.ts'
import type { Settings } from '../../profile/parameters/settings.ts'
import type { Services } from '../../profile/services.ts'
import type { Origin } from '../plan.ts'
import type { Directories } from './directories.ts'
import { planFinding, type PlanFindingCode } from './finding-codes.ts'
import type { IdentityBook } from './identities.ts'

/** The parameter that a finding is about. */
export interface About {
  readonly name: string
  readonly origin: Origin
}

/** Collects what is wrong with a plan. */
export class PlanFindings {
  readonly list: Finding[] = []
  readonly #file: string | null

  /** @param file the profile, for what is about none of its lines */
  constructor (file: string | null) {
    this.#file = file
  }

  /** @param key the sub-parameter, where the finding is about one */
  report (code: PlanFindingCode, about: About | null, text: FindingText & { readonly key?: string }): void {
    const parameter = about === null ? null : text.key === undefined ? about.name : `${about.name} ${text.key}`
    this.list.push(planFinding(code, { file: about === null ? this.#file : about.origin.file, line: about?.origin.line ?? null, parameter }, text))
  }
}

/** Hands the checked profile and its surroundings to the parts of the plan. */
export interface PlanInput {
  readonly settings: Settings
  readonly directories: Directories
  readonly identities: IdentityBook
  readonly services: Services
  readonly findings: PlanFindings
}

/** The longest time that a timer of Node can wait, 24 days. */
const longestTimer = 2_147_483_647

/** Seconds of a parameter as milliseconds for a timer; -1 means without limit and gives `null`. */
export function milliseconds (seconds: number): number | null {
  return seconds === -1 ? null : Math.min(seconds * 1000, longestTimer)
}

/** KiB of a parameter as bytes; -1 means without limit and gives `null`. */
export function bytes (kibibytes: number): number | null {
  return kibibytes === -1 ? null : kibibytes * 1024
}

/** Ports that a machine without a services file knows by name as well. */
const wellKnown: Services = new Map([['http', 80], ['https', 443], ['http-alt', 8080], ['https-alt', 8443]])

/** The port of a number or a service; an unknown service is reported and gives `null`. */
export function portOf (port: number | string, { about, key, input }: { about: About, key?: string, input: Pick<PlanInput, 'services' | 'findings'> }): number | null {
  if (typeof port === 'number') return port
  const found = input.services.get(port) ?? wellKnown.get(port)
  if (found === undefined) input.findings.report('POSTERN_ERR_PLAN_SERVICE', about, { ...key !== undefined && { key }, message: `the service "${port}" is not known on this machine`, expected: 'a port number, or a name of the services file' })
  return found ?? null
}
