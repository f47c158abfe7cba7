/** The Fastify instances of one gateway: opened together, and stopped in order. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { LogController, type FastifyInstance } from 'fastify'
import { admin } from '../../plugins/admin.ts'
import { errors } from '../errors.ts'
import type { Gateway, Shared } from './compose.ts'
import { ExpiryReport } from './expiry-report.ts'
import { createInitiators } from './initiators.ts'
import { createListener } from './listener.ts'
import type { ListenerPlan } from './plan.ts'
import { addressOf, listenFaultText } from './ports.ts'
import { createRegistrationPort } from './registration-port.ts'
import { Reloader } from './reload.ts'
import { renewConnections, type RunningParts } from './renew-connections.ts'
import { filesOf, WatchedFiles } from './watched-files.ts'

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

/** The instances of a plan, made by {@link ComposedGateway.compose}. */
export class ComposedGateway implements Gateway {
  readonly addresses = new Map<string, AddressInfo>()
  readonly #shared: Shared
  readonly #reloader: Reloader
  readonly #expiry: ExpiryReport
  readonly #files: WatchedFiles | null
  readonly #services: ServiceListener[] = []
  #registrationPort: Listener | null = null
  #admin: Listener | null = null
  /** Dials the acceptors; listens nowhere. */
  #initiators: FastifyInstance | null = null
  #state: State = 'starting'
  #closed: Promise<void> | null = null

  constructor (shared: Shared) {
    this.#shared = shared
    const { plan } = shared
    this.#reloader = new Reloader({ ...shared, apply: renewal => { renewConnections(renewal, this.#running, shared) } })
    this.#expiry = new ExpiryReport(shared)
    const { intervalMs } = plan.renewal
    this.#files = intervalMs === 0 ? null : new WatchedFiles({ paths: filesOf(plan), intervalMs, since: performance.timeOrigin, onChange: () => { this.#reload('files have changed') } })
  }

  /** Makes the instances and registers their plugins; opens no port. */
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
    await app.register(admin, { registry: this.#shared.metrics, ready: () => ({ ...this.#readiness(), details: { ...this.#reverseInvoke(), ...this.#certificates() } }) })
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

  /** For information only, too: what is in use works, whatever could not be loaded since. */
  #certificates (): Record<string, unknown> {
    const { state } = this.#reloader
    return { ...Object.keys(this.#shared.plan.identities).length > 0 && this.#expiry.snapshot(), ...state !== null && { reload: state } }
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
    this.#expiry.start()
    await this.#files?.start()
    this.#startReverseInvoke()
  }

  /** Last: whoever has registered is sent requests at once. */
  #startReverseInvoke (): void {
    const { plan: { reverseInvoke: { acceptor, initiators } }, logger } = this.#shared
    if (acceptor !== null) logger.info({ rules: acceptor.options.allow.map(({ name, endpoints }) => ({ name, endpoints })) }, 'reverse invoke: no connection is opened to a back end')
    for (const { name, options: { host, port, endpoints } } of initiators) {
      logger.info({ client: name, acceptor: `${host}:${port}`, endpoints: endpoints.map(({ endpoint }) => endpoint) }, 'reverse invoke: registering')
    }
    this.#initiators?.reverseInvokeInitiator.start()
  }

  async close (): Promise<void> {
    await (this.#closed ??= this.#close())
  }

  async #close (): Promise<void> {
    const { plan, logger, pools } = this.#shared
    const delayMs = this.#state === 'serving' ? plan.drainDelayMs : 0
    this.#state = 'draining'
    this.#files?.stop()
    this.#expiry.stop()
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
    for (const { app } of this.#services) app.server.prependListener('request', endConnection)
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

  async reload (reason: string): Promise<void> {
    await this.#reloader.reload(reason)
    this.#expiry.warn()
  }

  #reload (reason: string): void {
    // a reload does not fail: it says in the log what it could not use
    this.reload(reason).catch(() => {})
  }

  get #running (): RunningParts {
    const { plan: { listeners, reverseInvoke: { acceptor, initiators } } } = this.#shared
    return {
      ports: this.#services.map(({ name, app }) => ({ app, tls: listeners.find(listener => listener.name === name)?.tls ?? null })),
      registrationPort: this.#registrationPort === null ? null : { app: this.#registrationPort.app, tls: acceptor?.tls ?? null },
      initiators: this.#initiators === null ? null : { app: this.#initiators, plans: initiators }
    }
  }
}

/**
 * A client that is told so does not send its next request on a connection that is about to be closed. During the delay it connects anew,
 * which is where a balancer sends it elsewhere.
 */
function endConnection (_request: IncomingMessage, response: ServerResponse): void {
  response.shouldKeepAlive = false
}

/** No new connections; resolves when the last exchange has ended. */
async function closeInOrder (services: readonly ServiceListener[]): Promise<void> {
  // a connection whose last exchange ends after the closing began would stay open for its keep-alive time
  const sweep = setInterval(() => { for (const { app } of services) app.server.closeIdleConnections() }, sweepIntervalMs)
  await Promise.all(services.map(async ({ app }) => { await app.close() }))
  clearInterval(sweep)
}
