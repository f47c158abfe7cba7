/**
 * `/live`, `/ready` and `/metrics` for operators. Belongs on a listener of its own, never on a service port.
 */
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Registry } from 'prom-client'

/** Options of the plugin `admin`. */
export interface AdminOptions {
  /** Where `/metrics` takes its numbers from. */
  readonly registry: Pick<Registry, 'metrics' | 'contentType'>
  /** Whether requests may be sent here, and if not why. `details` are further members of the answer. */
  readonly ready: () => { readonly ready: boolean, readonly reasons: readonly string[], readonly details?: Readonly<Record<string, unknown>> }
}

const plugin: FastifyPluginAsync<AdminOptions> = async (fastify, { registry, ready }) => {
  fastify.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  fastify.get('/live', async () => ({ status: 'live' }))
  fastify.get('/ready', async (_request, reply) => {
    const state = ready()
    return await reply.code(state.ready ? 200 : 503).send({ status: state.ready ? 'ready' : 'not ready', reasons: state.reasons, ...state.details })
  })
  fastify.get('/metrics', async (_request, reply) => {
    return await reply.type(registry.contentType).send(await registry.metrics())
  })
}

/** The plugin for operators. */
export const admin = fp(plugin, { name: 'postern/admin', fastify: '5.x', encapsulate: true })
export default admin
