/** The registration port of reverse invoke (`wdisp/ri/client_serv`) as a Fastify instance of its own: none of its requests is a client's. */
import { createServer, type RequestListener } from 'node:http'
import Fastify, { LogController, type FastifyInstance, type FastifyServerFactory } from 'fastify'
import { clientErrorHandler, errorPages } from '../../plugins/error-pages.ts'
import { reverseInvokeAcceptor } from '../../plugins/reverse-invoke-acceptor.ts'
import { tlsServerFactory, tlsTermination } from '../../plugins/tls-termination.ts'
import { acceptorMetrics } from '../reverse-invoke/acceptor-metrics.ts'
import type { Registrations } from '../reverse-invoke/registrations.ts'
import type { Shared } from './compose.ts'
import type { AcceptorPlan } from './plan.ts'
import { tlsOptionsOf } from './tls.ts'

/** Makes the instance; opens no port. */
export async function createRegistrationPort (acceptor: AcceptorPlan, registrations: Registrations, shared: Pick<Shared, 'identities' | 'revocation' | 'logger' | 'metrics'>): Promise<FastifyInstance> {
  const app = Fastify({
    serverFactory: serverFactory(acceptor, shared),
    loggerInstance: shared.logger.child({ listener: acceptor.name }),
    logController: new LogController({ disableRequestLogging: true }),
    clientErrorHandler,
    forceCloseConnections: true
  }) as unknown as FastifyInstance
  if (acceptor.tls !== null) await app.register(tlsTermination)
  await app.register(errorPages)
  await app.register(reverseInvokeAcceptor, { ...mutable(acceptor.options), registrations, metrics: shared.metrics })
  if (acceptor.tls !== null) app.tlsConnections.onClientRefused(() => { acceptorMetrics(shared.metrics).refused.inc({ reason: 'certificate' }) })
  await app.ready()
  return app
}

function serverFactory ({ tls, options: { registerTimeoutMs } }: AcceptorPlan, shared: Pick<Shared, 'identities' | 'revocation'>): FastifyServerFactory {
  const server = { headersTimeout: registerTimeoutMs, requestTimeout: registerTimeoutMs }
  return tls === null
    ? (handler: RequestListener) => createServer(server, handler)
    : tlsServerFactory({ ...tlsOptionsOf({ tls }, shared), server }) as unknown as FastifyServerFactory
}

type Mutable<T> = T extends ReadonlyArray<infer E> ? Array<Mutable<E>> : T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T

/** Plans are read-only; the types of schemas are not. */
function mutable<T extends object> (value: T): Mutable<T> {
  return structuredClone(value) as Mutable<T>
}
