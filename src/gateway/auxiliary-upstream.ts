import type { FastifyReply } from 'fastify'
import { failureOf } from '../upstream/failure.ts'
import { FollowingSender } from '../upstream/following-sender.ts'
import type { Sender } from '../upstream/sender.ts'
import type { Shared } from './compose.ts'
import type { ExternalPlugin } from './external-plugin.ts'
import type { ServerPlan } from './plan.ts'
import { upstreamServer } from './systems.ts'
import { errors } from '../errors.ts'

/** What an external proxy gets in place of its own connections. */
export interface AuxiliaryOptions {
  readonly undici?: Sender
  readonly destroyAgent?: false
  readonly disableRequestLogging?: true
  readonly replyOptions?: object
}

/** The proxy that runs on our connections, by the name that it gave itself. */
const proxy = '@fastify/http-proxy'

/** Options with which it would open connections of their own, past ours. */
const connectionOptions = ['undici', 'http', 'http2', 'globalAgent', 'destroyAgent', 'wsUpstream']

/**
 * The server that an external proxy sends to; `null` for plugins that are no proxy we know.
 *
 * @throws POSTERN_ERR_GATEWAY_PLUGIN_OPTIONS the upstream is no single http(s) URL, it is https and there is no client PSE, or an option
 *   would open other connections than ours
 */
export function auxiliaryServer ({ plugin, options }: ExternalPlugin, tls: ServerPlan['tls']): ServerPlan | null {
  if (nameOf(plugin) !== proxy) return null
  const own = connectionOptions.find(key => key in options)
  if (own !== undefined) throw new errors.GATEWAY_PLUGIN_OPTIONS(proxy, `"${own}" concerns the connections, which are the gateway's own`, 'the option left out')
  const upstream: unknown = options['upstream']
  const url = typeof upstream === 'string' ? URL.parse(upstream) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new errors.GATEWAY_PLUGIN_OPTIONS(proxy, '"upstream" is not one URL', 'http://host:port or https://host:port')
  }
  const encrypted = url.protocol === 'https:'
  if (encrypted && tls === null) {
    throw new errors.GATEWAY_PLUGIN_OPTIONS(proxy, '"upstream" is https and no client PSE is named', 'ssl/client_pse, or SSL_CLIENT_PSE of the plugin')
  }
  const port = Number(url.port) || (encrypted ? 443 : 80)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return { origin: `${url.protocol}//${url.hostname}:${port}`, host, port, tls: encrypted ? tls : null }
}

/**
 * `@fastify/http-proxy` gets our dispatcher for its upstream: verified TLS with the client PSE, bounds of the profile. Left alone it would
 * not verify the upstream's certificate. Its errors become ours, with their status and without a library's text.
 *
 * @throws POSTERN_ERR_GATEWAY_PLUGIN_OPTIONS as {@link auxiliaryServer}
 */
export function auxiliaryOptions (loaded: ExternalPlugin, tls: ServerPlan['tls'], { plan, identities, pools }: Pick<Shared, 'plan' | 'identities' | 'pools'>): AuxiliaryOptions {
  const server = auxiliaryServer(loaded, tls)
  if (server === null) return {}
  return {
    undici: new FollowingSender(pools, upstreamServer(server, { plan, identities })),
    destroyAgent: false,
    disableRequestLogging: true,
    replyOptions: { ...loaded.options['replyOptions'] as object | undefined, onError: answerFailure }
  }
}

/** In place of the proxy's own answer, which carries what the library said. */
function answerFailure (reply: FastifyReply, { error }: { error: Error }): void {
  const cause = error.cause instanceof Error ? error.cause : error
  reply.send(failureOf(cause, { started: !isConnectFault(cause) }))
}

function isConnectFault (error: Error): boolean {
  return (error as { syscall?: unknown }).syscall === 'connect' || (error as { syscall?: unknown }).syscall === 'getaddrinfo'
}

/** The name that a plugin gave itself with fastify-plugin. */
function nameOf (plugin: object): string | undefined {
  return (plugin as Record<symbol, { name?: string } | undefined>)[Symbol.for('plugin-meta')]?.name
}
