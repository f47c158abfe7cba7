import type { VerifiedClient } from '../tls/connection.ts'

/** Certificates that are remembered; a client can have a new one for each connection. */
const maxRemembered = 1000

/** Client certificates whose chain ends before a root: each is reported once. */
export class IncompleteChains {
  readonly #reported = new Set<string>()

  /** What to log of a client whose chain is incomplete; `null` for all others and for those that were reported before. */
  report ({ certificate, chain, chainComplete }: VerifiedClient): { subject: string, issuerMissing: string } | null {
    if (chainComplete) return null
    const { fingerprint256: key } = certificate
    if (this.#reported.has(key)) return null
    if (this.#reported.size >= maxRemembered) this.#reported.clear()
    this.#reported.add(key)
    return { subject: certificate.subject, issuerMissing: (chain.at(-1) ?? certificate).issuer }
  }
}
