/**
 * From the plan to Fastify instances: one per `icm/server_port_<xx>`, one for the registration port of reverse invoke, one for the admin
 * port. Nothing is decided here; a rule that looks as if it belonged here belongs to the plan or to a plugin.
 */
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { LogController, type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import { admin } from '../../plugins/admin.ts'
import { countUpstreamFailures } from '../../plugins/metrics.ts'
import type { RouterConnect } from '../../plugins/router.ts'
import { DispatchTable } from '../dispatch/table.ts'
import { errors } from '../errors.ts'
import type { Identity } from '../pse/identity.ts'
import { Registrations } from '../reverse-invoke/registrations.ts'
import { UpstreamPools } from '../upstream/pools.ts'
import { ReverseInvokePools } from '../upstream/reverse-invoke-pools.ts'
import type { Pools } from '../upstream/sender.ts'
import { createInitiators } from './initiators.ts'
import { createListener } from './listener.ts'
import { addressOf, listenFaultText } from './ports.ts'
import type { ListenerPlan, Plan } from './plan.ts'
import { createRegistrationPort } from './registration-port.ts'
import { addressesOf, systemsOf } from './systems.ts'

/** What the listeners of one gateway have in common. */
export interface Shared {
  readonly plan: Plan
  readonly identities: ReadonlyMap<string, Identity>
  readonly table: DispatchTable
  readonly pools: Pools
  /** How end-to-end TLS reaches a server; `null`: by TCP. */
  readonly connectStream: RouterConnect | null
  /** Who is registered; `null` where this gateway opens the connections to its back ends itself. */
  readonly registrations: Registrations | null
  readonly metrics: Registry
  readonly logger: Logger
}

/** A gateway that was made from a plan. */
export interface Gateway {
  /** Addresses of the listeners by their parameter, once {@link Gateway.listen} has ended; `postern/admin_port` among them. */
  readonly addresses: ReadonlyMap<string, AddressInfo>
  /**
   * Opens all ports, or none: a port that cannot be opened closes those that were.
   *
   * @throws POSTERN_ERR_GATEWAY_LISTEN
   */
  listen (): Promise<void>
  /**
   * Stops in order: says that it goes, waits `plan.drainDelayMs`, takes no new connections; running exchanges end within
   * `plan.shutdownTimeoutMs` from the beginning, what is left then is cut.
   */
  close (): Promise<void>
  /** Lets names be resolved again, tries servers that were taken out, and opens log files anew (SIGHUP). */
  refresh (): void
}

/** What a plan only names. */
export interface GatewayParts {
  /** The loaded identities by their key in `plan.identities`. */
  readonly identities: ReadonlyMap<string, Identity>
  /** Key of the stickiness cookies; `null`: one is made. */
  readonly stickyKey?: Buffer | null
  readonly logger: Logger
}

/**
 * Makes the Fastify instances of a plan and registers their plugins; opens no port.
 *
 * @throws POSTERN_ERR_OPTIONS_INVALID and what the plugins throw
 */
export async function createGateway (plan: Plan, { identities, stickyKey, logger }: GatewayParts): Promise<Gateway> {
  const connections = connectionsOf(plan)
  const metrics = new Registry()
  const systems = systemsOf(plan, identities)
  const table = new DispatchTable(systems, {
    conflictResolution: plan.conflictResolution,
    stickyKey: stickyKey ?? undefined,
    retryAfterMs: plan.balancing.retryAfterMs,
    addresses: await addressesOf(systems),
    onFailure: countUpstreamFailures(metrics),
    onServerChange: ({ system, server, state, reason }) => {
      logger[state === 'out' ? 'warn' : 'info']({ system, upstream: server.origin, reason }, state === 'out' ? 'server taken out' : 'server is back')
    }
  })
  const shared: Shared = { plan, identities, table, ...connections, metrics, logger }
  const gateway = new ComposedGateway(shared)
  await gateway.compose()
  return gateway
}

/** With a registration port there is nothing here that could dial a back end. */
function connectionsOf ({ upstream, reverseInvoke: { acceptor } }: Plan): Pick<Shared, 'pools' | 'registrations' | 'connectStream'> {
  if (acceptor === null) return { pools: new UpstreamPools(upstream), registrations: null, connectStream: null }
  const registrations = new Registrations()
  const pools = new ReverseInvokePools({ ...upstream, source: registrations })
  return { pools, registrations, connectStream: async (server, signal) => await pools.connectStream(server, signal) }
}

interface Listener {
  readonly name: string
  readonly scheme: string
  readonly host: string | null
  readonly port: number
  readonly app: FastifyInstance
}

/** An `icm/server_port_<xx>`. */
interface ServiceListener extends Listener {
  readonly protocol: ListenerPlan['protocol']
}

const schemes = { HTTP: 'http', HTTPS: 'https', ROUTER: 'tls' } as const

const sweepIntervalMs = 50

type State = 'starting' | 'serving' | 'draining'

class ComposedGateway implements Gateway {
  readonly addresses = new Map<string, AddressInfo>()
  readonly #shared: Shared
  readonly #services: ServiceListener[] = []
  #registrationPort: Listener | null = null
  #admin: Listener | null = null
  /** Dials the acceptors; listens nowhere. */
  #initiators: FastifyInstance | null = null
  #state: State = 'starting'
  #closed: Promise<void> | null = null

  constructor (shared: Shared) {
    this.#shared = shared
  }

  async compose (): Promise<void> {
    const { plan, registrations } = this.#shared
    for (const listener of plan.listeners) {
      const { name, protocol, host, port } = listener
      this.#services.push({ name, protocol, scheme: schemes[protocol], host, port, app: await createListener(listener, this.#shared) })
    }
    const { acceptor, initiators } = plan.reverseInvoke
    if (acceptor !== null && registrations !== null) {
      const { name, host, port, tls } = acceptor
      this.#registrationPort = { name, scheme: tls === null ? 'http' : 'https', host, port, app: await createRegistrationPort(acceptor, registrations, this.#shared) }
    }
    if (initiators.length > 0) this.#initiators = await createInitiators(this.#services, this.#shared)
    if (plan.admin !== null) this.#admin = { name: 'postern/admin_port', scheme: 'http', ...plan.admin, app: await this.#adminListener() }
  }

  get #listeners (): Listener[] {
    return [...this.#services, this.#registrationPort, this.#admin].filter(listener => listener !== null)
  }

  async #adminListener (): Promise<FastifyInstance> {
    const app = Fastify({ loggerInstance: this.#shared.logger.child({ listener: 'postern/admin_port' }), logController: new LogController({ disableRequestLogging: true }) })
    await app.register(admin, { registry: this.#shared.metrics, ready: () => ({ ...this.#readiness(), details: this.#reverseInvoke() }) })
    await app.ready()
    return app as unknown as FastifyInstance
  }

  #readiness (): { ready: boolean, reasons: string[] } {
    return this.#state === 'serving' ? { ready: true, reasons: [] } : { ready: false, reasons: [`the gateway is ${this.#state}`] }
  }

  /**
   * For information only. Whether anybody is registered says nothing of readiness: an orchestrator sends no connections to a process that
   * is not ready, so that a registration port that waited for registrations would never get one.
   */
  #reverseInvoke (): Record<string, unknown> {
    const { registrations } = this.#shared
    if (registrations === null && this.#initiators === null) return {}
    return {
      reverseInvoke: {
        ...registrations !== null && { registrations: registrations.snapshot() },
        ...this.#initiators !== null && { acceptors: this.#initiators.reverseInvokeInitiator.snapshot() }
      }
    }
  }

  async listen (): Promise<void> {
    for (const { name, scheme, host, port, app } of this.#listeners) {
      try {
        await app.listen({ host: await addressOf(host), port, exclusive: true, listenTextResolver: address => `${name}: listening on ${address.replace(/^https?/, scheme)}` })
      } catch (error) {
        await this.close()
        throw new errors.GATEWAY_LISTEN(name, `${host ?? '*'}:${port}`, listenFaultText(error))
      }
      this.addresses.set(name, app.server.address() as AddressInfo)
    }
    this.#state = 'serving'
    // whoever registers is sent requests at once
    this.#initiators?.reverseInvokeInitiator.start()
  }

  async close (): Promise<void> {
    await (this.#closed ??= this.#close())
  }

  async #close (): Promise<void> {
    const { plan, logger, pools } = this.#shared
    const delayMs = this.#state === 'serving' ? plan.drainDelayMs : 0
    this.#state = 'draining'
    const deadline = setTimeout(() => {
      logger.warn({ shutdownTimeoutMs: plan.shutdownTimeoutMs }, 'exchanges that did not end in time are cut')
      this.#cut()
    }, plan.shutdownTimeoutMs)
    await this.#drain(delayMs)
    clearTimeout(deadline)
    // the admin port answers until the last exchange has ended, so that an orchestrator can watch the draining
    await this.#admin?.app.close()
    await pools.close()
  }

  /**
   * Both sides of reverse invoke say at once that they go, so that the others turn elsewhere while everything still works. The ports that
   * data connections lead to stay until those have ended, and the registration port until the last client has its answer.
   */
  async #drain (delayMs: number): Promise<void> {
    this.#shared.registrations?.announceLeaving()
    const initiated = this.#initiators?.reverseInvokeInitiator.drain()
    const names = new Set(this.#shared.plan.reverseInvoke.initiators.flatMap(({ targets }) => targets.map(({ listener }) => listener)))
    const others = this.#services.filter(({ name }) => !names.has(name))
    const targets = this.#services.filter(({ name }) => names.has(name))
    if (delayMs > 0) await sleep(delayMs)
    await Promise.all([closeInOrder(others), Promise.resolve(initiated).then(async () => { await closeInOrder(targets) })])
    await this.#initiators?.close()
    await this.#registrationPort?.app.close()
  }

  #cut (): void {
    for (const { app } of this.#services) app.server.closeAllConnections()
    this.#shared.pools.destroy()
    for (const initiator of this.#initiators?.reverseInvokeInitiator.initiators ?? []) initiator.destroy()
    this.#shared.registrations?.abort()
  }

  refresh (): void {
    this.#shared.table.retryFailed()
    this.#shared.pools.refresh()
    for (const app of [...this.#listeners.map(({ app }) => app), this.#initiators]) app?.server.emit('refresh')
  }
}

/** No new connections; resolves when the last exchange has ended. */
async function closeInOrder (services: readonly ServiceListener[]): Promise<void> {
  // a connection whose last exchange ends after the closing began would stay open for its keep-alive time
  const sweep = setInterval(() => { for (const { app } of services) app.server.closeIdleConnections() }, sweepIntervalMs)
  await Promise.all(services.map(async ({ app }) => { await app.close() }))
  clearInterval(sweep)
}
