import { errors } from '../errors.ts'
import type { Certificate } from '../x509/certificate.ts'
import { readCertificate } from './certificates.ts'
import { isPem, readPemBlocks } from './pem.ts'
import { isPkcs7, readPkcs7Certificates } from './pkcs7.ts'
import { pemCertificates } from './read-pem.ts'

/**
 * Reads the certificates of a file that adds to a trust list: PEM, one DER certificate, or PKCS#7. Every one counts, CA or not: who
 * names a file means what is in it.
 *
 * @throws POSTERN_ERR_TRUST_INVALID, also for a file without certificates; PEM_DAMAGED
 */
export function readTrustFile (bytes: Uint8Array, file: string): Certificate[] {
  const invalid = (what: string) => new errors.TRUST_INVALID(file, what)
  const certificates = isPem(bytes)
    ? pemCertificates(readPemBlocks(bytes, file), file)
    : isPkcs7(bytes) ? readPkcs7Certificates(bytes, invalid) : [readCertificate(bytes, invalid)]
  if (certificates.length === 0) throw invalid('there is none')
  return certificates
}
