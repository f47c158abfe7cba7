/** Reverse invoke, the inner side: where this gateway registers, what it serves there, and who answers. */
import type { ValueOf } from '../../profile/parameters/schema.ts'
import type { Setting } from '../../profile/parameters/settings.ts'
import { parseEndpoint, type Endpoint } from '../../reverse-invoke/endpoint.ts'
import { maxConnections, maxHeaderSize, maxRequestSize, keepAliveTimeout, trafficControl } from '../../profile/parameters/icm.ts'
import {
  backOffCap, backOffFirstCap, backOffFirstPeriod, backOffInitial, backOffStable, client, dialTimeout, heartbeat, instance, maxDataConnections, paths, registrationTls, reverseInvoke
} from '../../profile/parameters/reverse-invoke.ts'
import { clientPse } from '../../profile/parameters/ssl.ts'
import type { InitiatorPlan, InitiatorTarget, ListenerPlan } from '../plan.ts'
import { bytes, milliseconds, portOf, type About, type PlanInput } from './input.ts'
import { planDrainTimeout } from './limits.ts'
import type { BareListener } from './listeners.ts'

type Client = Setting<ValueOf<typeof client>>
type PathRule = Setting<ValueOf<typeof paths>>

/** What the inner side needs of the other parts of the plan. */
export interface InitiatorParts {
  readonly listeners: readonly BareListener[]
  /** The plugins that requests for a server of its own pass. */
  readonly pluginsFor: (listener: BareListener, server: Endpoint) => ListenerPlan['plugins']
}

/** Plans every `postern/ri/client_<xx>`; what cannot be served is reported and left out. */
export function planInitiators (input: PlanInput, parts: InitiatorParts): InitiatorPlan[] {
  const clients = input.settings.all(client)
  const rules = pathRules(clients, input)
  return clients.map(setting => planInitiator(setting, { input, parts, rules })).filter(plan => plan !== null)
}

interface Context {
  readonly input: PlanInput
  readonly parts: InitiatorParts
  readonly rules: ReadonlyMap<string, PathRule>
}

function planInitiator (setting: Client, context: Context): InitiatorPlan | null {
  const { settings, identities } = context.input
  const { HOST, PORT, ENDPOINTS, PSE, POOL, PROXY, USE_SSL, SSL_CERTHOST } = setting.value
  const port = portOf(PORT, { about: setting, key: 'PORT', input: context.input })
  if (!USE_SSL) reportPlain(setting, context.input)
  const targets = ENDPOINTS.map((served, index) => planTarget(served, { ...context, setting, isTwin: ENDPOINTS.findIndex(other => other.endpoint === served.endpoint) < index }))
  const identity = USE_SSL ? identities.use(PSE ?? settings.get(clientPse), PSE === null ? settings.find(clientPse) ?? setting : setting) : null
  if (port === null) return null
  return {
    name: setting.name,
    origin: setting.origin,
    identity,
    options: {
      name: setting.name,
      host: HOST,
      port,
      useTls: USE_SSL,
      serverName: SSL_CERTHOST,
      endpoints: ENDPOINTS.map(({ endpoint }) => ({ endpoint, paths: [...context.rules.get(endpoint)?.value.PATHS ?? []] })),
      poolSize: POOL,
      proxy: PROXY === null ? null : parseEndpoint(PROXY),
      ...planBounds(context.input)
    },
    targets: targets.filter(target => target !== null)
  }
}

function planBounds (input: PlanInput): Pick<InitiatorPlan['options'], 'instance' | 'maxConnections' | 'dialTimeoutMs' | 'heartbeatMs' | 'backOff' | 'drainTimeoutMs'> {
  const { settings } = input
  return {
    instance: settings.get(instance),
    maxConnections: settings.get(maxDataConnections),
    dialTimeoutMs: settings.get(dialTimeout),
    heartbeatMs: settings.get(heartbeat),
    backOff: {
      initialMs: settings.get(backOffInitial),
      firstCapMs: settings.get(backOffFirstCap),
      firstPeriodMs: settings.get(backOffFirstPeriod),
      capMs: settings.get(backOffCap),
      stableMs: settings.get(backOffStable)
    },
    drainTimeoutMs: planDrainTimeout(input)
  }
}

function reportPlain (setting: Client, { findings }: PlanInput): void {
  findings.report('POSTERN_WARN_PLAN_RI_PLAIN', setting, { key: 'USE_SSL', message: 'requests, answers and tickets pass unprotected, and whoever answers at that address is believed', expected: `TRUE, and ${registrationTls.name} = TRUE over there` })
}

interface TargetContext extends Context {
  readonly setting: Client
  readonly isTwin: boolean
}

function planTarget ({ endpoint, target }: Client['value']['ENDPOINTS'][number], { setting, isTwin, ...context }: TargetContext): InitiatorTarget | null {
  const { findings } = context.input
  if (isTwin) {
    findings.report('POSTERN_ERR_PLAN_RI_DUPLICATE', setting, { key: 'ENDPOINTS', message: `${endpoint} is named twice`, expected: 'each endpoint once' })
    return null
  }
  return target === null ? ownTarget(endpoint, setting, context) : foreignTarget({ endpoint, target }, setting, context)
}

/** The port of this gateway that has the endpoint's number. */
function ownTarget (endpoint: string, setting: Client, { input: { findings }, parts: { listeners }, rules }: Context): InitiatorTarget | null {
  const { port } = parseEndpoint(endpoint) as Endpoint
  const listener = listeners.find(listener => listener.port === port)
  if (listener === undefined) {
    findings.report('POSTERN_ERR_PLAN_RI_TARGET', setting, { key: 'ENDPOINTS', message: `no icm/server_port_<xx> has the port ${port} of ${endpoint}`, expected: `a port with PORT=${port}, or ${endpoint}=<host>:<port>` })
    return null
  }
  const rule = rules.get(endpoint)
  if (listener.protocol === 'ROUTER' && rule !== undefined) {
    findings.report('POSTERN_ERR_PLAN_RI_PATHS', rule, { key: 'ENDPOINT', message: `${endpoint} is served by ${listener.name}, which passes TLS on untouched: paths cannot be seen there`, expected: 'an endpoint of a port with PROT=HTTP or PROT=HTTPS' })
  }
  if (listener.tls?.verifyClient === 2 && !setting.value.USE_SSL) {
    findings.report('POSTERN_ERR_PLAN_RI_VERIFY_CLIENT', setting, { key: 'USE_SSL', message: `${listener.name} demands a certificate (VCLIENT or icm/HTTPS/verify_client is 2), and connections without TLS have none`, expected: 'USE_SSL=TRUE, or another port' })
  }
  return { endpoint, listener: listener.name, server: null }
}

/** A server that runs no gateway: requests pass the header policy, streams pass untouched. */
function foreignTarget ({ endpoint, target }: { endpoint: string, target: string }, setting: Client, { input, parts: { pluginsFor } }: Context): InitiatorTarget | null {
  const exclusive = input.settings.find(reverseInvoke)
  if (exclusive?.value === true) {
    input.findings.report('POSTERN_ERR_PLAN_RI_TARGET', setting, { key: 'ENDPOINTS', message: `${endpoint} would make this gateway open connections to ${target}, which ${exclusive.name} = TRUE rules out`, expected: `${endpoint} without a server of its own, or ${exclusive.name} = FALSE` })
    return null
  }
  const server = parseEndpoint(target) as Endpoint
  const bare = virtualListener(`${setting.name} ${endpoint}`, setting, { port: (parseEndpoint(endpoint) as Endpoint).port, input })
  return { endpoint, listener: null, server: { ...server, http: { ...bare, plugins: pluginsFor(bare, server) } } }
}

/** What a port of that number would have for limits; it never listens. */
function virtualListener (name: string, { origin }: About, { port, input: { settings } }: { port: number, input: PlanInput }): BareListener {
  return {
    name,
    origin,
    protocol: 'HTTP',
    host: null,
    port,
    keepAliveTimeoutMs: milliseconds(settings.get(keepAliveTimeout)),
    processingTimeoutMs: null,
    receiveTimeoutMs: milliseconds(settings.get(trafficControl)),
    maxConnections: settings.get(maxConnections),
    aclFile: null,
    maxHeaderBytes: settings.get(maxHeaderSize),
    maxBodyBytes: bytes(settings.get(maxRequestSize)),
    tls: null
  }
}

/** Each endpoint's rule; one for an endpoint that nobody serves restricts nothing, which was not meant. */
function pathRules (clients: readonly Client[], { settings, findings }: PlanInput): Map<string, PathRule> {
  const served = new Set(clients.flatMap(({ value }) => value.ENDPOINTS.map(({ endpoint }) => endpoint)))
  const rules = new Map<string, PathRule>()
  for (const rule of settings.all(paths)) {
    const { ENDPOINT } = rule.value
    const twin = rules.get(ENDPOINT)
    if (twin !== undefined) findings.report('POSTERN_ERR_PLAN_RI_DUPLICATE', rule, { key: 'ENDPOINT', message: `${twin.name} is for ${ENDPOINT} already`, expected: `all paths in ${twin.name}` })
    else if (!served.has(ENDPOINT)) findings.report('POSTERN_ERR_PLAN_RI_PATHS', rule, { key: 'ENDPOINT', message: `no ${client.name} serves ${ENDPOINT}`, expected: served.size === 0 ? `a ${client.name}` : `one of ${[...served].join(', ')}` })
    rules.set(ENDPOINT, twin ?? rule)
  }
  return rules
}
