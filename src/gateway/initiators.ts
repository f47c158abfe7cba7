/** The inner side of reverse invoke: every `postern/ri/client_<xx>` of a plan, on one Fastify instance that never listens. */
import Fastify, { LogController, type FastifyInstance } from 'fastify'
import { reverseInvokeInitiator } from '../../plugins/reverse-invoke-initiator.ts'
import type { Identity } from '../pse/identity.ts'
import type { Shared } from './compose.ts'
import { createLocalTargets, type NamedListener } from './local-targets.ts'
import type { InitiatorPlan } from './plan.ts'

/** Makes the instance with the targets of all endpoints; nothing is dialled before `app.reverseInvokeInitiator.start()`. */
export async function createInitiators (listeners: readonly NamedListener[], shared: Shared): Promise<FastifyInstance> {
  const app = Fastify({ loggerInstance: shared.logger, logController: new LogController({ disableRequestLogging: true }) }) as unknown as FastifyInstance
  for (const initiator of shared.plan.reverseInvoke.initiators) {
    const { byEndpoint, apps } = await createLocalTargets(initiator, listeners, shared)
    await app.register(reverseInvokeInitiator, { ...initiatorOptions(initiator, shared), targets: byEndpoint, metrics: shared.metrics })
    app.server.on('refresh', () => { for (const target of apps) target.server.emit('refresh') })
    app.addHook('onClose', async () => { await Promise.all(apps.map(async target => { await target.close() })) })
  }
  await app.ready()
  return app
}

/** Options of the plugin without the targets: as much as a check of the way needs. */
export function initiatorOptions ({ identity, options }: InitiatorPlan, { plan, identities, revocation }: Pick<Shared, 'plan' | 'identities' | 'revocation'>) {
  const { ciphers } = plan.upstream
  return {
    ...structuredClone(options),
    revocation,
    ...identity === null ? {} : { identity: identities.get(identity) as Identity, ...ciphers === null ? {} : { tlsSettings: ciphers } }
  }
}
