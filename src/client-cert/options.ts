/** Options that the two plugins of the header policy share, and how they become a policy. */
import Type, { type Static } from 'typebox'
import { errors } from '../errors.ts'
import { defaultFieldNames, faultOfFieldNames } from './managed-fields.ts'
import { compileTrustRule, type TrustRule } from './policy.ts'

const fieldName = (description: string, name: string, parameter: string) =>
  Type.String({ description, default: name, maxLength: 100, pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", 'x-sap': { parameter } })

/** The names of the SSL header fields; the same at both ends of a connection. */
export const FieldNamesSchema = Type.Object({
  certificate: fieldName('Field of the client certificate.', defaultFieldNames.certificate, 'icm/HTTPS/client_certificate_header_name'),
  chainPrefix: fieldName('What the number of an issuer follows.', defaultFieldNames.chainPrefix, 'icm/HTTPS/client_certificate_chain_header_prefix'),
  keySize: fieldName('Field of the key size.', defaultFieldNames.keySize, 'icm/HTTPS/client_key_size_header_name'),
  cipherSuite: fieldName('Field of the cipher suite.', defaultFieldNames.cipherSuite, 'icm/HTTPS/client_cipher_suite_header_name')
}, { additionalProperties: false, default: {}, description: 'Names of the SSL header fields.' })

const TrustedProxySchema = Type.Object({
  subject: Type.String({
    description: 'Subject of the predecessor\'s certificate, as SAP prints it; `*` stands for any characters, `?` for one.',
    minLength: 1,
    examples: ['CN=wd, OU=Gateway, O=Example, C=DE'],
    'x-sap': { parameter: 'icm/trusted_reverse_proxy_<xx> SUBJECT' }
  }),
  issuer: Type.String({ description: 'Issuer, in the same form.', minLength: 1, 'x-sap': { parameter: 'icm/trusted_reverse_proxy_<xx> ISSUER' } }),
  legacy: Type.Boolean({
    description: 'An entry of the older kind (icm/HTTPS/trust_client_with_subject and _issuer): `*` and `*` trusts clients without certificate too.',
    default: false,
    'x-sap': { parameter: 'icm/HTTPS/trust_client_with_subject' }
  }),
  name: Type.Optional(Type.String({ description: 'What the log calls the entry; its position in the list by default.', minLength: 1 }))
}, { additionalProperties: false })

/** Properties of the options that decide who is believed. */
export const trustProperties = {
  fieldNames: FieldNamesSchema,
  trustedProxies: Type.Array(TrustedProxySchema, {
    description: 'Predecessors whose SSL header fields are believed: one entry must match in subject and issuer.', default: []
  }),
  acceptOverHttp: Type.Boolean({
    description: 'Whether SSL header fields that came over plain HTTP are believed, whoever sent them.',
    default: false,
    'x-sap': { parameter: 'icm/accept_forwarded_cert_via_http' }
  }),
  trustedCertificateAsUser: Type.Boolean({
    description: 'Whether the certificate of a trusted predecessor that sends no SSL header fields is a user\'s.',
    default: false,
    'x-sap': { parameter: 'postern/trusted_certificate_as_user' }
  }),
  maxHeaderFields: Type.Integer({
    description: 'Most header fields of a request; one with more is refused with 431.',
    default: 1000,
    minimum: 1,
    maximum: 10_000,
    'x-sap': { parameter: 'postern/max_header_fields' }
  })
}

type TrustedProxy = Static<typeof TrustedProxySchema>

/** Compiles the entries of `trustedProxies`. */
export function compileTrust (entries: readonly TrustedProxy[]): TrustRule[] {
  return entries.map((entry, index) => compileTrustRule(entry.name ?? `${entry.legacy ? 'trust_client_with_subject and _issuer' : 'trusted proxy'} (entry ${index})`, entry))
}

/**
 * Refuses names that cannot be told apart or that HTTP needs.
 *
 * @throws POSTERN_ERR_OPTIONS_INVALID
 */
export function checkFieldNames (plugin: string, names: Static<typeof FieldNamesSchema>): void {
  const fault = faultOfFieldNames(names)
  if (fault !== null) throw new errors.OPTIONS_INVALID(plugin, fault)
}
