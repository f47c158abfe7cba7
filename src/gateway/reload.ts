/** Loads identities, trust lists and revocation lists anew while the gateway runs. */
import type { Logger } from 'pino'
import { Counter, type Registry } from 'prom-client'
import { loadIdentity } from '../pse/load.ts'
import type { Identity } from '../pse/identity.ts'
import { loadRevocationLists } from '../revocation/load.ts'
import type { RevocationList } from '../revocation/revocation-list.ts'
import type { RevocationLists } from '../revocation/revocation-lists.ts'
import { checkIdentity } from './identity-check.ts'
import { isSameIdentity, type IdentityStore } from './identity-store.ts'
import type { IdentityPlan, Plan } from './plan.ts'
import { processUser } from './process-user.ts'

/** What has changed. */
export interface Renewal {
  /** By their key in the plan. */
  readonly identities: ReadonlyMap<string, { readonly old: Identity, readonly renewed: Identity }>
  readonly lists: boolean
}

/** What a {@link Reloader} works with. */
export interface ReloadParts {
  readonly plan: Plan
  readonly store: IdentityStore
  /** `null`: revocation is not checked. */
  readonly revocation: RevocationLists | null
  /** The lists that are in use at first. */
  readonly lists: readonly RevocationList[]
  /** Makes what is running use what is new; called after the store and the lists have changed. */
  readonly apply: (renewal: Renewal) => void
  readonly metrics: Registry
  readonly logger: Logger
}

/** Something that could not be used, so that what was there before stays. */
export interface ReloadFault {
  readonly parameter: string
  readonly code: string
  /** Names the file; no secret. */
  readonly message: string
}

/** The outcome of the last reload, for the health endpoint. */
export interface ReloadState {
  readonly at: Date
  readonly faults: readonly ReloadFault[]
}

/** See the head of the file. One reload at a time; those that are asked for meanwhile become one. */
export class Reloader {
  readonly #parts: ReloadParts
  readonly #failures: Counter
  #lists: readonly RevocationList[]
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | null = null
  #state: ReloadState | null = null

  constructor (parts: ReloadParts) {
    this.#parts = parts
    this.#lists = parts.lists
    this.#failures = new Counter({ name: 'postern_reload_failures_total', help: 'Files that could not be used when they were loaded again; what was there before stays in use.', labelNames: ['parameter'], registers: [parts.metrics] })
  }

  /** `null` before the first reload. */
  get state (): ReloadState | null {
    return this.#state
  }

  /**
   * Loads all files, and replaces what has changed. A file that cannot be used is said in the log; what it would replace stays. Never rejects.
   *
   * @param reason for the log
   */
  async reload (reason: string): Promise<void> {
    if (this.#next === null) {
      const next = this.#running.then(async () => {
        this.#next = null
        await this.#reload(reason)
      })
      this.#next = next
      this.#running = next
    }
    await this.#next
  }

  async #reload (reason: string): Promise<void> {
    const { plan, store, revocation, apply, logger } = this.#parts
    const faults: ReloadFault[] = []
    const identities = await this.#renewedIdentities(faults)
    const lists = await this.#renewedLists(faults)
    for (const [name, { renewed }] of identities) store.replace(name, renewed)
    if (lists !== null) {
      this.#lists = lists
      revocation?.replace(lists)
    }
    this.#state = { at: new Date(), faults }
    if (identities.size > 0 || lists !== null) this.#apply({ identities, lists: lists !== null }, apply, faults)
    for (const name of identities.keys()) logger.info({ reason, parameter: plan.identities[name]?.parameter, identity: plan.identities[name]?.file }, 'identity replaced')
    if (lists !== null) logger.info({ reason, lists: lists.length }, 'revocation lists replaced')
    if (identities.size === 0 && lists === null && faults.length === 0) logger.info({ reason }, 'identities and revocation lists are as before')
  }

  #apply (renewal: Renewal, apply: ReloadParts['apply'], faults: ReloadFault[]): void {
    try {
      apply(renewal)
    } catch (error) {
      this.#fail(faults, [...renewal.identities.keys()].map(name => this.#parts.plan.identities[name]?.parameter).join(' '), error)
    }
  }

  async #renewedIdentities (faults: ReloadFault[]): Promise<Map<string, { old: Identity, renewed: Identity }>> {
    const { plan, store } = this.#parts
    const changed = new Map<string, { old: Identity, renewed: Identity }>()
    for (const [name, identityPlan] of Object.entries(plan.identities)) {
      const old = store.present.get(name) as Identity
      try {
        const renewed = await this.#load(identityPlan)
        if (isSameIdentity(old, renewed)) continue
        checkIdentity(name, renewed, plan)
        changed.set(name, { old, renewed })
      } catch (error) {
        this.#fail(faults, identityPlan.parameter, error, identityPlan.file)
      }
    }
    return changed
  }

  async #load (plan: IdentityPlan): Promise<Identity> {
    const { identity, warnings } = await loadIdentity(plan, { user: processUser(), env: process.env })
    for (const { code, message } of warnings) this.#parts.logger.warn({ code, parameter: plan.parameter }, message)
    return identity
  }

  /** `null`: they are the same, or cannot be used. */
  async #renewedLists (faults: ReloadFault[]): Promise<RevocationList[] | null> {
    const { plan: { revocation: { lists: plans } } } = this.#parts
    if (plans.length === 0) return null
    try {
      const lists = await loadRevocationLists(plans.map(({ path }) => path))
      return isSameSet(this.#lists, lists) ? null : lists
    } catch (error) {
      this.#fail(faults, plans.map(({ parameter }) => parameter).join(' '), error)
      return null
    }
  }

  #fail (faults: ReloadFault[], parameter: string, error: unknown, file?: string): void {
    const { code = 'unknown', message } = error as Error & { code?: string }
    faults.push({ parameter, code, message })
    this.#failures.labels({ parameter }).inc()
    this.#parts.logger.error({ code, parameter, file, why: message }, 'loaded again, and refused: what was in use before stays in use')
  }
}

function isSameSet (one: readonly RevocationList[], other: readonly RevocationList[]): boolean {
  const fingerprints = new Set(one.map(({ fingerprint256 }) => fingerprint256))
  return one.length === other.length && other.every(({ fingerprint256 }) => fingerprints.has(fingerprint256))
}
