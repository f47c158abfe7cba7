/** Certificates as text for people, and as data for programs. */
import type { KeyObject } from 'node:crypto'
import { opensslView, type Certificate } from '../x509/certificate.ts'

/** What programs are told of a certificate. Instants are ISO 8601 in UTC. */
export function certificateData (certificate: Certificate): Record<string, string | null> {
  const { subject, issuer, serialNumber, notBefore, notAfter, fingerprint256 } = certificate
  const x509 = opensslView(certificate)
  return {
    subject,
    issuer,
    serialNumber,
    notBefore: notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
    fingerprint256,
    key: keyText(x509.publicKey),
    alternativeNames: x509.subjectAltName ?? null
  }
}

/** Several lines of text, without a line feed at the end. */
export function certificateText (certificate: Certificate, { indent = '', verbose = false, now }: { indent?: string, verbose?: boolean, now: Date }): string {
  const data = certificateData(certificate)
  const rows: Array<[name: string, value: string | null | undefined]> = [
    ['Subject', data.subject],
    ['Issuer', data.issuer],
    ['Validity', validityText(certificate, now)],
    ['Alternative names', data.alternativeNames],
    ['Serial number', verbose ? data.serialNumber : null],
    ['Key', verbose ? data.key : null],
    ['SHA-256', verbose ? data.fingerprint256 : null]
  ]
  return rows.flatMap(([name, value]) => value == null ? [] : [`${indent}${name.padEnd(18)} ${value}`]).join('\n')
}

/** From when to when, and how many days are left. */
export function validityText ({ notBefore, notAfter }: Certificate, now: Date): string {
  const days = Math.floor((notAfter.getTime() - now.getTime()) / 86_400_000)
  return `${notBefore.toISOString()} to ${notAfter.toISOString()} (${days < 0 ? 'expired' : `${days} days left`})`
}

/** Type and size of a key, e.g. `RSA 2048`, `EC P-256`. */
export function keyText (key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {}
  const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }
  const size = modulusLength ?? curves[namedCurve ?? ''] ?? namedCurve
  return [key.asymmetricKeyType?.toUpperCase(), size].filter(part => part !== undefined).join(' ')
}
