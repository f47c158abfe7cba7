import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Identity } from '../pse/identity.ts'
import type { CertificatePath } from '../revocation/check.ts'
import { buildChain, IssuerCache } from '../x509/chain.ts'
import { parseCertificate, type Certificate } from '../x509/certificate.ts'
import { parsed, sentIssuers } from './sent-certificates.ts'

/**
 * The full paths of the certificates that were verified against the trust list of one identity, from the certificate to the root. For
 * revocation: unlike the chain of the header fields it prefers issuers of the trust list, as OpenSSL does, and says where trust begins.
 */
export class PeerPaths {
  readonly #identity: Pick<Identity, 'trusted' | 'chain'>
  readonly #anchors: ReadonlySet<string>
  readonly #trusted: readonly Certificate[]
  /** By the chain, which the cache hands out as the same object for the same certificate. */
  readonly #paths = new WeakMap<readonly Certificate[], CertificatePath>()
  readonly #cache: IssuerCache

  /**
   * @param previous of the identity that this one takes the place of: issuers that were seen with it are candidates here, and are verified anew
   * @throws POSTERN_ERR_X509_CERTIFICATE_INVALID for a trust list with something else than certificates
   */
  constructor (identity: Pick<Identity, 'trusted' | 'chain'>, previous?: PeerPaths) {
    this.#identity = identity
    this.#cache = previous === undefined ? new IssuerCache() : previous.#cache
    this.#trusted = identity.trusted.map(der => parseCertificate(der))
    this.#anchors = new Set(this.#trusted.map(({ fingerprint256 }) => fingerprint256))
  }

  /**
   * The path of the peer's certificate. A resumed session shows no issuers: they come from the trust list, from what was seen with
   * this certificate before, and from the identity's own chain. Where nobody knows them, the path ends there.
   *
   * @param socket a socket whose handshake has ended and whose peer has a certificate that was verified
   */
  pathOf (socket: TLSSocket, now: Date = new Date()): CertificatePath {
    const leaf = socket.getPeerX509Certificate() as X509Certificate
    return this.#seenBefore(leaf) ?? this.#build(leaf, now)
  }

  /** Whether this trust list accepts a path that was verified against another one, now or earlier. */
  accepts ({ certificates }: CertificatePath, now: Date = new Date()): boolean {
    const [certificate, ...issuers] = certificates
    if (certificate === undefined) return false
    const chain = buildChain(certificate, [...this.#trusted, ...issuers], now)
    return [certificate, ...chain].some(({ fingerprint256 }) => this.#anchors.has(fingerprint256))
  }

  /** Whether everything that `other` trusts is trusted here, too. */
  trustsAllOf (other: PeerPaths): boolean {
    return [...other.#anchors].every(anchor => this.#anchors.has(anchor))
  }

  /** A chain that was kept for the trust list before this one is no answer here. */
  #seenBefore (leaf: X509Certificate): CertificatePath | null {
    const chain = this.#cache.chainOf(leaf)
    if (chain === null) return null
    const isKept = ({ raw }: X509Certificate) => chain.some(({ der }) => der.equals(raw))
    return sentIssuers(leaf).every(isKept) ? this.#paths.get(chain) ?? null : null
  }

  #build (leaf: X509Certificate, now: Date): CertificatePath {
    const certificate = parsed(leaf)
    const isAnchor = ({ fingerprint256 }: Pick<Certificate, 'fingerprint256'>) => this.#anchors.has(fingerprint256)
    // no certificate, no status: what that means is up to the policy
    if (certificate === null) return { certificates: [], isAnchor }
    const sent = sentIssuers(leaf).map(parsed).filter(issuer => issuer !== null)
    const own = this.#identity.chain.map(der => parseCertificate(der))
    const chain = buildChain(certificate, [...this.#trusted, ...sent, ...this.#cache.issuersOf(certificate), ...own], now)
    const path = { certificates: [certificate, ...chain], isAnchor }
    this.#cache.remember(certificate, chain)
    this.#paths.set(chain, path)
    return path
  }
}
