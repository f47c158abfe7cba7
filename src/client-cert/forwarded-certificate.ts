/** Reads what a trusted predecessor tells of the user: the receiving side of the SSL header fields. */
import { errors } from '../errors.ts'
import { parseCertificate, type Certificate } from '../x509/certificate.ts'
import type { FieldNames } from './managed-fields.ts'

/** A user's certificate with its issuers, next issuer first. */
export interface ForwardedCertificate {
  readonly certificate: Certificate
  readonly chain: readonly Certificate[]
}

/** No PKI has as many levels; what is behind is not read. */
const maxChainLength = 20

/**
 * Reads the certificate and its chain from a raw header list.
 *
 * @returns `null` if there is no certificate: no field, or the empty one with which a predecessor says "no user"
 * @throws POSTERN_ERR_CLIENT_CERT_FIELD when a field holds something else than a certificate
 */
export function readForwardedCertificate (rawHeaders: readonly string[], { certificate, chainPrefix }: FieldNames): ForwardedCertificate | null {
  const value = valueOf(rawHeaders, certificate)
  if (value === undefined || value === '') return null
  const chain: Certificate[] = []
  while (chain.length < maxChainLength) {
    const name = `${chainPrefix}${chain.length + 1}`
    const issuer = valueOf(rawHeaders, name)
    if (issuer === undefined) break
    chain.push(decode(name, issuer))
  }
  return { certificate: decode(certificate, value), chain }
}

function valueOf (rawHeaders: readonly string[], name: string): string | undefined {
  const wanted = name.toLowerCase()
  const index = rawHeaders.findIndex((one, index) => index % 2 === 0 && one.toLowerCase() === wanted)
  return index < 0 ? undefined : rawHeaders[index + 1]
}

/** Base64 in one line and nothing else: what decoders forgive, others may read differently. */
function decode (name: string, value: string): Certificate {
  const der = Buffer.from(value, 'base64')
  if (der.toString('base64') !== value) throw new errors.CLIENT_CERT_FIELD(name, 'not base64 in one line')
  try {
    return parseCertificate(der)
  } catch (cause) {
    throw new errors.CLIENT_CERT_FIELD(name, (cause as Error).message, { cause })
  }
}
