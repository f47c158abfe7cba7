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
