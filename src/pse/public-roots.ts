import { rootCertificates } from 'node:tls'
import { parseCertificate, publicKeyOf, type Certificate } from '../x509/certificate.ts'
import { readPemBlocks } from './pem.ts'

let publicKeys: ReadonlySet<string> | null = null

/**
 * The public CAs (those that Node knows) among trusted certificates, compared by key: a cross-signed form is the same CA. In a
 * server's trust list each of them lets every customer of that CA authenticate.
 *
 * @param trusted DER, as in `Identity.trusted`
 */
export function publicRootsAmong (trusted: readonly Uint8Array[]): Certificate[] {
  publicKeys ??= new Set(rootCertificates.flatMap(pem => readPemBlocks(Buffer.from(pem), 'root certificates of Node').map(({ der }) => keyOf(parseCertificate(der)))))
  const known = publicKeys
  return trusted.map(parseCertificate).filter(certificate => known.has(keyOf(certificate)))
}

function keyOf (certificate: Certificate): string {
  return publicKeyOf(certificate)?.export({ type: 'spki', format: 'der' }).toString('latin1') ?? ''
}
