/**
 * Chains of issuers. OpenSSL does not keep a client's chain in a TLS session, so on a resumed session nothing but the client's own
 * certificate is there: the chain is rebuilt from issuers that are known.
 *
 * Signatures are verified with `node:crypto`, not with pkijs: a chain is wanted once per connection, in the middle of synchronous
 * work, and pkijs can only verify asynchronously, through WebCrypto, and knows fewer algorithms than the OpenSSL that has verified
 * the client.
 */
import { opensslView, publicKeyOf, type Certificate } from './certificate.ts'

/** Longer chains are cut: no PKI in use has as many levels, and a peer must not decide how much work we do. */
const maxChainLength = 10
/** Signatures that are checked for one chain. More are only needed if many CAs share one name. */
const maxSignatureChecks = 40

/**
 * Finds the issuers of `leaf` among `known`: the next issuer first, up to and including the root if it is known. Each step is
 * verified by name, key identifier, CA flag and signature. Where two certificates of a CA fit (renewed, cross-signed), the one that
 * is valid now is taken, then the earlier one in `known`.
 *
 * The chain is as long as the known issuers reach; an empty one is no error. Building it decides nothing about trust: that has been
 * decided in the handshake.
 */
export function buildChain (leaf: Certificate, known: Iterable<Certificate>, now: Date = new Date()): Certificate[] {
  const candidates = [...known].sort((one, other) => Number(isValidAt(other, now)) - Number(isValidAt(one, now)))
  const chain: Certificate[] = []
  const budget = { signatureChecks: maxSignatureChecks }
  let current = leaf
  while (chain.length < maxChainLength && !isSelfSigned(current)) {
    const issuer = candidates.find(candidate => !contains(chain, candidate) && issued(candidate, current, budget))
    if (issuer === undefined) break
    chain.push(issuer)
    current = issuer
  }
  return chain
}

/** The chain as the SSL header fields want it: without the root. */
export function withoutRoot (chain: readonly Certificate[]): Certificate[] {
  return chain.filter(certificate => !isSelfSigned(certificate))
}

/** Whether a certificate names itself as its issuer and its own key as the signer. */
export function isSelfSigned (certificate: Certificate): boolean {
  let answer = selfSigned.get(certificate)
  if (answer === undefined) {
    const x509 = opensslView(certificate)
    answer = x509.checkIssued(x509) && isSignedBy(certificate, certificate)
    selfSigned.set(certificate, answer)
  }
  return answer
}

/** The roots of a trust list are asked for each connection, their signatures need checking once. */
const selfSigned = new WeakMap<Certificate, boolean>()

/** Whether a certificate is within its dates. */
export function isValidAt (certificate: Certificate, now: Date): boolean {
  return certificate.notBefore <= now && now <= certificate.notAfter
}

function contains (chain: readonly Certificate[], candidate: Certificate): boolean {
  return chain.some(one => one.fingerprint256 === candidate.fingerprint256)
}

function issued (issuer: Certificate, subject: Certificate, budget: { signatureChecks: number }): boolean {
  // the names first, because comparing texts costs nothing; OpenSSL compares names more liberally than that, but a CA copies its own
  if (issuer.subject !== subject.issuer) return false
  const issuerX509 = opensslView(issuer)
  const subjectX509 = opensslView(subject)
  if (!subjectX509.checkIssued(issuerX509) || !(issuerX509.ca || isSelfSigned(issuer))) return false
  if (budget.signatureChecks-- <= 0) return false
  return isSignedBy(subject, issuer)
}

/** A key of a kind that OpenSSL does not know has signed nothing; asking OpenSSL for it would throw. */
function isSignedBy (certificate: Certificate, issuer: Certificate): boolean {
  const publicKey = publicKeyOf(issuer)
  return publicKey !== null && opensslView(certificate).verify(publicKey)
}

/**
 * Issuers that clients have sent and that were verified, so that a resumed session, which shows no issuers, has the same chain as
 * the full handshake before it. Bounded: the entries used longest ago go first.
 */
export class IssuerCache {
  readonly #byLeaf: RecentlyUsed<readonly Certificate[]>
  readonly #byIssuer: RecentlyUsed<readonly Certificate[]>

  /**
   * @param maxLeaves number of client certificates whose chain is kept
   * @param maxIssuers number of issuing CAs whose chain is kept, for client certificates that were never seen here
   */
  constructor ({ maxLeaves = 2000, maxIssuers = 200 }: { maxLeaves?: number, maxIssuers?: number } = {}) {
    this.#byLeaf = new RecentlyUsed(maxLeaves)
    this.#byIssuer = new RecentlyUsed(maxIssuers)
  }

  /** Keeps a chain made by `buildChain`. Empty chains are not kept. */
  remember (leaf: Certificate, chain: readonly Certificate[]): void {
    if (chain.length === 0) return
    this.#byLeaf.set(leaf.fingerprint256, chain)
    this.#byIssuer.set(leaf.issuer, chain)
  }

  /** The chain kept for this very certificate. */
  chainOf (leaf: Pick<Certificate, 'fingerprint256'>): readonly Certificate[] | null {
    return this.#byLeaf.get(leaf.fingerprint256) ?? null
  }

  /** Certificates that may have issued `leaf`: candidates for `buildChain`, which verifies them for this leaf. */
  issuersOf (leaf: Certificate): readonly Certificate[] {
    return this.chainOf(leaf) ?? this.#byIssuer.get(leaf.issuer) ?? []
  }
}

/** A map that forgets what was used longest ago. */
class RecentlyUsed<Value> {
  readonly #entries = new Map<string, Value>()
  readonly #maxEntries: number

  constructor (maxEntries: number) {
    this.#maxEntries = maxEntries
  }

  get (key: string): Value | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) this.set(key, value)
    return value
  }

  set (key: string, value: Value): void {
    // deleting first moves the key to the end, where the newest are
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size > this.#maxEntries) this.#entries.delete(this.#entries.keys().next().value!)
  }
}
