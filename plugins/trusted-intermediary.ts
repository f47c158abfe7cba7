/**
 * The receiving side of the SSL header fields, what an ICM does: tells a Fastify application who the user is. Fields are believed from
 * trusted predecessors only and deleted otherwise; a predecessor's own certificate is never taken for the user's.
 */
import { TLSSocket } from 'node:tls'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import Type, { type Static } from 'typebox'
import { decisionForLog } from '../src/client-cert/decision-log.ts'
import { readForwardedCertificate, type ForwardedCertificate } from '../src/client-cert/forwarded-certificate.ts'
import { HeaderGuard, type Admission } from '../src/client-cert/header-guard.ts'
import { checkFieldNames, compileTrust, trustProperties } from '../src/client-cert/options.ts'
import { errors } from '../src/errors.ts'
import { checkOptions } from '../src/options.ts'
import { tlsConnectionOf, type IssuerSource } from '../src/tls/connection.ts'
import type { Certificate } from '../src/x509/certificate.ts'
import { IssuerCache } from '../src/x509/chain.ts'

/** Options of the plugin `trusted-intermediary`, the part that is JSON. */
export const TrustedIntermediaryOptionsSchema = Type.Object(trustProperties, { additionalProperties: false })

type Resolved = Static<typeof TrustedIntermediaryOptionsSchema>

/** Options of the plugin `trusted-intermediary`. */
export interface TrustedIntermediaryOptions extends Partial<Omit<Resolved, 'fieldNames' | 'trustedProxies'>> {
  readonly fieldNames?: Partial<Resolved['fieldNames']>
  readonly trustedProxies?: ReadonlyArray<{ readonly subject: string, readonly issuer: string, readonly legacy?: boolean, readonly name?: string }>
  /** Where issuers come from that a resumed TLS session does not show. */
  readonly issuers?: IssuerSource
}

/** The certificate of the user of a request. */
export interface ClientCertificate {
  /** As SAP prints names: `CN=user, O=Example, C=DE`. */
  readonly subject: string
  readonly issuer: string
  /** Upper-case hexadecimal. */
  readonly serialNumber: string
  /** Issuers, next issuer first, without the root. */
  readonly chain: readonly Certificate[]
  readonly der: Buffer
  /** Whether it was proved on this TLS connection or told by a trusted predecessor. */
  readonly source: 'connection' | 'header'
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The user's certificate, `null` if there is no user. Set by the plugin `trusted-intermediary`. */
    clientCertificate: ClientCertificate | null
  }
}

/**
 * @throws POSTERN_ERR_OPTIONS_INVALID, POSTERN_ERR_CLIENT_CERT_TWICE, POSTERN_ERR_CLIENT_CERT_HTTP2 at registration;
 * POSTERN_ERR_CLIENT_CERT_DUPLICATE (400), POSTERN_ERR_CLIENT_CERT_TOO_MANY_FIELDS (431), POSTERN_ERR_CLIENT_CERT_CONNECTION (400) in the
 * onRequest hook
 */
const plugin: FastifyPluginAsync<TrustedIntermediaryOptions> = async (fastify, { issuers, ...rest }) => {
  const name = 'trusted-intermediary'
  const options = checkOptions(name, TrustedIntermediaryOptionsSchema, rest)
  checkFieldNames(name, options.fieldNames)
  if (fastify.initialConfig.http2 === true) throw new errors.CLIENT_CERT_HTTP2(name)
  const source = issuers ?? { known: [], cache: new IssuerCache() }
  const guard = new HeaderGuard({
    // the same rules as a gateway's; `add` of the decision tells whose the certificate is, and nothing is written into the request
    policy: { ...options, trustRules: compileTrust(options.trustedProxies), forwardClientCertificate: true, untrustedFields: 'conninfo' },
    names: options.fieldNames,
    formats: ['sap'],
    write: null,
    maxHeaderFields: options.maxHeaderFields,
    connectionOf: socket => socket instanceof TLSSocket ? tlsConnectionOf(socket, source) : null
  })
  guard.attach(fastify.server, name)

  fastify.decorateRequest('clientCertificate', null)
  fastify.addHook('onRequest', (request, _reply, done) => {
    const admission = guard.admit(request.raw)
    const { decision, removed, refusal } = admission
    const facts = decision === null ? {} : decisionForLog(decision)
    if (refusal !== null) {
      request.log.warn({ ...facts, err: refusal }, 'request refused by the header policy')
      return done(refusal)
    }
    if (removed) request.log.warn(facts, 'SSL header fields removed')
    request.clientCertificate = userOf(request, admission, options)
    done()
  })
}

function userOf (request: FastifyRequest, { decision, connection }: Admission, { fieldNames }: Resolved): ClientCertificate | null {
  if (decision === null) return null
  if (decision.add === 'certificate') return describe(connection?.client ?? null, 'connection')
  if (decision.action === 'remove') return null
  try {
    return describe(readForwardedCertificate(request.raw.rawHeaders, fieldNames), 'header')
  } catch (err) {
    request.log.warn({ ...decisionForLog(decision), err }, 'a trusted predecessor sent a field that is no certificate')
    return null
  }
}

function describe (found: ForwardedCertificate | null, source: ClientCertificate['source']): ClientCertificate | null {
  if (found === null) return null
  const { certificate: { subject, issuer, serialNumber, der }, chain } = found
  return { subject, issuer, serialNumber, chain, der, source }
}

export const trustedIntermediary = fp(plugin, { name: 'postern/trusted-intermediary', fastify: '5.x' })
export default trustedIntermediary
