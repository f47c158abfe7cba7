import type { UpstreamPool } from '../upstream/pool.ts'
import type { Shared } from './compose.ts'
import type { ExternalPlugin } from './external-plugin.ts'
import type { ServerPlan } from './plan.ts'
import { upstreamServer } from './systems.ts'
import { errors } from '../errors.ts'

/** What an external proxy gets in place of its own connections. */
export interface AuxiliaryOptions {
  readonly undici?: UpstreamPool
  readonly destroyAgent?: false
}

/**
 * `@fastify/http-proxy` and `@fastify/reply-from` get our dispatcher for their upstream: verified TLS with the client PSE, bounds of the
 * profile. Left alone they would not verify the upstream's certificate.
 *
 * @throws POSTERN_ERR_GATEWAY_PLUGIN_OPTIONS the upstream is no single http(s) URL, or it is https and there is no client PSE
 */
export function auxiliaryDispatcher ({ plugin, options }: ExternalPlugin, tls: ServerPlan['tls'], { plan, identities, pools }: Pick<Shared, 'plan' | 'identities' | 'pools'>): AuxiliaryOptions {
  const name = nameOf(plugin)
  if (name !== '@fastify/http-proxy' && name !== '@fastify/reply-from') return {}
  const upstream: unknown = options['upstream'] ?? options['base']
  const url = typeof upstream === 'string' ? URL.parse(upstream) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new errors.GATEWAY_PLUGIN_OPTIONS(name, '"upstream" is not one URL', 'http://host:port or https://host:port')
  }
  const encrypted = url.protocol === 'https:'
  if (encrypted && tls === null) {
    throw new errors.GATEWAY_PLUGIN_OPTIONS(name, '"upstream" is https and no client PSE is named', 'ssl/client_pse, or SSL_CLIENT_PSE of the plugin')
  }
  const port = Number(url.port) || (encrypted ? 443 : 80)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const server = upstreamServer({ origin: `${url.protocol}//${url.hostname}:${port}`, host, port, tls: encrypted ? tls : null }, { plan, identities })
  return { undici: pools.dispatcherFor(server), destroyAgent: false }
}

/** The name that a plugin gave itself with fastify-plugin. */
function nameOf (plugin: object): string | undefined {
  return (plugin as Record<symbol, { name?: string } | undefined>)[Symbol.for('plugin-meta')]?.name
}
