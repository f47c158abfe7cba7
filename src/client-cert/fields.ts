/** The fields this hop adds: what it knows from its own TLS connection, as name, value, name, value. */
import type { CipherSuite, TlsConnection } from '../tls/connection.ts'
import type { Certificate } from '../x509/certificate.ts'
import type { FieldFormat, FieldNames } from './managed-fields.ts'

/** How `SSL_CIPHER_SUITE` is written: `C02F`, `C0,2F`, `192,47`, the IANA name, or not at all. */
export type CipherSuiteFormat = 'hex' | 'hex_pair' | 'decimal_pair' | 'name' | 'off'

export interface FieldOptions {
  readonly names: FieldNames
  readonly formats: readonly FieldFormat[]
  readonly cipherSuiteFormat: CipherSuiteFormat
}

/** The fields of a connection, in the two sets a decision chooses from. Raw header lists. */
export interface OwnFields {
  readonly conninfo: readonly string[]
  /** Certificate, chain and `conninfo`; the same as `conninfo` if the client sent no certificate. */
  readonly certificate: readonly string[]
}

/** Makes the fields of a connection. */
export function ownFields (connection: Pick<TlsConnection, 'cipherSuite' | 'client'>, options: FieldOptions): OwnFields {
  const { formats } = options
  const conninfo = formats.includes('sap') ? cipherFields(connection.cipherSuite, options) : []
  if (connection.client === null) return { conninfo, certificate: conninfo }
  const { certificate, chain } = connection.client
  return {
    conninfo,
    certificate: [
      ...formats.includes('sap') ? sapCertificateFields(certificate, chain, options.names) : [],
      ...conninfo,
      ...formats.includes('rfc9440') ? rfc9440Fields(certificate, chain) : []
    ]
  }
}

function sapCertificateFields (certificate: Certificate, chain: readonly Certificate[], { certificate: name, chainPrefix }: FieldNames): string[] {
  return [name, base64(certificate), ...chain.flatMap((issuer, index) => [`${chainPrefix}${index + 1}`, base64(issuer)])]
}

/**
 * The cipher fields. The key size is there even if the suite is unknown (then it is 0): a back end that sees no SSL field at all
 * would take the certificate of this gateway for the user's.
 */
function cipherFields (suite: CipherSuite | null, { names, cipherSuiteFormat }: FieldOptions): string[] {
  const keySize = [names.keySize, String(suite?.keySizeBits ?? 0)]
  if (suite === null || cipherSuiteFormat === 'off') return keySize
  return [...keySize, names.cipherSuite, formatCipherSuite(suite, cipherSuiteFormat)]
}

function formatCipherSuite ({ name, code }: CipherSuite, format: Exclude<CipherSuiteFormat, 'off'>): string {
  const high = code >> 8
  const low = code & 0xff
  switch (format) {
    case 'hex': return `${hex(high)}${hex(low)}`
    case 'hex_pair': return `${hex(high)},${hex(low)}`
    case 'decimal_pair': return `${high},${low}`
    case 'name': return name
  }
}

function hex (byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0')
}

/** RFC 9440: byte sequences of structured fields (RFC 8941 section 3.3.5), the chain as a list without the leaf and the root. */
function rfc9440Fields (certificate: Certificate, chain: readonly Certificate[]): string[] {
  const leaf = ['Client-Cert', `:${base64(certificate)}:`]
  return chain.length === 0 ? leaf : [...leaf, 'Client-Cert-Chain', chain.map(issuer => `:${base64(issuer)}:`).join(', ')]
}

function base64 ({ der }: Certificate): string {
  return der.toString('base64')
}
