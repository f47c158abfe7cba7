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

/**
 * The same certificates in the form of RFC 9440, taken from SAP's fields of a predecessor that is believed. Its own fields of that form
 * are not: a gateway that knows SAP's fields only lets a client's pass.
 *
 * @param kept raw header list with SAP's fields in it
 */
export function rfc9440FromSap (kept: readonly string[], { certificate, chainPrefix }: FieldNames): string[] {
  const leaf = valueOf(kept, certificate)
  // SAP's marker for "no user" is no certificate
  if (leaf === undefined || !isBase64.test(leaf)) return []
  const chain: string[] = []
  for (let issuer = valueOf(kept, `${chainPrefix}1`); issuer !== undefined && isBase64.test(issuer); issuer = valueOf(kept, `${chainPrefix}${chain.length + 1}`)) chain.push(issuer)
  return byteSequences(leaf, chain)
}

const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/

function valueOf (rawHeaders: readonly string[], name: string): string | undefined {
  const wanted = name.toLowerCase()
  const index = rawHeaders.findIndex((text, position) => position % 2 === 0 && text.toLowerCase() === wanted)
  return index < 0 ? undefined : rawHeaders[index + 1]
}

function rfc9440Fields (certificate: Certificate, chain: readonly Certificate[]): string[] {
  return byteSequences(base64(certificate), chain.map(base64))
}

/** RFC 9440: byte sequences of structured fields (RFC 8941 section 3.3.5), the chain as a list without the leaf and the root. */
function byteSequences (leaf: string, chain: readonly string[]): string[] {
  const field = ['Client-Cert', `:${leaf}:`]
  return chain.length === 0 ? field : [...field, 'Client-Cert-Chain', chain.map(issuer => `:${issuer}:`).join(', ')]
}

function base64 ({ der }: Certificate): string {
  return der.toString('base64')
}
