import type { KeyObject } from 'node:crypto'
import { errors } from '../errors.ts'
import { opensslView, type Certificate } from '../x509/certificate.ts'
import { distinct, issuersAmong } from './certificates.ts'
import type { Identity } from './identity.ts'

/** Key types that certificates of TLS have. */
const usableKeys = new Set(['rsa', 'rsa-pss', 'ec', 'ed25519', 'ed448'])

/** Certificates of a file. */
export interface FoundCertificates {
  readonly certificates: readonly Certificate[]
  /** The certificates that the file says are trusted; `null` when it has no means to say so, or does not use it. */
  readonly trusted: readonly Certificate[] | null
}

/**
 * Makes an identity of a file that has no roles for its certificates (PEM, PKCS#12).
 *
 * The own certificate is the one that belongs to the key. What leads up from it, the root and every cross-signed form included, is its
 * chain and no trust: the public CA that issued the server's certificate must not become one whose every customer can log on.
 * CA certificates that are left over are the trust list. Without a key, the file is a trust list. Where the file marks what is trusted,
 * this and nothing else is the trust list.
 *
 * @throws POSTERN_ERR_IDENTITY_NO_CERTIFICATE, IDENTITY_KEY_MISMATCH, IDENTITY_CHAIN
 */
export function makeIdentity (privateKey: KeyObject | null, { certificates, trusted: marked }: FoundCertificates, source: Identity['source']): Identity {
  const known = distinct(certificates)
  const trustedOf = (leftOver: readonly Certificate[]) => marked === null ? authorities(leftOver) : distinct(marked).map(({ der }) => der)
  if (privateKey === null) return { privateKey, certificate: null, chain: [], trusted: trustedOf(known), source }
  if (known.length === 0) throw new errors.IDENTITY_NO_CERTIFICATE(source.file)
  const own = known.find(certificate => opensslView(certificate).checkPrivateKey(privateKey))
  if (own === undefined) throw new errors.IDENTITY_KEY_MISMATCH(source.file)
  const issuers = issuersAmong(own, known, source.file)
  const leftOver = known.filter(certificate => certificate !== own && !issuers.all.has(certificate))
  return { privateKey, certificate: own.der, chain: issuers.chain.map(({ der }) => der), trusted: trustedOf(leftOver), source }
}

/** @throws POSTERN_ERR_IDENTITY_KEY_DSA, IDENTITY_KEY_UNSUPPORTED */
export function requireUsableKey (key: KeyObject, file: string): KeyObject {
  if (key.asymmetricKeyType === 'dsa') throw new errors.IDENTITY_KEY_DSA(file)
  if (!usableKeys.has(key.asymmetricKeyType!)) throw new errors.IDENTITY_KEY_UNSUPPORTED(file, `type ${key.asymmetricKeyType}`)
  return key
}

function authorities (certificates: readonly Certificate[]): Buffer[] {
  return certificates.filter(certificate => opensslView(certificate).ca).map(({ der }) => der)
}
