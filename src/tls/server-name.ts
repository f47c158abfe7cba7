/** Which identity answers for a host name: by the names in the certificates, as a client compares them (RFC 9525). */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

/**
 * A host name in the form in which names are compared: lower case, without the dot that ends a fully qualified name.
 *
 * @param text from a server name extension or, without port, from a Host field; a client chooses it
 * @returns `null` for what is no DNS name. IP addresses are none: no client sends one as server name (RFC 6066 section 3)
 */
export function normalizeServerName (text: string): string | null {
  const name = text.toLowerCase().replace(/\.$/, '')
  // no `*`, no leading dot: checkHost would take them for more than a name
  const isName = name.length <= 253 && /^(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/.test(name)
  return isName && isIP(name) === 0 ? name : null
}

/** The common name counts only where a certificate has no DNS name, and a `*` stands for exactly one whole label. */
const matching = { subject: 'default', wildcards: true, partialWildcards: false, multiLabelWildcards: false } as const

/** Finds the certificate for a host name among those of one port. */
export class ServerNames {
  readonly #certificates: readonly X509Certificate[]

  /** @param certificates own certificates of the identities, DER, the default first */
  constructor (certificates: readonly Uint8Array[]) {
    this.#certificates = certificates.map(der => new X509Certificate(der))
  }

  /**
   * Position of the identity for a name: the first certificate with exactly that name, else the first with a wildcard for it, else 0,
   * the default.
   *
   * @param name made by {@link normalizeServerName}; `null` where the client named nothing
   */
  indexOf (name: string | null): number {
    if (name === null || this.#certificates.length === 1) return 0
    const matches = this.#certificates.map(certificate => certificate.checkHost(name, matching))
    const exact = matches.findIndex(match => match !== undefined && !match.includes('*'))
    const index = exact >= 0 ? exact : matches.findIndex(match => match !== undefined)
    return Math.max(index, 0)
  }
}
