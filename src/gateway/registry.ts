/**
 * The plugins that a plan can name: ours, and any other package's as `external`. A plugin's JSON options come from the plan; what is no
 * JSON (identities, tables, pools) is added here.
 */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { accessLog } from '../../plugins/access-log.ts'
import { clientCertHeaders } from '../../plugins/client-cert-headers.ts'
import { dispatch } from '../../plugins/dispatch.ts'
import { errorPages } from '../../plugins/error-pages.ts'
import { forward } from '../../plugins/forward.ts'
import { redirect } from '../../plugins/redirect.ts'
import { strictTransportSecurity } from '../../plugins/strict-transport-security.ts'
import { tlsTermination } from '../../plugins/tls-termination.ts'
import { errors } from '../errors.ts'
import { closeAfterAnswer } from '../http/lingering-close.ts'
import { watchIntake } from '../http/request-intake.ts'
import { endpointText, type Endpoint } from '../reverse-invoke/endpoint.ts'
import type { Target } from '../upstream/target.ts'
import type { Shared } from './compose.ts'
import { loadExternalPlugin, type ExternalPluginOptions } from './external-plugin.ts'
import { auxiliaryOptions } from './auxiliary-upstream.ts'
import type { ListenerPlan, PluginPlan, ServerPlan } from './plan.ts'
import { placeOf } from './reserved-paths.ts'
import { issuersOf } from './tls.ts'

/** What a plugin may need beside its options. */
export interface PluginContext {
  readonly listener: ListenerPlan
  readonly shared: Shared
}

type Options = Readonly<Record<string, unknown>>
type Register = (app: FastifyInstance, options: Options, context: PluginContext) => Promise<void>

const registry: Readonly<Record<string, Register>> = {
  'client-cert-headers': own(clientCertHeaders, ({ listener, shared }) => ({ issuers: issuersOf(listener, shared) })),
  'tls-termination': own(tlsTermination),
  'error-pages': own(errorPages),
  'access-log': own(accessLog),
  'strict-transport-security': own(strictTransportSecurity),
  redirect: own(redirect),
  external: registerExternal,
  'fixed-target': registerFixedTarget,
  dispatch: own(dispatch, ({ shared: { table } }) => ({ table })),
  forward: own(forward, ({ shared: { pools } }) => ({ pools }))
}

/**
 * Registers one plugin of a plan.
 *
 * @throws POSTERN_ERR_GATEWAY_PLUGIN_NOT_FOUND and what the plugin throws
 */
export async function registerPlugin (app: FastifyInstance, { plugin, options }: PluginPlan, context: PluginContext): Promise<void> {
  const register = Object.hasOwn(registry, plugin) ? registry[plugin] : undefined
  if (register === undefined) throw new errors.GATEWAY_PLUGIN_NOT_FOUND(plugin, 'the registry of the gateway')
  await register(app, options, context)
}

// `any`: each plugin checks its options itself, against its own schema
function own (plugin: FastifyPluginAsync<any>, more: (context: PluginContext) => object = () => ({})): Register {
  return async (app, options, context) => { await app.register(plugin, { ...options, ...more(context) }) }
}

/**
 * An external plugin lives in a scope of its own below its prefix, even where it asks for the outer one: its hooks see its own routes
 * only. What it has no route for is answered here and never goes to a back-end system.
 */
async function registerExternal (app: FastifyInstance, options: Options, { listener, shared }: PluginContext): Promise<void> {
  const external = options as unknown as ExternalPluginOptions & { readonly tls: ServerPlan['tls'] }
  const { prefix } = external
  const loaded = await loadExternalPlugin(external)
  const upstream = auxiliaryOptions(loaded, external.tls, shared)
  app.addHook('onRequest', (request, _reply, done) => {
    const place = request.routeOptions.config.forward === true ? placeOf(request.originalUrl, prefix) : 'outside'
    if (place === 'below') done(new errors.GATEWAY_NOT_SERVED())
    else if (place === 'disguised') done(new errors.DISPATCH_TARGET_AMBIGUOUS())
    else done()
  })
  await app.register(async scope => {
    limitIntake(scope, listener)
    await scope.register(loaded.plugin, { ...loaded.options, ...upstream })
  }, { prefix })
}

/** In the place of `dispatch`: every request goes to one server. */
async function registerFixedTarget (app: FastifyInstance, options: Options, { listener }: PluginContext): Promise<void> {
  const { host, port } = options as unknown as Endpoint
  const server = { origin: `http://${endpointText({ host, port })}`, host, port, tls: null }
  const target: Target = { server, system: listener.name, succeeded: () => {}, failed: () => {} }
  app.decorateRequest('target', null)
  app.addHook('onRequest', (request, _reply, done) => {
    request.target = target
    done()
  })
}

/** The bounds of the port count for bodies that an external plugin reads, too. */
function limitIntake (scope: FastifyInstance, { receiveTimeoutMs, maxBodyBytes }: ListenerPlan): void {
  scope.addHook('onRequest', (request, reply, done) => {
    watchIntake(request.raw, { silenceMs: receiveTimeoutMs, maxBytes: maxBodyBytes }, error => {
      if (reply.sent || reply.raw.headersSent) {
        request.raw.destroy()
        return
      }
      closeAfterAnswer(request.raw, reply.raw)
      reply.send(error)
    })
    done()
  })
}
