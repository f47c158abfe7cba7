import type { Socket } from 'node:net'
import type { BaseLogger } from 'pino'
import { errors } from '../errors.ts'
import type { RegistrationAcl } from './acl.ts'
import type { AcceptorMetrics, Limit } from './acceptor-metrics.ts'
import type { AllowRules } from './allow.ts'
import type { Clock } from './clock.ts'
import type { ConnectionPool, PoolLimits } from './connection-pool.ts'
import { ControlSession, type CodedError, type ControlChannel, type ControlLimits, type SessionEnd } from './control-session.ts'
import { endpointText, parseEndpoint, type Endpoint } from './endpoint.ts'
import type { Register } from './messages.ts'
import { protocolVersion } from './messages.ts'
import { bindingOf, peerForLog, type Peer } from './peer.ts'
import { Registration, registrationKey } from './registration.ts'
import type { Registrations } from './registrations.ts'
import { RepeatedReport } from './repeated-report.ts'
import { Tickets } from './tickets.ts'

/** Settings of an acceptor. */
export interface AcceptorSettings extends PoolLimits, ControlLimits {
  readonly replica: string
  readonly replicas: number
  readonly maxRegistrations: number
  readonly maxEndpoints: number
  readonly maxConnections: number
  readonly maxTickets: number
  readonly ticketLifetimeMs: number
  /** How long what runs may take to end, in milliseconds. */
  readonly drainTimeoutMs: number
}

/** What an acceptor works with. */
export interface AcceptorParts {
  readonly acl: RegistrationAcl
  readonly allow: AllowRules
  readonly registrations: Registrations
  readonly metrics: AcceptorMetrics
  readonly clock: Clock
  readonly log: Pick<BaseLogger, 'info' | 'warn' | 'debug'>
}

/** A data connection asks to be taken. */
export interface DataRequest {
  readonly ticket: string
  /** The replica whose ticket it is. */
  readonly replica: string
}

/** An initiator that may not register comes back again and again: one line in this time for the same refusal, in milliseconds. */
const refusalIntervalMs = 60_000
/** Refusals that are told apart; they cost memory, and strangers make them. */
const maxRefusalKinds = 1000

/** Limits that show as the end of a session. */
const messageLimits: ReadonlyMap<string, Limit> = new Map([
  ['POSTERN_ERR_REVERSE_INVOKE_MESSAGE_SIZE', 'message size'],
  ['POSTERN_ERR_REVERSE_INVOKE_MESSAGE_RATE', 'message rate']
])

/** The DMZ side of reverse invoke without its port: who is let in, what they register, which tickets open what. */
export class Acceptor {
  readonly #settings: AcceptorSettings
  readonly #parts: AcceptorParts
  readonly #tickets: Tickets<ConnectionPool>
  readonly #refusals: RepeatedReport
  /** Each with what ends it where its certificate is no longer good. */
  readonly #sessions = new Map<ControlSession, () => void>()

  constructor (settings: AcceptorSettings, parts: AcceptorParts) {
    this.#settings = settings
    this.#parts = parts
    this.#tickets = new Tickets({ lifetimeMs: settings.ticketLifetimeMs, clock: parts.clock })
    this.#refusals = new RepeatedReport(refusalIntervalMs, () => parts.clock.now(), maxRefusalKinds)
    parts.metrics.tables.add(parts.registrations)
  }

  /**
   * Whether somebody may speak here at all; for control channels and data connections alike.
   *
   * @throws POSTERN_ERR_REVERSE_INVOKE_DENIED (403)
   */
  admit (peer: Peer): void {
    const { permitted, entry } = this.#parts.acl.decide(peer)
    if (!permitted) throw new errors.REVERSE_INVOKE_DENIED({ cause: { aclEntry: entry } })
  }

  /**
   * Takes a control channel.
   *
   * @param onRegistered called once its registration is taken
   */
  open (channel: ControlChannel, peer: Peer, onRegistered: () => void = () => {}): ControlSession {
    let registration: Registration | null = null
    let cancelExpulsion = (): void => {}
    const session: ControlSession = new ControlSession(channel, {
      clock: this.#parts.clock,
      limits: this.#settings,
      validForMs: peer.certificate === null ? Infinity : peer.certificate.notAfter.getTime() - Date.now(),
      events: {
        register: message => {
          registration = this.#register(session, peer, message)
          onRegistered()
        },
        draining: () => {
          this.#parts.log.info({ initiator: registration?.name }, 'initiator is draining')
          registration?.drain()
        },
        ended: (reason, error) => {
          this.#sessions.delete(session)
          cancelExpulsion()
          this.#ended({ reason, error, peer, registration })
        }
      }
    })
    this.#sessions.set(session, () => {
      if (registration === null) return session.fail(new errors.REVERSE_INVOKE_CERTIFICATE(), 'refused')
      cancelExpulsion()
      cancelExpulsion = this.#parts.clock.after(this.#settings.drainTimeoutMs, () => { session.fail(new errors.REVERSE_INVOKE_CERTIFICATE(), 'expired') })
      registration.drain()
    })
    return session
  }

  /**
   * Ends a session whose certificate is no longer good: its registration takes nothing new, and what runs on it may end, within
   * `drainTimeoutMs`.
   */
  expel (session: ControlSession): void {
    this.#sessions.get(session)?.()
  }

  #register (session: ControlSession, peer: Peer, message: Register): Registration {
    const { registrations, log, metrics, clock } = this.#parts
    const endpoints = this.#checkedEndpoints(peer, message)
    const old = registrations.find(registrationKey(peer, message.instance))
    this.#checkRoom(old !== undefined)
    if (old !== undefined) {
      metrics.replaced.inc()
      registrations.replace(old)
    }
    const check = message.check === true
    // a look needs a connection even where none is kept ready
    const poolSize = check ? 1 : Math.min(message.poolSize ?? Infinity, this.#settings.poolSize)
    const registration = new Registration({
      peer,
      instance: message.instance,
      endpoints,
      check,
      limits: { ...this.#settings, poolSize },
      tickets: this.#tickets,
      clock,
      metrics,
      send: want => { session.send(want) },
      onLost: (endpoint, reason) => { log.debug({ initiator: registration.name, endpoint, reason }, 'idle data connection lost') },
      onDrained: () => { session.bye() }
    })
    registrations.add(registration, session)
    metrics.registered.inc()
    log.info({ ...peerForLog(peer), initiator: registration.name, instance: message.instance, endpoints: endpoints.map(endpointText), replaced: old !== undefined }, check ? 'initiator checks its way' : 'initiator registered')
    const { replica, replicas, heartbeatMs } = this.#settings
    session.registered({ type: 'registered', version: protocolVersion, replica, replicas, heartbeatMs })
    registration.start()
    return registration
  }

  #checkedEndpoints (peer: Peer, message: Register): Endpoint[] {
    const endpoints = new Map(message.endpoints.map(text => {
      const endpoint = parseEndpoint(text)
      if (endpoint === null) throw new errors.REVERSE_INVOKE_MESSAGE()
      return [endpointText(endpoint), endpoint]
    }))
    const list = [...endpoints.values()]
    this.#checkCount('endpoints', list.length, this.#settings.maxEndpoints)
    const { refused, mismatch, because } = this.#parts.allow.judge(peer.certificate, list)
    if (refused !== null) throw new errors.REVERSE_INVOKE_ENDPOINT(endpointText(refused), { cause: { because, instance: message.instance, ...mismatch } })
    return list
  }

  #checkRoom (replaces: boolean): void {
    const { registrations } = this.#parts
    if (registrations.leaving) throw new errors.REVERSE_INVOKE_DRAINING()
    if (!replaces) this.#checkCount('registrations', registrations.size + 1, this.#settings.maxRegistrations)
  }

  #checkCount (limit: 'endpoints' | 'registrations', count: number, most: number): void {
    if (count <= most) return
    this.#parts.metrics.limits.inc({ limit })
    throw new errors.REVERSE_INVOKE_LIMIT(limit, most)
  }

  #ended ({ reason, error, peer, registration }: { reason: SessionEnd, error: CodedError | null, peer: Peer, registration: Registration | null }): void {
    if (registration === null) return this.refused(peer, error, 'registration')
    const { registrations, metrics, log } = this.#parts
    registrations.remove(registration)
    metrics.ended.inc({ reason })
    this.#countLimit(error)
    const facts = { ...peerForLog(peer), initiator: registration.name, reason, code: error?.code, why: error?.message }
    if (reason === 'bye' || reason === 'aborted') log.info(facts, 'registration ended')
    else log.warn(facts, 'registration ended')
  }

  /** Counts and logs somebody who was not let in. */
  refused (peer: Peer, error: CodedError | null, what: 'registration' | 'data connection'): void {
    const { metrics, log } = this.#parts
    const reason = error === null ? 'left' : error.code.replace(/^POSTERN_ERR_(?:REVERSE_INVOKE_)?/, '').toLowerCase()
    metrics.refused.inc({ reason })
    this.#countLimit(error)
    const facts = { ...peerForLog(peer), code: error?.code, why: error?.message ?? 'it left before it registered', ...error?.cause as { readonly because?: string } | undefined }
    // an initiator that looks for another replica leaves as soon as it knows this one
    if (error === null) return log.debug(facts, `${what} given up`)
    const times = what === 'registration' ? this.#refusals.count(refusalKind(facts)) : 1
    if (times !== null) log.warn({ ...times > 1 && { times }, ...facts }, `${what} refused`)
  }

  #countLimit (error: CodedError | null): void {
    const limit = error === null ? undefined : messageLimits.get(error.code)
    if (limit !== undefined) this.#parts.metrics.limits.inc({ limit })
  }

  /**
   * Checks a data connection and uses its ticket up.
   *
   * @returns takes the connection, once it is upgraded
   * @throws POSTERN_ERR_REVERSE_INVOKE_REPLICA (421), POSTERN_ERR_REVERSE_INVOKE_TICKET (403)
   */
  redeem ({ ticket, replica }: DataRequest, peer: Peer): (socket: Socket) => void {
    if (replica !== this.#settings.replica) throw new errors.REVERSE_INVOKE_REPLICA()
    const redeemed = this.#tickets.redeem(ticket, bindingOf(peer))
    if ('refusal' in redeemed) {
      this.#parts.metrics.ticketsRefused.inc({ reason: redeemed.refusal })
      throw new errors.REVERSE_INVOKE_TICKET({ cause: { reason: redeemed.refusal } })
    }
    return socket => { redeemed.owner.attach(socket) }
  }

  /** Ends every session at once. */
  close (): void {
    for (const session of [...this.#sessions.keys()]) session.abort()
    this.#tickets.close()
    this.#parts.metrics.tables.delete(this.#parts.registrations)
  }
}

/** Behind a balancer or a NAT one address is many hosts, and whoever has mended one mistake wants to read of the next. */
function refusalKind ({ remoteAddress, subject, issuer, code, because }: { remoteAddress: string, subject?: string, issuer?: string, code?: string | undefined, because?: unknown }): string {
  return JSON.stringify([remoteAddress, code, subject, issuer, because])
}
