/**
 * The client PSE as Node wants it. The certificate of the back end is verified against the trust list of that PSE, always.
 */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { checkServerIdentity, createSecureContext, type ConnectionOptions, type PeerCertificate, type SecureContext, type SecureContextOptions } from 'node:tls'
import { errors } from '../errors.ts'
import type { Identity } from '../pse/identity.ts'
import type { TlsClientSettings, UpstreamServer, UpstreamTls } from './server.ts'

/** Contexts of an identity by what else they depend on. */
const contexts = new WeakMap<Identity, Map<string, SecureContext>>()

/**
 * Options of `tls.connect` for one server. The socket's address is not among them.
 *
 * @see SAP Help, `wdisp/ssl_auth`, `wdisp/ssl_certhost`, `wdisp/ssl_ignore_host_mismatch`
 */
export function tlsClientOptions ({ host, tls }: { host: string, tls: UpstreamTls }): ConnectionOptions {
  const name = tls.serverName ?? host
  return {
    secureContext: secureContextOf(tls),
    rejectUnauthorized: true,
    // RFC 6066 section 3: no literal addresses in SNI
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: tls.ignoreHostMismatch ? () => undefined : (_host, certificate) => checkName(name, certificate),
    ALPNProtocols: ['http/1.1']
  }
}

/** The name of a server for undici: it compares this name between requests and drops the connection when it changes. */
export function fixedServerName ({ host, tls }: UpstreamServer): string {
  return tls?.serverName ?? host
}

function secureContextOf ({ identity, presentCertificate, settings }: UpstreamTls): SecureContext {
  let made = contexts.get(identity)
  if (made === undefined) contexts.set(identity, made = new Map())
  const key = JSON.stringify([presentCertificate, settings])
  let context = made.get(key)
  if (context === undefined) made.set(key, context = contextOf(identity, presentCertificate, settings))
  return context
}

function contextOf ({ privateKey, certificate, chain, trusted }: Identity, present: boolean, settings: TlsClientSettings | undefined): SecureContext {
  const own = present && privateKey !== null && certificate !== null
    ? { key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: pem([certificate, ...chain.filter(der => !isSelfIssued(der))]) }
    : {}
  // an empty list trusts nobody; Node's own roots would come in with `undefined` only.
  // A trust list says which certificates are trusted, roots or not: partial chains are meant.
  return createSecureContext({ ...own, ...protocolOptions(settings), ca: trusted.map(der => pem([der])), allowPartialTrustChain: true })
}

function protocolOptions (settings: TlsClientSettings | undefined): SecureContextOptions {
  if (settings === undefined) return {}
  const { ciphers, groups, minVersion, maxVersion } = settings
  return { minVersion, maxVersion, ...(ciphers === null ? {} : { ciphers }), ...(groups === null ? {} : { ecdhCurve: groups }) }
}

function isSelfIssued (der: Buffer): boolean {
  const certificate = new X509Certificate(der)
  return certificate.issuer === certificate.subject
}

function pem (certificates: readonly Buffer[]): string {
  return certificates.map(der => `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`).join('')
}

/** Node's rule (RFC 6125) with an error of ours: Node's carries the whole certificate into every log. */
function checkName (name: string, certificate: PeerCertificate): Error | undefined {
  if (checkServerIdentity(name, certificate) === undefined) return undefined
  return new errors.UPSTREAM_NAME(name, certificate.subjectaltname ?? `CN=${[certificate.subject?.CN ?? ''].flat().join(', ')}`)
}
