/**
 * From the plan to Fastify instances: one per `icm/server_port_<xx>`, one for the admin port. Nothing is decided here; a rule that
 * looks as if it belonged here belongs to the plan or to a plugin.
 */
import type { AddressInfo } from 'node:net'
import Fastify, { LogController, type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import { admin } from '../../plugins/admin.ts'
import { countUpstreamFailures } from '../../plugins/metrics.ts'
import { DispatchTable } from '../dispatch/table.ts'
import { errors } from '../errors.ts'
import type { Identity } from '../pse/identity.ts'
import { UpstreamPools } from '../upstream/pools.ts'
import { createListener } from './listener.ts'
import { addressOf, listenFaultText } from './ports.ts'
import type { Plan } from './plan.ts'
import { addressesOf, systemsOf } from './systems.ts'

/** What the listeners of one gateway have in common. */
export interface Shared {
  readonly plan: Plan
  readonly identities: ReadonlyMap<string, Identity>
  readonly table: DispatchTable
  readonly pools: UpstreamPools
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
  /** Stops in order: no new connections, running exchanges end within `plan.shutdownTimeoutMs`, what is left then is cut. */
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
  const pools = new UpstreamPools(plan.upstream)
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
  const shared: Shared = { plan, identities, table, pools, metrics, logger }
  const gateway = new ComposedGateway(shared)
  await gateway.compose()
  return gateway
}

interface Listener {
  readonly name: string
  readonly scheme: string
  readonly host: string | null
  readonly port: number
  readonly app: FastifyInstance
}

const schemes = { HTTP: 'http', HTTPS: 'https', ROUTER: 'tls' } as const

const sweepIntervalMs = 50

type State = 'starting' | 'serving' | 'draining'

class ComposedGateway implements Gateway {
  readonly addresses = new Map<string, AddressInfo>()
  readonly #shared: Shared
  readonly #listeners: Listener[] = []
  #state: State = 'starting'

  constructor (shared: Shared) {
    this.#shared = shared
  }

  async compose (): Promise<void> {
    const { plan } = this.#shared
    for (const listener of plan.listeners) {
      const app = await createListener(listener, this.#shared)
      this.#listeners.push({ name: listener.name, scheme: schemes[listener.protocol], host: listener.host, port: listener.port, app })
    }
    if (plan.admin !== null) {
      this.#listeners.push({ name: 'postern/admin_port', scheme: 'http', ...plan.admin, app: await this.#adminListener() })
    }
  }

  async #adminListener (): Promise<FastifyInstance> {
    const app = Fastify({ loggerInstance: this.#shared.logger.child({ listener: 'postern/admin_port' }), logController: new LogController({ disableRequestLogging: true }) })
    await app.register(admin, { registry: this.#shared.metrics, ready: () => this.#readiness() })
    await app.ready()
    return app as unknown as FastifyInstance
  }

  #readiness (): { ready: boolean, reasons: string[] } {
    return this.#state === 'serving' ? { ready: true, reasons: [] } : { ready: false, reasons: [`the gateway is ${this.#state}`] }
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
  }

  async close (): Promise<void> {
    this.#state = 'draining'
    const [services, rest] = [this.#listeners.filter(isService), this.#listeners.filter(listener => !isService(listener))]
    const deadline = setTimeout(() => {
      this.#shared.logger.warn({ shutdownTimeoutMs: this.#shared.plan.shutdownTimeoutMs }, 'exchanges that did not end in time are cut')
      for (const { app } of services) app.server.closeAllConnections()
      this.#shared.pools.destroy()
    }, this.#shared.plan.shutdownTimeoutMs)
    // a connection whose last exchange ends after the closing began would stay open for its keep-alive time
    const sweep = setInterval(() => { for (const { app } of services) app.server.closeIdleConnections() }, sweepIntervalMs)
    await Promise.all(services.map(async ({ app }) => { await app.close() }))
    clearInterval(sweep)
    clearTimeout(deadline)
    // the admin port answers until the last exchange has ended, so that an orchestrator can watch the draining
    await Promise.all(rest.map(async ({ app }) => { await app.close() }))
    await this.#shared.pools.close()
  }

  refresh (): void {
    this.#shared.table.retryFailed()
    this.#shared.pools.refresh()
    for (const { app } of this.#listeners) app.server.emit('refresh')
  }
}

function isService ({ name }: { name: string }): boolean {
  return name !== 'postern/admin_port'
}
