/** Who answers what comes over data connections: a listener of this gateway, or a server that runs none. */
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { splice } from '../http/tunnel.ts'
import { targetOfServer, type LocalTarget, type StreamAnswer } from '../initiator/target.ts'
import type { Shared } from './compose.ts'
import { createListener } from './listener.ts'
import type { InitiatorPlan, InitiatorTarget, ListenerPlan } from './plan.ts'

/** A listener with its plan. */
export interface NamedListener {
  readonly name: string
  readonly protocol: ListenerPlan['protocol']
  readonly app: FastifyInstance
}

/** The targets of one `postern/ri/client_<xx>`, and the instances that were made for them. */
export interface LocalTargets {
  readonly byEndpoint: ReadonlyMap<string, LocalTarget>
  /** They never listen; whoever asked for the targets closes them. */
  readonly apps: readonly FastifyInstance[]
}

/** Makes the targets; opens no connection. */
export async function createLocalTargets ({ targets }: InitiatorPlan, listeners: readonly NamedListener[], shared: Shared): Promise<LocalTargets> {
  const byEndpoint = new Map<string, LocalTarget>()
  const apps: FastifyInstance[] = []
  for (const target of targets) {
    if (target.server === null) {
      byEndpoint.set(target.endpoint, ownTarget(listeners.find(({ name }) => name === target.listener) as NamedListener))
    } else {
      const app = await createListener(target.server.http, shared)
      apps.push(app)
      byEndpoint.set(target.endpoint, foreignTarget(app, target.server, shared.plan.upstream.connectTimeoutMs))
    }
  }
  return { byEndpoint, apps }
}

/**
 * A port that demands certificates has seen one: that of the acceptor, the predecessor of every request on the data connection. The plan
 * lets no data connection without TLS lead there. End-to-end TLS has no use for requests; they are refused as such without TLS.
 */
function ownTarget ({ app, protocol }: NamedListener): LocalTarget {
  return targetOfServer(app.server, { demandsCertificate: protocol === 'ROUTER' })
}

/** Requests pass the plugins of `app`, streams go to the server untouched. */
function foreignTarget (app: FastifyInstance, server: NonNullable<InitiatorTarget['server']>, connectTimeoutMs: number): LocalTarget {
  return {
    server: app.server,
    arrival: () => ({ localAddress: undefined, localPort: server.http.port }),
    open: (stream, head, answer) => { openTo(server, { stream, head, answer, connectTimeoutMs }) },
    demandsCertificate: false,
    takesEmptyLines: false
  }
}

const keepAliveProbeMs = 60_000

interface Opening {
  readonly stream: Duplex
  readonly head: Buffer
  readonly answer: StreamAnswer
  readonly connectTimeoutMs: number
}

/** The stream is accepted when the server has taken the connection: an acceptor must not hear of success before. */
function openTo ({ host, port }: { readonly host: string, readonly port: number }, { stream, head, answer, connectTimeoutMs }: Opening): void {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveProbeMs })
  const giveUp = (): void => { socket.destroy() }
  const timer = setTimeout(giveUp, connectTimeoutMs)
  const refuse = (): void => { if (!stream.destroyed) answer.refuse() }
  stream.on('error', giveUp).once('close', giveUp)
  socket.on('error', giveUp).once('close', refuse)
  socket.once('close', () => { clearTimeout(timer) })
  socket.once('connect', () => {
    clearTimeout(timer)
    stream.off('close', giveUp)
    socket.off('close', refuse)
    answer.accept()
    if (head.length > 0) stream.unshift(head)
    splice(stream, socket)
  })
}
