/** Refuses connections by the address of the client, before TLS and before HTTP. */
import type { Socket } from 'node:net'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import Type, { type Static } from 'typebox'
import { loadAcl } from '../src/access-control/load.ts'
import { errors } from '../src/errors.ts'
import { checkOptions } from '../src/options.ts'

/** Options of {@link accessControl}. */
export const AccessControlOptionsSchema = Type.Object({
  file: Type.String({
    description: 'File with lines permit <ip>[/<bits>] and deny <ip>[/<bits>]; the first match counts, what matches nothing is denied.',
    minLength: 1,
    'x-sap': { parameter: 'icm/server_port_<xx> ACLFILE' }
  })
}, { additionalProperties: false })

/** Options of {@link accessControl}. */
export type AccessControlOptions = Static<typeof AccessControlOptionsSchema>

/**
 * Closes connections from addresses that the list denies, when they are accepted.
 *
 * Requests are checked once more: Fastify gives a second server to the second address of `localhost`, which a plugin does not see.
 *
 * @throws POSTERN_ERR_OPTIONS_INVALID, POSTERN_ERR_ACL_FILE, POSTERN_ERR_ACL_INVALID
 */
const plugin: FastifyPluginAsync<AccessControlOptions> = async (fastify, options) => {
  const { file } = checkOptions('access-control', AccessControlOptionsSchema, options)
  const list = await loadAcl(file)
  // in front of the listeners of HTTP and TLS, which leave a destroyed connection alone
  fastify.server.prependListener('connection', (connection: Socket) => {
    const { permitted, line } = list.decide(connection.remoteAddress)
    if (permitted) return
    fastify.log.debug({ remoteAddress: connection.remoteAddress, aclLine: line }, 'connection refused by the access control list')
    connection.destroy()
  })
  fastify.addHook('onRequest', async ({ raw }) => {
    if (!list.decide(raw.socket.remoteAddress).permitted) throw new errors.ACL_DENIED()
  })
}

export const accessControl = fp(plugin, { name: 'postern/access-control', fastify: '5.x' })
export default accessControl
