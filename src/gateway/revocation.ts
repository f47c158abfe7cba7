/** The revocation check of a gateway, and what is wrong with its lists. */
import type { Logger } from 'pino'
import type { Identity } from '../pse/identity.ts'
import { RevocationLists, type RevocationListSummary } from '../revocation/revocation-lists.ts'
import type { RevocationList } from '../revocation/revocation-list.ts'
import { issuersAmong } from './expiry.ts'
import type { Plan } from './plan.ts'

/** The check that a plan asks for; `null`: none. */
export function revocationOf ({ revocation: { policy } }: Plan, lists: readonly RevocationList[], logger: Pick<Logger, 'warn'>): RevocationLists | null {
  if (policy === 'off') return null
  return new RevocationLists({
    policy,
    lists,
    onUnknown: ({ why, subject, issuer, serialNumber, depth }) => {
      logger.warn({ why, subject, issuer, serialNumber, depth }, 'not known whether a certificate was revoked: it passes (postern/crl_policy = soft)')
    }
  })
}

/** What there is to say of lists before they are used. */
export function summariesOf ({ revocation: { policy } }: Plan, lists: readonly RevocationList[], identities: ReadonlyMap<string, Identity>): RevocationListSummary[] {
  return new RevocationLists({ policy, lists, onUnknown: () => {} }).summaries(issuersAmong(identities))
}
