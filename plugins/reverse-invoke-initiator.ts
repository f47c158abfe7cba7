/**
 * The inner side of reverse invoke: dials an acceptor, registers what is served here, and serves it on the connections that it opens.
 * No port is open for that. Registered once per acceptor name.
 */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Registry } from 'prom-client'
import Type, { type Static } from 'typebox'
import { errors } from '../src/errors.ts'
import { resolveBySystem, type Resolve } from '../src/initiator/addresses.ts'
import type { ServedEndpoint } from '../src/initiator/data-server.ts'
import { Initiator, type InitiatorSnapshot } from '../src/initiator/initiator.ts'
import { initiatorMetrics } from '../src/initiator/metrics.ts'
import type { ProbeStep } from '../src/initiator/probe.ts'
import { targetOfServer, type LocalTarget } from '../src/initiator/target.ts'
import { checkOptions } from '../src/options.ts'
import type { Identity } from '../src/pse/identity.ts'
import { endpointText, parseEndpoint } from '../src/reverse-invoke/endpoint.ts'
import { isPathPattern } from '../src/reverse-invoke/paths.ts'
import type { RevocationCheck } from '../src/revocation/revocation-lists.ts'
import type { TlsClientSettings } from '../src/upstream/server.ts'

const milliseconds = (description: string, bounds: { default: number, minimum: number, maximum: number }, parameter?: string) =>
  Type.Integer({ description: `${description}, in milliseconds.`, ...bounds, ...(parameter === undefined ? {} : { 'x-sap': { parameter, unit: 'ms' } }) })

const HostPortSchema = Type.Object({
  host: Type.String({ description: 'Name or IP address.', minLength: 1, maxLength: 253 }),
  port: Type.Integer({ description: 'TCP port.', minimum: 1, maximum: 65_535 })
}, { additionalProperties: false })

const BackOffSchema = Type.Object({
  initialMs: milliseconds('Upper bound of the first delay; it doubles with each attempt, and the delay is a random part of it', { default: 100, minimum: 1, maximum: 60_000 }),
  firstCapMs: milliseconds('Upper bound of delays at the beginning of an outage', { default: 2000, minimum: 1, maximum: 3_600_000 }),
  firstPeriodMs: milliseconds('How long the beginning of an outage is', { default: 300_000, minimum: 0, maximum: 86_400_000 }),
  capMs: milliseconds('Upper bound of delays after that', { default: 30_000, minimum: 1, maximum: 3_600_000 }),
  stableMs: milliseconds('How long a registration must stand to end an outage', { default: 10_000, minimum: 0, maximum: 3_600_000 })
}, { additionalProperties: false, default: {}, description: 'Delays between attempts.' })

const EndpointSchema = Type.Object({
  endpoint: Type.String({ description: '`host:port` or `[ipv6]:port` under which the acceptor\'s side calls it. Nothing listens there.', minLength: 3, maxLength: 262, examples: ['app.inner:443'] }),
  paths: Type.Array(Type.String(), { description: 'What may be reached: `/x/*` for all below `/x/`, `/x` for this very path. Empty: everything, CONNECT too.', default: [] })
}, { additionalProperties: false })

/** Options of the plugin `reverse-invoke-initiator` that are JSON. */
export const ReverseInvokeInitiatorOptionsSchema = Type.Object({
  name: Type.String({ description: 'Name for log, counters and health.', minLength: 1, examples: ['postern/ri/client_0'] }),
  host: Type.String({ description: 'Host of the acceptor; with several addresses, each one gets a registration.', minLength: 1, maxLength: 253, 'x-sap': { parameter: 'postern/ri/client_<xx> HOST' } }),
  port: Type.Integer({ description: 'Registration port of the acceptor.', minimum: 1, maximum: 65_535, 'x-sap': { parameter: 'postern/ri/client_<xx> PORT' } }),
  useTls: Type.Boolean({ description: 'TLS, with the certificate of the identity. Without it whoever is on the way can read and change everything.', default: true }),
  serverName: Type.Union([Type.String({ minLength: 1, maxLength: 253 }), Type.Null()], { description: 'Name expected in the certificate of the acceptor; null for the host.', default: null }),
  endpoints: Type.Array(EndpointSchema, { description: 'What is registered. Nothing else can be reached, whatever the acceptor asks for.', minItems: 1, maxItems: 1024, 'x-sap': { parameter: 'postern/ri/client_<xx> ENDPOINTS' } }),
  poolSize: Type.Union([Type.Integer({ minimum: 0, maximum: 10_000 }), Type.Null()], { description: 'Idle data connections for each endpoint; the acceptor\'s own value is the upper bound. Null leaves it to the acceptor.', default: null, 'x-sap': { parameter: 'postern/ri/client_<xx> POOL' } }),
  proxy: Type.Union([HostPortSchema, Type.Null()], { description: 'HTTP proxy that is asked by CONNECT; it resolves the host then.', default: null, 'x-sap': { parameter: 'postern/ri/client_<xx> PROXY' } }),
  instance: Type.Union([Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9._-]+$' }), Type.Null()], { description: 'Replaces the registration of the same instance and certificate; null for a random one per process.', default: null }),
  dialTimeoutMs: milliseconds('Time for name, TCP, proxy, TLS and upgrade together', { default: 2000, minimum: 10, maximum: 600_000 }),
  heartbeatMs: milliseconds('Longest time between pings; an acceptor may ask for a shorter one. One that is silent for twice as long is gone', { default: 5000, minimum: 10, maximum: 3_600_000 }),
  backOff: BackOffSchema,
  drainTimeoutMs: milliseconds('Time for what runs when this side stops', { default: 30_000, minimum: 0, maximum: 3_600_000 }),
  maxConnections: Type.Integer({ description: 'Data connections, open and being opened. What an acceptor wants beyond is not opened.', default: 2000, minimum: 1, maximum: 1_000_000 }),
  maxDials: Type.Integer({ description: 'Data connections that are being opened at the same time.', default: 100, minimum: 1, maximum: 10_000 }),
  maxMessageBytes: Type.Integer({ description: 'Longest message of an acceptor.', default: 65_536, minimum: 1024, maximum: 1_048_576 }),
  maxMessagesPerSecond: Type.Integer({ description: 'Messages, pings and pongs of an acceptor in a second.', default: 2000, minimum: 10, maximum: 1_000_000 })
}, { additionalProperties: false })

/** Options of the plugin `reverse-invoke-initiator`. */
export type ReverseInvokeInitiatorOptions = Pick<Static<typeof ReverseInvokeInitiatorOptionsSchema>, 'name' | 'host' | 'port'> &
  Partial<Omit<Static<typeof ReverseInvokeInitiatorOptionsSchema>, 'name' | 'host' | 'port' | 'endpoints' | 'backOff'>> & {
    readonly endpoints: ReadonlyArray<{ readonly endpoint: string, readonly paths?: readonly string[] }>
    readonly backOff?: Partial<Static<typeof BackOffSchema>>
    /** Needed with `useTls`: its certificate is shown to the acceptor, its trust list verifies the acceptor's. */
    readonly identity?: Identity | null
    readonly tlsSettings?: TlsClientSettings
    /** Judges the certificate of the acceptor. */
    readonly revocation?: RevocationCheck | null
    /** Listeners by endpoint; endpoints that are not in it are served by the Fastify instance of the plugin. */
    readonly targets?: ReadonlyMap<string, LocalTarget>
    readonly metrics?: Registry
    /** How names are resolved; by the system by default. */
    readonly resolve?: Resolve
  }

/** All initiators of a Fastify instance. */
export interface ReverseInvokeInitiators {
  readonly initiators: readonly Initiator[]
  /** Starts dialling; happens by itself when the instance listens. */
  start (): void
  /** Leaves all acceptors in order. To be called before `close` where requests that still come have to be answered. */
  drain (): Promise<void>
  snapshot (): InitiatorSnapshot[]
  /** Walks the way to each acceptor once, by name of the initiator. */
  probe (): Promise<Array<{ readonly name: string, readonly steps: readonly ProbeStep[] }>>
}

declare module 'fastify' {
  interface FastifyInstance {
    reverseInvokeInitiator: ReverseInvokeInitiators
  }
}

/** @throws POSTERN_ERR_OPTIONS_INVALID at registration */
const plugin: FastifyPluginAsync<ReverseInvokeInitiatorOptions> = async (fastify, { identity, tlsSettings, revocation = null, targets, metrics, resolve = resolveBySystem, ...json }) => {
  const options = checkOptions('reverse-invoke-initiator', ReverseInvokeInitiatorOptionsSchema, json)
  const { name, host, port, proxy, serverName, dialTimeoutMs, maxConnections, maxDials, maxMessageBytes, maxMessagesPerSecond } = options
  if (options.useTls && (identity ?? null) === null) throw invalid('identity is missing: TLS needs its trust list and its certificate')
  const tls = options.useTls && identity ? { identity, presentCertificate: true, serverName, ignoreHostMismatch: false, ...(tlsSettings === undefined ? {} : { settings: tlsSettings }) } : null
  const initiator = new Initiator({
    ...options,
    dial: { acceptor: { host, port }, tls, revocation, proxy, timeoutMs: dialTimeoutMs },
    endpoints: servedEndpoints(options.endpoints, targets ?? new Map(), fastify),
    limits: { maxConnections, maxDials, maxMessageBytes, maxMessagesPerSecond },
    resolve,
    metrics: initiatorMetrics(metrics, name),
    log: fastify.log
  })
  collect(fastify, initiator)
  if (tls === null) fastify.log.warn({ client: name }, 'reverse invoke without TLS: what passes can be read and changed on the way, and the acceptor is not verified')
  fastify.addHook('onListen', async () => { initiator.start() })
  fastify.addHook('preClose', async () => { await initiator.drain() })
  fastify.addHook('onClose', async () => { initiator.destroy() })
}

function collect (fastify: FastifyInstance, initiator: Initiator): void {
  if (fastify.hasDecorator('reverseInvokeInitiator')) {
    (fastify.reverseInvokeInitiator.initiators as Initiator[]).push(initiator)
    return
  }
  const initiators = [initiator]
  fastify.decorate('reverseInvokeInitiator', {
    initiators,
    start: () => { for (const one of initiators) one.start() },
    drain: async () => { await Promise.all(initiators.map(async one => { await one.drain() })) },
    snapshot: () => initiators.map(one => one.snapshot()),
    probe: async () => await Promise.all(initiators.map(async one => ({ name: one.name, steps: await one.probe() })))
  })
}

function servedEndpoints (endpoints: ReadonlyArray<{ readonly endpoint: string, readonly paths: readonly string[] }>, targets: ReadonlyMap<string, LocalTarget>, fastify: FastifyInstance): ServedEndpoint[] {
  const own = targetOfServer(fastify.server)
  const served = endpoints.map(({ endpoint: text, paths }) => {
    const parsed = parseEndpoint(text)
    if (parsed === null) throw invalid(`/endpoints: "${text}" is no endpoint; expected host:port`)
    const wrong = paths.find(path => !isPathPattern(path))
    if (wrong !== undefined) throw invalid(`/endpoints: "${wrong}" is no path; expected /x/* or /x, without escapes, empty or dot segments`)
    const endpoint = endpointText(parsed)
    return { endpoint, paths, target: targets.get(endpoint) ?? own }
  })
  const twice = served.find(({ endpoint }, index) => served.findIndex(other => other.endpoint === endpoint) !== index)
  if (twice !== undefined) throw invalid(`/endpoints: ${twice.endpoint} occurs twice`)
  return served
}

function invalid (fault: string): Error {
  return new errors.OPTIONS_INVALID('reverse-invoke-initiator', fault)
}

/** The plugin. */
export const reverseInvokeInitiator = fp(plugin, { name: 'postern/reverse-invoke-initiator', fastify: '5.x' })
export default reverseInvokeInitiator
