/**
 * Redirects by the rules of `icm/HTTP/redirect_<xx>`.
 */
import type { TLSSocket } from 'node:tls'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import Type, { type Static } from 'typebox'
import { errors } from '../src/errors.ts'
import { parseHost } from '../src/http/host.ts'
import { parseRequestTarget } from '../src/http/request-target.ts'
import { checkOptions } from '../src/options.ts'
import { compileRule, type RedirectFacts } from '../src/redirect/rule.ts'
import { decideRedirect } from '../src/redirect/rules.ts'

const textOrNull = (description: string, subParameter: string) =>
  Type.Union([Type.String({ minLength: 1 }), Type.Null()], { description, default: null, 'x-sap': { parameter: `icm/HTTP/redirect_<xx> ${subParameter}` } })

const protocolOrNull = (description: string, subParameter: string) =>
  Type.Union([Type.Literal('http'), Type.Literal('https'), Type.Null()], { description, default: null, 'x-sap': { parameter: `icm/HTTP/redirect_<xx> ${subParameter}` } })

const RuleSchema = Type.Object({
  parameter: Type.String({ description: 'Name of the rule, for messages.', default: 'redirect' }),
  prefix: Type.String({ description: 'Path prefix. Without `from` the path must equal it.', minLength: 1, 'x-sap': { parameter: 'icm/HTTP/redirect_<xx> PREFIX' } }),
  from: textOrNull('Pattern for the path, with `*` and `?`; below the prefix when it starts with neither `/` nor a wildcard.', 'FROM'),
  fromProtocol: protocolOrNull('Only requests that came by this protocol.', 'FROMPROT'),
  for: textOrNull('Only requests whose Host field fits this `host:port` pattern.', 'FOR'),
  to: textOrNull('Path that takes the place of the prefix; may end in a query.', 'TO'),
  protocol: protocolOrNull('Protocol of the new address; that of the request by default.', 'PROT'),
  host: textOrNull('Host of the new address; that of the request by default.', 'HOST'),
  port: Type.Union([Type.Integer({ minimum: 1, maximum: 65535 }), Type.Null()], {
    description: 'Port of the new address, only together with `host`; that of the request by default.', default: null, 'x-sap': { parameter: 'icm/HTTP/redirect_<xx> PORT' }
  })
}, { additionalProperties: false })

/** Options of the plugin `redirect`. */
export const RedirectOptionsSchema = Type.Object({
  rules: Type.Array(RuleSchema, { description: 'The rules; the first one that a request meets counts.', default: [] }),
  status: Type.Union([Type.Literal(301), Type.Literal(302), Type.Literal(303), Type.Literal(307), Type.Literal(308)], {
    description: 'Status of the answer. 307 and 308 keep the method and the body.', default: 301
  })
}, { additionalProperties: false })

/** One rule. */
export type RedirectRuleInput = Partial<Static<typeof RuleSchema>> & { readonly prefix: string }
/** Options of the plugin `redirect`. */
export interface RedirectOptions {
  readonly rules?: readonly RedirectRuleInput[]
  readonly status?: 301 | 302 | 303 | 307 | 308
}

const plugin: FastifyPluginAsync<RedirectOptions> = async (fastify, options) => {
  const { rules: list, status } = checkOptions('redirect', RedirectOptionsSchema, options)
  const rules = list.map(compileRule)
  const warned = new Set<string>()
  fastify.addHook('onRequest', (request, reply, done) => {
    const facts = factsOf(request)
    if (facts === null) return done()
    const decision = decideRedirect(rules, facts)
    switch (decision.kind) {
      case 'none': return done()
      case 'no-host': return done(new errors.REDIRECT_HOST())
      case 'loop':
        if (!warned.has(decision.parameter)) request.log.warn({ parameter: decision.parameter }, 'redirect rule leads back to itself and is not applied')
        warned.add(decision.parameter)
        return done()
      case 'redirect':
        reply.code(status).header('location', decision.location).send()
    }
  })
}

/** `null` for `*` and CONNECT, which name nothing that could have moved. */
function factsOf ({ originalUrl, raw }: FastifyRequest): RedirectFacts | null {
  const target = raw.method === 'CONNECT' ? null : parseRequestTarget(originalUrl)
  if (target === null) return null
  const encrypted = (raw.socket as Partial<TLSSocket>).encrypted === true
  return {
    protocol: encrypted ? 'https' : 'http',
    host: parseHost(target.authority ?? raw.headers.host ?? ''),
    path: target.path,
    query: target.query
  }
}

/** The redirecting plugin. */
export const redirect = fp(plugin, { name: 'postern/redirect', fastify: '5.x' })
export default redirect
