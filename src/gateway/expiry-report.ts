/** Tells what expires: in the log, for the health endpoint, and as numbers. */
import type { Logger } from 'pino'
import { Gauge, type Registry } from 'prom-client'
import type { Identity } from '../pse/identity.ts'
import type { RevocationLists, RevocationListSummary } from '../revocation/revocation-lists.ts'
import { certificatesInUse, daysUntil, issuersAmong } from './expiry.ts'
import type { Plan } from './plan.ts'

/** What the report is about. */
export interface ExpiryParts {
  readonly plan: Pick<Plan, 'identities' | 'renewal'>
  /** As they are now. */
  readonly identities: ReadonlyMap<string, Identity>
  readonly revocation: RevocationLists | null
  readonly metrics: Registry
  readonly logger: Pick<Logger, 'warn'>
  /** The clock; the system's by default. */
  readonly now?: () => Date
}

/** A trust list may have hundreds of certificates: no more series and lines than these, those that expire soonest. */
const maxSeries = 100
const maxLines = 20

const dayMs = 24 * 60 * 60 * 1000

/** See the head of the file. */
export class ExpiryReport {
  readonly #parts: ExpiryParts
  readonly #now: () => Date
  #timer: NodeJS.Timeout | undefined

  constructor (parts: ExpiryParts) {
    this.#parts = parts
    this.#now = parts.now ?? (() => new Date())
    parts.metrics.registerMetric(this.#certificateGauge())
    parts.metrics.registerMetric(this.#listGauge())
  }

  /** Warns now, and once a day from now on. */
  start (): void {
    this.warn()
    this.#timer = setInterval(() => { this.warn() }, dayMs)
  }

  stop (): void {
    clearInterval(this.#timer)
  }

  /** Warns of certificates below the threshold, and of revocation lists that are old or cannot be used. */
  warn (): void {
    const { plan: { renewal: { warningDays } }, logger } = this.#parts
    const now = this.#now()
    const limit = now.getTime() + warningDays * dayMs
    const soon = this.#certificates().filter(({ notAfter }) => notAfter.getTime() <= limit)
    for (const { identity, parameter, kind, subject, notAfter } of soon.slice(0, maxLines)) {
      logger.warn({ identity, parameter, kind, subject, notAfter, days: daysUntil(notAfter, now) }, notAfter < now ? 'certificate has expired' : 'certificate expires soon')
    }
    if (soon.length > maxLines) logger.warn({ certificates: soon.length, listed: maxLines }, 'more certificates expire soon')
    for (const { file, issuer, nextUpdate, problem } of this.#lists().filter(({ problem }) => problem !== null).slice(0, maxLines)) {
      logger.warn({ file, issuer, nextUpdate, problem }, 'revocation list clears nobody')
    }
  }

  /** For the health endpoint: what expires soonest first. */
  snapshot (): { certificates: object[], revocationLists: object[] } {
    const now = this.#now()
    return {
      certificates: this.#certificates().slice(0, maxSeries).map(({ identity, kind, subject, notAfter }) => ({ identity, kind, subject, notAfter, days: daysUntil(notAfter, now) })),
      revocationLists: this.#lists().slice(0, maxSeries).map(({ file, issuer, nextUpdate, revoked, problem }) => ({ file, issuer, nextUpdate, revoked, problem }))
    }
  }

  #certificates (): ReturnType<typeof certificatesInUse> {
    return certificatesInUse(this.#parts.plan, this.#parts.identities)
  }

  #lists (): RevocationListSummary[] {
    const { revocation, identities } = this.#parts
    return revocation?.summaries(issuersAmong(identities), this.#now()) ?? []
  }

  #secondsTo (time: Date): number {
    return Math.round((time.getTime() - this.#now().getTime()) / 1000)
  }

  #certificateGauge (): Gauge<'identity' | 'kind' | 'subject'> {
    const fill = (gauge: Gauge<'identity' | 'kind' | 'subject'>): void => {
      gauge.reset()
      // the soonest last, so that it stays where labels are the same
      for (const { identity, kind, subject, notAfter } of this.#certificates().slice(0, maxSeries).reverse()) gauge.labels({ identity, kind, subject }).set(this.#secondsTo(notAfter))
    }
    return new Gauge({
      name: 'postern_certificate_expiry_seconds',
      help: 'Time until a certificate in use expires; of several with the same labels, the first that does.',
      labelNames: ['identity', 'kind', 'subject'],
      registers: [],
      collect () { fill(this) }
    })
  }

  #listGauge (): Gauge<'file' | 'issuer'> {
    const fill = (gauge: Gauge<'file' | 'issuer'>): void => {
      gauge.reset()
      for (const { file, issuer, nextUpdate } of this.#lists().slice(0, maxSeries)) if (nextUpdate !== null) gauge.labels({ file, issuer }).set(this.#secondsTo(nextUpdate))
    }
    return new Gauge({
      name: 'postern_crl_next_update_seconds',
      help: 'Time until the next revocation list of an issuer is due.',
      labelNames: ['file', 'issuer'],
      registers: [],
      collect () { fill(this) }
    })
  }
}
