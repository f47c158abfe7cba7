/** The lists in use, and the policy. */
import type { Certificate } from '../x509/certificate.ts'
import { checkRevocation, type CertificatePath, type Revoked, type Unknown } from './check.ts'
import type { RevocationList } from './revocation-list.ts'

/**
 * What happens to certificates whose status is unknown: `soft` lets them pass with a warning, `hard` refuses them. Revoked ones are
 * refused under both. `off`: nothing is checked.
 */
export type RevocationPolicy = 'off' | 'soft' | 'hard'

/** Why a certificate is not let in, or would not be under `hard`. */
export type RevocationFinding = Revoked | Unknown

/** Judges the certificates of connections; {@link RevocationLists} is one. */
export interface RevocationCheck {
  /** Returns why the certificate must be refused; `null`: it may pass. */
  judge: (path: CertificatePath, now?: Date) => RevocationFinding | null
}

/** Settings of {@link RevocationLists}. */
export interface RevocationListsOptions {
  readonly policy: RevocationPolicy
  readonly lists?: readonly RevocationList[]
  /** Called under `soft`, once for each issuer and kind of finding, when a certificate passes although its status is unknown. */
  readonly onUnknown: (finding: Unknown) => void
}

/** One list, for logs, checks and metrics. */
export interface RevocationListSummary {
  readonly file: string
  readonly issuer: string
  /** Decimal, `null` for a list without a number. */
  readonly number: string | null
  readonly thisUpdate: Date
  readonly nextUpdate: Date | null
  /** Certificates that it revokes. */
  readonly revoked: number
  /** What keeps it from clearing anybody; `null`: nothing. */
  readonly problem: string | null
}

/** The lists of a gateway. They can be replaced while connections are judged by them. */
export class RevocationLists implements RevocationCheck {
  readonly policy: RevocationPolicy
  readonly #onUnknown: (finding: Unknown) => void
  #lists: ReadonlyMap<string, readonly RevocationList[]> = new Map()
  readonly #reported = new Set<string>()

  constructor ({ policy, lists = [], onUnknown }: RevocationListsOptions) {
    this.policy = policy
    this.#onUnknown = onUnknown
    this.replace(lists)
  }

  /**
   * Puts other lists in the place of all present ones, from the next connection on. Whoever calls this ends the connections whose
   * certificate is no longer good: `endRefused` of the TLS server, `endRefused` of the pools of back-end connections.
   */
  replace (lists: readonly RevocationList[]): void {
    this.#lists = Map.groupBy(lists, ({ issuer }) => issuer)
    this.#reported.clear()
  }

  /** Returns why the certificate must be refused; `null`: it may pass. */
  judge (path: CertificatePath, now: Date = new Date()): RevocationFinding | null {
    if (this.policy === 'off') return null
    const status = checkRevocation(path, this.#lists, now)
    if (status.status === 'good') return null
    if (status.status === 'revoked' || this.policy === 'hard') return status
    this.#report(status)
    return null
  }

  /**
   * Describes every list. Checks the signatures of those whose issuers are given, so that no connection has to wait for that: over 16
   * MiB it takes some milliseconds.
   *
   * @param issuers certificates of CAs, for instance all of the trust lists
   */
  summaries (issuers: readonly Certificate[], now: Date = new Date()): RevocationListSummary[] {
    return [...this.#lists.values()].flat().map(list => ({
      file: list.file,
      issuer: list.issuer,
      number: list.number === null ? null : String(list.number),
      thisUpdate: list.thisUpdate,
      nextUpdate: list.nextUpdate,
      revoked: list.entries.size,
      problem: list.problem ?? problemOfSignature(list, issuers) ?? problemOfTime(list, now)
    }))
  }

  /** Issuers of verified certificates are few: nobody but a CA that is trusted can make new ones. */
  #report (finding: Unknown): void {
    const key = `${finding.why} ${finding.issuer}`
    if (this.#reported.has(key)) return
    this.#reported.add(key)
    this.#onUnknown(finding)
  }
}

function problemOfSignature (list: RevocationList, issuers: readonly Certificate[]): string | null {
  const namesakes = issuers.filter(({ subject }) => subject === list.issuer)
  if (namesakes.length === 0) return 'its issuer is not known yet, so its signature was not checked'
  return namesakes.some(issuer => list.isSignedBy(issuer)) ? null : 'none of the issuers of this name has signed it, or may sign lists'
}

function problemOfTime ({ thisUpdate, nextUpdate }: RevocationList, now: Date): string | null {
  if (thisUpdate > now) return 'it is not valid yet'
  if (nextUpdate === null) return 'it does not say when the next one is due, so it counts as old'
  return nextUpdate < now ? 'the next one is due' : null
}
