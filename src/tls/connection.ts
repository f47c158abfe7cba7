/** What a TLS handshake established about its client, in the terms of the SSL header fields. */
import type { TLSSocket } from 'node:tls'
import type { X509Certificate } from 'node:crypto'
import { buildChain, isSelfSigned, withoutRoot, type IssuerCache } from '../x509/chain.ts'
import type { Certificate } from '../x509/certificate.ts'
import { cipherSuiteOf } from './cipher-suites.ts'
import { parsed, sentIssuers } from './sent-certificates.ts'
import { peerCertificateOf } from './session-peer.ts'

/** A cipher suite with the two numbers the SSL header fields want. */
export interface CipherSuite {
  /** IANA name, for instance `TLS_AES_256_GCM_SHA384`. */
  readonly name: string
  /** The two code bytes as one number, for instance 0x1302. */
  readonly code: number
  /** Key bits really used by the bulk cipher, for instance 256. */
  readonly keySizeBits: number
}

/** The certificate of a client, verified against this host's trust list, with its issuers. */
export interface VerifiedClient {
  readonly certificate: Certificate
  /** Issuers, next issuer first, without the root. */
  readonly chain: readonly Certificate[]
  /** False: the chain ends before a root or a trust anchor, because neither the client showed nor anybody here knows the next issuer. */
  readonly chainComplete: boolean
}

/** What a TLS handshake established about its client; computed once per connection. */
export interface TlsConnection {
  readonly protocol: string
  readonly cipherSuite: CipherSuite | null
  /** `null` unless a certificate was verified against this host's trust list, is there, and is valid at the time of the handshake. */
  readonly client: VerifiedClient | null
}

/** Where issuers come from that a resumed session does not show. */
export interface IssuerSource {
  /** Certificates of the trust list and of the identity's own chain. */
  readonly known: readonly Certificate[]
  /** Chains that clients sent and that were verified. */
  readonly cache: IssuerCache
}

const connections = new WeakMap<TLSSocket, TlsConnection>()

/**
 * Tells what the handshake of a server-side socket established. The first call decides, later calls for the same socket return the
 * same object.
 *
 * The chain is built from known issuers and from what the client sent in this handshake; on a resumed session, which shows no issuers
 * (and on Node versions that lose them on every handshake), from the chain seen with the same certificate before, too.
 *
 * @param socket a socket whose handshake has ended
 * @param now time against which the validity of the certificate is checked: a session may outlive the certificate it was made with
 * @see RFC 8446 section 4.4.2 (Certificate), section 2.2 (Resumption)
 */
export function tlsConnectionOf (socket: TLSSocket, issuers: IssuerSource, now: Date = new Date()): TlsConnection {
  let connection = connections.get(socket)
  if (connection === undefined) {
    connection = {
      protocol: socket.getProtocol() ?? '',
      cipherSuite: cipherSuiteOf(socket.getCipher()?.standardName ?? ''),
      client: verifiedClient(socket, issuers, now)
    }
    connections.set(socket, connection)
  }
  return connection
}

/**
 * Whether the client has proved a certificate that this host's trust list accepts. `authorized` alone does not say so: with TLS 1.3
 * some Node versions set it on a session that was resumed without any certificate, and it says nothing about the time since.
 */
export function hasVerifiedCertificate (socket: TLSSocket, now: Date = new Date()): boolean {
  return verifiedCertificate(socket, now) !== null
}

function verifiedCertificate (socket: TLSSocket, now: Date): X509Certificate | null {
  if (!socket.authorized) return null
  const certificate = peerCertificateOf(socket)
  return certificate !== undefined && certificate.validFromDate <= now && now <= certificate.validToDate ? certificate : null
}

function verifiedClient (socket: TLSSocket, issuers: IssuerSource, now: Date): VerifiedClient | null {
  const leaf = verifiedCertificate(socket, now)
  if (leaf === null) return null
  return seenBefore(leaf, issuers) ?? readClient(leaf, issuers, now)
}

/** By the chain, which the cache hands out as the same object for the same certificate. */
const clients = new WeakMap<readonly Certificate[], VerifiedClient>()

/** A chain that is kept was verified for this very certificate: nothing is read or verified again, unless other issuers were sent. */
function seenBefore (leaf: X509Certificate, { cache }: IssuerSource): VerifiedClient | null {
  const chain = cache.chainOf(leaf)
  if (chain === null) return null
  const isKept = ({ raw }: X509Certificate) => chain.some(({ der }) => der.equals(raw))
  return sentIssuers(leaf).every(isKept) ? clients.get(chain) ?? null : null
}

function readClient (leaf: X509Certificate, { known, cache }: IssuerSource, now: Date): VerifiedClient | null {
  const certificate = parsed(leaf)
  if (certificate === null) return null
  const sent = sentIssuers(leaf).map(parsed).filter(issuer => issuer !== null)
  // known ones first, as in OpenSSL's verification: of two certificates with a CA's name and key the client may have made one itself
  const chain = buildChain(certificate, [...known, ...sent, ...cache.issuersOf(certificate)], now)
  const client = { certificate, chain: withoutRoot(chain), chainComplete: isComplete(certificate, chain, known) }
  cache.remember(certificate, chain)
  clients.set(chain, client)
  return client
}

function isComplete (leaf: Certificate, chain: readonly Certificate[], known: readonly Certificate[]): boolean {
  const top = chain.at(-1) ?? leaf
  return isSelfSigned(top) || known.some(anchor => anchor.fingerprint256 === top.fingerprint256)
}
