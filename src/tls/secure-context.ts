/** From an identity and the settings of a port to the options of `node:tls`. */
import { constants, randomBytes, X509Certificate } from 'node:crypto'
import { DEFAULT_CIPHERS, type SecureContextOptions } from 'node:tls'
import { errors } from '../errors.ts'
import type { TlsPlan, VerifyClient } from '../gateway/plan.ts'
import type { Identity } from '../pse/identity.ts'

/** How TLS is done on a port, whatever the identity. */
export type TlsSettings = Omit<TlsPlan, 'identities'>

/**
 * Options for `tls.createSecureContext`: key, certificate and chain of the identity, and its trust list as the only trust anchors.
 *
 * Every certificate of the trust list is an anchor, as SAP counts PKList: an intermediate CA without its root, and the very certificate
 * of a client, too. An empty trust list trusts nobody; the roots that Node brings along are never used.
 *
 * @throws POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY for a verify PSE
 */
export function secureContextOptions (identity: Identity, settings: Omit<TlsSettings, 'verifyClient'>): SecureContextOptions {
  if (identity.privateKey === null || identity.certificate === null) throw new errors.TLS_IDENTITY_WITHOUT_KEY(identity.source.file)
  return {
    key: identity.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: [identity.certificate, ...identity.chain.filter(issuer => !isRoot(issuer))].map(pemOf).join(''),
    // an array, even an empty one, keeps Node from adding its own roots
    ca: [...new Set(identity.trusted.map(pemOf))],
    allowPartialTrustChain: true,
    minVersion: settings.minVersion,
    maxVersion: settings.maxVersion,
    honorCipherOrder: true,
    // a second handshake on the connection could change the client's certificate after it was judged
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    // OpenSSL compares it before it resumes a session: one more lock beside the ticket keys, which are each context's own
    sessionIdContext: randomBytes(16).toString('hex'),
    ...cipherOptions(settings),
    ...(settings.groups !== null && { ecdhCurve: settings.groups }),
    ...(settings.sessionTimeoutSeconds !== null && { sessionTimeout: settings.sessionTimeoutSeconds })
  }
}

/**
 * `icm/HTTPS/verify_client` in Node's terms. With 1 a client whose certificate cannot be verified goes on, as if it had none.
 *
 * @see {@link https://help.sap.com/saphelp_nw73/helpdata/en/48/3e87afca6b72d0e10000000a42189c/content.htm}
 */
export function verificationOptions (verifyClient: VerifyClient): { requestCert: boolean, rejectUnauthorized: boolean } {
  return { requestCert: verifyClient > 0, rejectUnauthorized: verifyClient === 2 }
}

function cipherOptions ({ ciphers, minVersion }: Pick<TlsSettings, 'ciphers' | 'minVersion'>): SecureContextOptions {
  const needsOldVersions = minVersion === 'TLSv1' || minVersion === 'TLSv1.1'
  // OpenSSL 3 speaks TLS 1.0 and 1.1 at security level 0 only, whatever the versions say
  if (needsOldVersions && !ciphers?.includes('@SECLEVEL')) return { ciphers: `${ciphers ?? DEFAULT_CIPHERS}:@SECLEVEL=0` }
  return ciphers === null ? {} : { ciphers }
}

function isRoot (der: Uint8Array): boolean {
  const certificate = new X509Certificate(der)
  return certificate.checkIssued(certificate)
}

function pemOf (der: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`
}
