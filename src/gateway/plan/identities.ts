/** The identities that a plan uses, each once, with where its PIN comes from and what its trust list gains. */
import { resolve } from 'node:path'
import { credUser, pin, trust } from '../../profile/parameters/postern.ts'
import type { Settings } from '../../profile/parameters/settings.ts'
import type { IdentityPlan, PinSource } from '../plan.ts'
import type { Directories } from './directories.ts'
import type { About, PlanFindings } from './input.ts'

/** The identities in use, by the absolute path of their file. */
export class IdentityBook {
  readonly #users = new Map<string, About>()
  readonly #settings: Settings
  readonly #secudir: string

  constructor (settings: Settings, { secudir }: Directories) {
    this.#settings = settings
    this.#secudir = secudir
  }

  /**
   * Notes that an identity is used.
   *
   * @param file as the profile names it
   * @returns its key in `plan.identities`
   */
  use (file: string, about: About): string {
    const key = this.#path(file)
    if (!this.#users.has(key)) this.#users.set(key, about)
    return key
  }

  /** All identities in use; reports PINs and trust lists that belong to none. */
  plans (findings: PlanFindings): Record<string, IdentityPlan> {
    this.#reportUnused(findings)
    const pins = this.#pins(findings)
    return Object.fromEntries([...this.#users].map(([file, { name, origin }]) =>
      [file, { file, pin: pins.get(file) ?? this.#usualPin(), additionalTrust: this.#trustOf(file), parameter: name, origin }]))
  }

  /** Without a parameter that names a source: no PIN, and where one is needed, the entry of `cred_v2`. */
  #usualPin (): PinSource[] {
    return [{ from: 'none' }, { from: 'cred_v2', user: this.#settings.get(credUser) }]
  }

  #pins (findings: PlanFindings): Map<string, PinSource[]> {
    const pins = new Map<string, PinSource[]>()
    for (const setting of this.#settings.all(pin)) {
      const { PSE, FILE, ENV } = setting.value
      if ((FILE === null) === (ENV === null)) {
        findings.report('POSTERN_ERR_PLAN_PIN', setting, { message: `${FILE === null ? 'no source' : 'two sources'} of the PIN`, expected: 'either FILE= or ENV=' })
      }
      const source: PinSource = FILE === null ? { from: 'environment', variable: ENV ?? '' } : { from: 'file', file: this.#path(FILE) }
      pins.set(this.#path(PSE), [...pins.get(this.#path(PSE)) ?? [], source])
    }
    return pins
  }

  #trustOf (file: string): string[] {
    return this.#settings.all(trust).filter(({ value }) => this.#path(value.PSE) === file).map(({ value }) => this.#path(value.CERTS))
  }

  #reportUnused (findings: PlanFindings): void {
    for (const setting of [...this.#settings.all(pin), ...this.#settings.all(trust)]) {
      const file = this.#path(setting.value.PSE)
      if (this.#users.has(file)) continue
      findings.report('POSTERN_WARN_PLAN_UNUSED_IDENTITY', setting, { key: 'PSE', message: `nothing uses the identity ${file}`, expected: 'an identity of a port or towards a back end, written as there' })
    }
  }

  #path (file: string): string {
    return resolve(this.#secudir, file)
  }
}
