/**
 * One `icm/server_port_<xx>` as a Fastify instance, with its plugins in the order of the plan.
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerOptions } from 'node:http'
import Fastify, { LogController, type FastifyInstance, type FastifyServerFactory } from 'fastify'
import { metrics } from '../../plugins/metrics.ts'
import { routerServerFactory, type RouterOptions } from '../../plugins/router.ts'
import { accessControl } from '../../plugins/access-control.ts'
import { clientErrorHandler } from '../../plugins/error-pages.ts'
import { tlsServerFactory } from '../../plugins/tls-termination.ts'
import { errors } from '../errors.ts'
import { findingsToText } from '../profile/report.ts'
import type { Shared } from './compose.ts'
import type { ListenerPlan, Origin, PluginPlan } from './plan.ts'
import { registerPlugin } from './registry.ts'
import { routedTarget } from './reserved-paths.ts'
import { tlsOptionsOf } from './tls.ts'

/** Makes the instance and registers its plugins; opens no port. */
export async function createListener (listener: ListenerPlan, shared: Shared): Promise<FastifyInstance> {
  const app = Fastify({
    serverFactory: serverFactory(listener, shared),
    loggerInstance: shared.logger.child({ listener: listener.name }),
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    genReqId: requestIds(),
    clientErrorHandler,
    // a request that comes on an open connection while the gateway stops is still answered; the answer closes the connection
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    rewriteUrl: routeTargets(externalPrefixes(listener.plugins))
  }) as unknown as FastifyInstance
  app.server.maxConnections = listener.maxConnections
  if (listener.aclFile !== null) await app.register(accessControl, { file: listener.aclFile })
  if (shared.plan.admin !== null) await app.register(metrics, { listener: listener.name, registry: shared.metrics })
  for (const plugin of listener.plugins) {
    await registerPlugin(app, plugin, { listener, shared }).catch((error: unknown) => { throw pluginFault(plugin, listener, error) })
  }
  await app.ready()
  return app
}

/** A plugin that cannot start ends the start as every other fault of the profile does. */
function pluginFault ({ plugin, options, parameter }: PluginPlan, { name, origin }: ListenerPlan, error: unknown): Error {
  const { code, message } = error as { code?: string, message: string }
  const origins = options['origin'] as Origin | undefined
  const what = plugin === 'external' ? String(options['name']) : plugin
  return new errors.GATEWAY_CONFIGURATION(findingsToText([{
    severity: 'error',
    code: code?.startsWith('POSTERN_') === true ? code : 'POSTERN_ERR_GATEWAY_PLUGIN_INVALID',
    ...(origins ?? origin),
    parameter: parameter ?? name,
    message: `plugin ${what} does not start: ${message}`,
    expected: null
  }]))
}

function serverFactory (listener: ListenerPlan, shared: Shared): FastifyServerFactory {
  switch (listener.protocol) {
    case 'HTTPS': return tlsServerFactory({ ...tlsOptionsOf(listener, shared), server: serverOptions(listener) }) as unknown as FastifyServerFactory
    case 'ROUTER': return routerServerFactory(routerOptions(shared))
    case 'HTTP': return (handler: RequestListener) => createServer(serverOptions(listener), handler)
  }
}

function routerOptions ({ plan, table, connectStream, logger }: Shared): RouterOptions {
  const { connectTimeoutMs } = plan.upstream
  return {
    ...plan.router,
    connectTimeoutMs,
    drainTimeoutMs: plan.shutdownTimeoutMs,
    systems: local => table.forConnection(local),
    ...connectStream !== null && { connect: connectStream },
    logger
  }
}

const longestHeadMs = 60_000

/** Times after which Node looks whether a head is late, in milliseconds. */
const headChecksMs = { min: 20, max: 5000 }

function serverOptions ({ maxHeaderBytes, keepAliveTimeoutMs, receiveTimeoutMs }: ListenerPlan): ServerOptions {
  // the head must come within a minute or less; a body may take as long as it flows
  const headersTimeout = Math.min(longestHeadMs, receiveTimeoutMs ?? longestHeadMs)
  return {
    maxHeaderSize: maxHeaderBytes,
    keepAliveTimeout: keepAliveTimeoutMs ?? 0,
    headersTimeout,
    connectionsCheckingInterval: Math.min(headChecksMs.max, Math.max(headChecksMs.min, Math.round(headersTimeout / 4))),
    requestTimeout: 0
  }
}

/** Request ids: unique in this process by the counter, and beyond it by the random part. */
function requestIds (): () => string {
  const prefix = crypto.randomUUID().slice(0, 8)
  let count = 0
  return () => `${prefix}-${(++count).toString(36)}`
}

function externalPrefixes (plugins: readonly PluginPlan[]): string[] {
  return plugins.filter(({ plugin }) => plugin === 'external').map(({ options }) => String(options['prefix']))
}

/** Fastify routes by what this returns and keeps the target as it came in `originalUrl`. */
function routeTargets (prefixes: readonly string[]): (request: IncomingMessage) => string {
  return ({ url = '/' }) => routedTarget(url, prefixes)
}
