/**
 * Identities in memory, as the rest of the program gets them from a PSE.
 */
import type { Identity } from '../../src/pse/identity.ts'
import type { Issued } from './pki.ts'

/** An identity with the certificate's chain and a trust list. */
export function identityOf (own: Issued | null, trusted: readonly Issued[]): Identity {
  return {
    privateKey: own?.key ?? null,
    certificate: own?.der ?? null,
    chain: own?.issuers.map(({ der }) => der) ?? [],
    trusted: trusted.map(({ der }) => der),
    source: { file: 'memory', format: 'pem' }
  }
}
