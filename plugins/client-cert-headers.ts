/**
 * The header policy: judges who sent a request, removes or keeps the SSL header fields it came with, and adds what this server knows of
 * the client's TLS connection. It runs before Fastify sees the request and works on all views of its header.
 */
import { TLSSocket } from 'node:tls'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import Type, { type Static } from 'typebox'
import { decisionForLog } from '../src/client-cert/decision-log.ts'
import { HeaderGuard } from '../src/client-cert/header-guard.ts'
import { IncompleteChains } from '../src/client-cert/incomplete-chains.ts'
import { checkFieldNames, compileTrust, trustProperties } from '../src/client-cert/options.ts'
import { errors } from '../src/errors.ts'
import { checkOptions } from '../src/options.ts'
import { tlsConnectionOf, type IssuerSource } from '../src/tls/connection.ts'
import { IssuerCache } from '../src/x509/chain.ts'

/** Options of the plugin `client-cert-headers`, the part that is JSON. */
export const ClientCertHeadersOptionsSchema = Type.Object({
  ...trustProperties,
  forwardClientCertificate: Type.Boolean({
    description: 'Whether the fields of this server\'s own TLS connections are added.',
    default: false,
    'x-sap': { parameter: 'icm/HTTPS/forward_ccert_as_header' }
  }),
  formats: Type.Array(Type.Union([Type.Literal('sap'), Type.Literal('rfc9440')]), {
    description: 'Forms in which the certificate is written: SAP\'s SSL header fields, the fields of RFC 9440. With both, SAP\'s are the ones that are believed. Fields of other forms are always removed.',
    default: ['sap'],
    minItems: 1,
    uniqueItems: true,
    'x-sap': { parameter: 'postern/forward_ccert_format' }
  }),
  untrustedFields: Type.Union([Type.Literal('conninfo'), Type.Literal('none'), Type.Literal('certificate')], {
    description: 'What is added in place of the removed fields of a sender that is not believed: the cipher fields, nothing, or its own certificate too.',
    default: 'conninfo',
    'x-sap': { parameter: 'postern/untrusted_fields' }
  }),
  cipherSuiteFormat: Type.Union([Type.Literal('hex'), Type.Literal('hex_pair'), Type.Literal('decimal_pair'), Type.Literal('name'), Type.Literal('off')], {
    description: 'How SSL_CIPHER_SUITE is written: `1302`, `13,02`, `19,2`, `TLS_AES_256_GCM_SHA384`, or not at all.',
    default: 'hex',
    'x-sap': { parameter: 'postern/cipher_suite_format' }
  })
}, { additionalProperties: false })

type Input<Options> = { readonly [Key in keyof Options]?: Options[Key] extends readonly unknown[] ? Options[Key] : Options[Key] extends object ? Partial<Options[Key]> : Options[Key] }

/** Options of the plugin `client-cert-headers`. */
export interface ClientCertHeadersOptions extends Input<Static<typeof ClientCertHeadersOptionsSchema>> {
  /** Where issuers come from that a resumed TLS session does not show. */
  readonly issuers?: IssuerSource
}

/**
 * @throws POSTERN_ERR_OPTIONS_INVALID, POSTERN_ERR_CLIENT_CERT_TWICE, POSTERN_ERR_CLIENT_CERT_HTTP2 at registration;
 * POSTERN_ERR_CLIENT_CERT_DUPLICATE (400), POSTERN_ERR_CLIENT_CERT_TOO_MANY_FIELDS (431), POSTERN_ERR_CLIENT_CERT_CONNECTION (400) in the
 * onRequest hook
 */
const plugin: FastifyPluginAsync<ClientCertHeadersOptions> = async (fastify, { issuers, ...rest }) => {
  const name = 'client-cert-headers'
  const options = checkOptions(name, ClientCertHeadersOptionsSchema, rest)
  checkFieldNames(name, options.fieldNames)
  if (fastify.initialConfig.http2 === true) throw new errors.CLIENT_CERT_HTTP2(name)
  const source = issuers ?? { known: [], cache: new IssuerCache() }
  const incomplete = new IncompleteChains()
  const guard = new HeaderGuard({
    policy: { ...options, trustRules: compileTrust(options.trustedProxies) },
    formats: options.formats,
    names: options.fieldNames,
    write: { cipherSuiteFormat: options.cipherSuiteFormat },
    maxHeaderFields: options.maxHeaderFields,
    connectionOf: socket => socket instanceof TLSSocket ? tlsConnectionOf(socket, source) : null,
    onClient: client => {
      const facts = options.forwardClientCertificate ? incomplete.report(client) : null
      if (facts !== null) fastify.log.warn(facts, 'the chain of a client certificate is incomplete: its next issuer is not known here')
    }
  })
  guard.attach(fastify.server, name)

  // also for requests that never passed the server's listeners: injected ones, and those of Fastify's second server for localhost
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { decision, removed, refusal } = guard.admit(request.raw)
    const facts = decision === null ? {} : decisionForLog(decision)
    if (refusal !== null) {
      request.log.warn({ ...facts, err: refusal }, 'request refused by the header policy')
      return done(refusal)
    }
    if (removed) request.log.warn(facts, 'SSL header fields removed')
    done()
  })
}

export const clientCertHeaders = fp(plugin, { name: 'postern/client-cert-headers', fastify: '5.x' })
export default clientCertHeaders
