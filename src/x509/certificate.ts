import { X509Certificate, type KeyObject } from 'node:crypto'
import { errors } from '../errors.ts'
import { readContents, tags } from './der.ts'
import { formatName } from './distinguished-name.ts'

/** A parsed X.509 certificate (RFC 5280), with its names as SAP prints them. */
export interface Certificate {
  /** The encoded certificate. */
  readonly der: Buffer
  /** Subject as SAP prints it: most specific part first, `, ` between the parts, `SP` for the state, `EMAIL` for the e-mail address. */
  readonly subject: string
  /** Issuer, in the same form. */
  readonly issuer: string
  /** Upper-case hexadecimal, no separators. */
  readonly serialNumber: string
  readonly notBefore: Date
  readonly notAfter: Date
  /** SHA-256 over `der`, upper-case hexadecimal with colons (as `node:crypto` prints it). */
  readonly fingerprint256: string
}

/** OpenSSL's view of a certificate, kept for the checks of the chain; it belongs to this room. */
const opensslViews = new WeakMap<Certificate, X509Certificate>()

/**
 * Parses one DER certificate. Bytes behind the certificate and encodings that OpenSSL would write differently are refused: what
 * is compared and forwarded has to be what was verified.
 *
 * @throws POSTERN_ERR_X509_CERTIFICATE_INVALID when the bytes are not exactly one certificate
 */
export function parseCertificate (der: Uint8Array): Certificate {
  try {
    const names = encodedNames(der)
    const x509 = new X509Certificate(der)
    // X509Certificate takes PEM too and is content with what follows the certificate
    if (!x509.raw.equals(der)) throw new errors.X509_CERTIFICATE_INVALID('not in DER')
    const certificate: Certificate = {
      der: x509.raw,
      subject: formatName(names.subject),
      issuer: formatName(names.issuer),
      serialNumber: x509.serialNumber,
      notBefore: x509.validFromDate,
      notAfter: x509.validToDate,
      fingerprint256: x509.fingerprint256
    }
    opensslViews.set(certificate, x509)
    return certificate
  } catch (cause) {
    throw new errors.X509_CERTIFICATE_INVALID((cause as Error).message, { cause })
  }
}

/** The certificate as OpenSSL sees it. Certificates that were not made by `parseCertificate` are read again. */
export function opensslView (certificate: Certificate): X509Certificate {
  let x509 = opensslViews.get(certificate)
  if (x509 === undefined) {
    x509 = new X509Certificate(certificate.der)
    opensslViews.set(certificate, x509)
  }
  return x509
}

/** The public key of a certificate, `null` when it is of a kind that OpenSSL does not know. */
export function publicKeyOf (certificate: Certificate): KeyObject | null {
  try {
    return opensslView(certificate).publicKey
  } catch {
    return null
  }
}

/** The encoded issuer and subject (RFC 5280 section 4.1): [version], serialNumber, signature, issuer, validity, subject, ... */
function encodedNames (der: Uint8Array): { issuer: Uint8Array, subject: Uint8Array } {
  const [tbs] = readContents(der, tags.sequence)
  const fields = tbs === undefined ? [] : readContents(tbs.encoded, tags.sequence)
  const serialNumber = fields.findIndex(field => field.tag === tags.integer)
  const issuer = fields[serialNumber + 2]
  const subject = fields[serialNumber + 4]
  if (serialNumber < 0 || issuer === undefined || subject === undefined) throw new errors.X509_CERTIFICATE_INVALID('fields are missing')
  return { issuer: issuer.encoded, subject: subject.encoded }
}
