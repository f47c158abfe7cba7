/** Makes what is running use renewed identities and revocation lists, and ends what they no longer let in. */
import type { FastifyInstance } from 'fastify'
import type { Socket } from 'node:net'
import { isRefused, isUntrusted } from '../upstream/peer-check.ts'
import type { Shared } from './compose.ts'
import type { InitiatorPlan, TlsPlan } from './plan.ts'
import type { Renewal } from './reload.ts'

/** What runs. */
export interface RunningParts {
  /** Instances with TLS of clients: the ports of services. */
  readonly ports: ReadonlyArray<{ readonly app: FastifyInstance, readonly tls: TlsPlan | null }>
  readonly registrationPort: { readonly app: FastifyInstance, readonly tls: TlsPlan | null } | null
  /** The instance of the inner side of reverse invoke, with its plans. */
  readonly initiators: { readonly app: FastifyInstance, readonly plans: readonly InitiatorPlan[] } | null
}

type Parts = Pick<Shared, 'identities' | 'store' | 'revocation' | 'pools'>

/** New handshakes use what is new at once. Connections that are still good go on. */
export function renewConnections (renewal: Renewal, { ports, registrationPort, initiators }: RunningParts, shared: Parts): void {
  for (const { app, tls } of [...ports, ...registrationPort === null ? [] : [registrationPort]]) {
    if (tls !== null) renewPort(app, tls, renewal, shared)
  }
  for (const { old } of renewal.identities.values()) shared.pools.retireIdentity(old)
  if (initiators !== null) renewInitiators(initiators, renewal, shared)
  // only now: what would be refused ends when nothing new can come about with what is old
  for (const { app, tls } of ports) if (tls !== null) app.tlsConnections.endRefused()
  if (registrationPort !== null && registrationPort.tls !== null) endRegistrations(registrationPort.app)
  const isBad = (socket: object): boolean => isUntrusted(socket, identity => shared.store.presentOf(identity)) || (shared.revocation !== null && isRefused(socket, shared.revocation))
  shared.pools.endThose(isBad)
  for (const initiator of initiators?.app.reverseInvokeInitiator.initiators ?? []) initiator.endThose(isBad)
}

function renewPort ({ tlsConnections }: FastifyInstance, { identities: names }: TlsPlan, renewal: Renewal, { identities }: Parts): void {
  // sessions end with the trust list and with the lists that they were judged by
  if (renewal.lists) tlsConnections.forgetSessions()
  if (names.some(name => renewal.identities.has(name))) tlsConnections.replaceIdentities(names.map(name => identities.get(name)).filter(identity => identity !== undefined))
}

/** Data connections end with their registration, each behind what runs on it. */
function endRegistrations ({ tlsConnections, registrationPort }: FastifyInstance): void {
  registrationPort.endThose((socket: Socket) => tlsConnections.isRefused(socket as Parameters<typeof tlsConnections.isRefused>[0]))
  tlsConnections.endThose(socket => tlsConnections.isRefused(socket) && !registrationPort.has(socket))
}

function renewInitiators ({ app, plans }: NonNullable<RunningParts['initiators']>, renewal: Renewal, { identities }: Parts): void {
  for (const { name, identity } of plans) {
    const renewed = identity !== null && renewal.identities.has(identity) ? identities.get(identity) : undefined
    if (renewed === undefined) continue
    for (const initiator of app.reverseInvokeInitiator.initiators) if (initiator.name === name) initiator.useIdentity(renewed)
  }
}
