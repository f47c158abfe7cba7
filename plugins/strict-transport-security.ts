/**
 * Sends Strict-Transport-Security on TLS connections (`icm/HTTP/strict_transport_security`).
 */
import type { TLSSocket } from 'node:tls'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import Type, { type Static } from 'typebox'
import { checkOptions } from '../src/options.ts'

/** Options of the plugin `strict-transport-security`. */
export const StrictTransportSecurityOptionsSchema = Type.Object({
  value: Type.String({
    description: 'Value of the field, with `max-age` in seconds.',
    examples: ['max-age=31536000;includeSubDomains'],
    // RFC 6797 section 6.1: directives between semicolons, max-age among them
    pattern: '^(?=(?:[^;]*;)*\\s*[mM][aA][xX]-[aA][gG][eE]\\s*=\\s*"?[0-9]{1,10}"?\\s*(?:;|$))[\\x20-\\x7e]+$',
    'x-sap': { parameter: 'icm/HTTP/strict_transport_security' }
  })
}, { additionalProperties: false })

/** Options of the plugin `strict-transport-security`. */
export type StrictTransportSecurityOptions = Static<typeof StrictTransportSecurityOptionsSchema>

const plugin: FastifyPluginAsync<StrictTransportSecurityOptions> = async (fastify, options) => {
  const { value } = checkOptions('strict-transport-security', StrictTransportSecurityOptionsSchema, options)
  fastify.addHook('onRequest', (request, reply, done) => {
    // over plain HTTP anybody on the way could have put it there (RFC 6797 section 7.2)
    if ((request.raw.socket as Partial<TLSSocket>).encrypted === true) reply.header('strict-transport-security', value)
    done()
  })
}

/** The plugin for Strict-Transport-Security (RFC 6797). */
export const strictTransportSecurity = fp(plugin, { name: 'postern/strict-transport-security', fastify: '5.x' })
export default strictTransportSecurity
