/** What of a decision goes into a log line: rules and distinguished names, never a certificate. */
import type { Decision } from './policy.ts'

/** Fields of the log line for a decision. */
export interface DecisionLog {
  readonly predecessor: Decision['predecessor']
  readonly because: string
  /** The rule that matched, or the one that came nearest. */
  readonly rule: string | null
  readonly part?: 'subject' | 'issuer'
  readonly dnSeen?: string
  readonly dnExpected?: string
  /** The first difference, counted from 1. */
  readonly position?: number
  readonly seen?: string
  readonly expected?: string
  /** Both names of the certificate, where there is no rule to compare it with. */
  readonly subject?: string
  readonly issuer?: string
}

/** Makes the fields of the log line. */
export function decisionForLog ({ predecessor, because, verdict }: Decision): DecisionLog {
  const { rule, mismatch, unmatched } = verdict
  if (mismatch === null) return { predecessor, because, rule, ...unmatched }
  const { part, nameSeen, nameExpected, difference } = mismatch
  return { predecessor, because, rule: mismatch.rule, part, dnSeen: nameSeen, dnExpected: nameExpected, ...difference }
}
