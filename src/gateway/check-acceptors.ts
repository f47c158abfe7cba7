/** `-checkconfig` on the inner side of reverse invoke: walks the way to each acceptor once. */
import Fastify from 'fastify'
import { reverseInvokeInitiator } from '../../plugins/reverse-invoke-initiator.ts'
import type { ProbeStep } from '../initiator/probe.ts'
import { initiatorOptions } from './initiators.ts'
import type { Prepared } from './prepare.ts'
import { revocationOf } from './revocation.ts'

/** How far the way to the acceptor of one `postern/ri/client_<xx>` was walked. */
export interface AcceptorCheck {
  readonly name: string
  readonly steps: readonly ProbeStep[]
}

/**
 * Dials, registers under a name of its own, opens one data connection, and leaves; a gateway that runs with the same profile is not
 * disturbed. What goes wrong is a step.
 */
export async function checkAcceptors ({ plan, identities, revocationLists }: Pick<Prepared, 'plan' | 'identities' | 'revocationLists'>): Promise<AcceptorCheck[]> {
  if (plan === null || plan.reverseInvoke.initiators.length === 0) return []
  const app = Fastify({ logger: false })
  const revocation = revocationOf(plan, revocationLists, app.log)
  for (const initiator of plan.reverseInvoke.initiators) await app.register(reverseInvokeInitiator, initiatorOptions(initiator, { plan, identities, revocation }))
  await app.ready()
  try {
    return await app.reverseInvokeInitiator.probe()
  } finally {
    await app.close()
  }
}
