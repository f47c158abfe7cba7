/** The plugins of a listener, in the order in which they see a request. */
import { resolve } from 'node:path'
import { checkFileName } from '../../access-log/file-name.ts'
import { compileFormat } from '../../access-log/format.ts'
import { logging, redirect, strictTransportSecurity } from '../../profile/parameters/icm.ts'
import { errorStatus, plugin as externalPlugin, redirectStatus } from '../../profile/parameters/postern.ts'
import { addClientProtocol, addClientProtocolOld, addForwardedFor, handleAccessPoints } from '../../profile/parameters/wdisp.ts'
import type { Endpoint } from '../../reverse-invoke/endpoint.ts'
import type { PluginPlan } from '../plan.ts'
import type { HeaderPolicyOptions } from './header-policy.ts'
import { portOf, type About, type PlanInput } from './input.ts'
import type { BareListener } from './listeners.ts'
import type { Servers } from './servers.ts'

/** Names of the standard output in LOGFILE. */
const standardOutput = new Set(['-', 'stdout'])

/** What plugins need of the other parts of the plan. */
export interface PluginParts {
  readonly listeners: readonly BareListener[]
  readonly headerPolicy: HeaderPolicyOptions
  readonly servers: Servers
}

/** Makes the plugins of listeners. */
export interface PluginPlanner {
  readonly pluginsOf: (listener: BareListener) => PluginPlan[]
  /** Those of requests that reverse invoke brings for a server that is no gateway: neither redirects nor other systems' paths. */
  readonly pluginsFor: (listener: BareListener, server: Endpoint) => PluginPlan[]
}

/** Findings come once, not once per listener. */
export function planPlugins (input: PlanInput, { listeners, headerPolicy, servers }: PluginParts): PluginPlanner {
  const logs = planLogs(input, headerPolicy)
  const handlers = [...logs, ...planTransportSecurity(input), ...planRedirects(input)]
  const external = planExternal(input, servers)
  const common = planForwarding(input, listeners)
  const errorPages = entry('error-pages', { errorStatus: input.settings.get(errorStatus) })
  const forward = (listener: BareListener): PluginPlan =>
    entry('forward', { ...common, requestTimeoutMs: listener.processingTimeoutMs, receiveTimeoutMs: listener.receiveTimeoutMs, maxBodyBytes: listener.maxBodyBytes })
  return {
    pluginsOf: listener => listener.protocol === 'ROUTER'
      ? []
      : [
          entry('client-cert-headers', headerPolicy),
          ...listener.protocol === 'HTTPS' ? [entry('tls-termination', {}, listener.name)] : [],
          errorPages,
          // browsers ignore Strict-Transport-Security over plain HTTP, and must (RFC 6797 section 8.1)
          ...handlers.filter(({ plugin }) => plugin !== 'strict-transport-security' || listener.protocol === 'HTTPS'),
          ...external,
          entry('dispatch', {}),
          forward(listener)
        ],
    pluginsFor: (listener, server) => [
      entry('client-cert-headers', headerPolicy),
      errorPages,
      ...logs,
      entry('fixed-target', { ...server }, listener.name),
      forward(listener)
    ]
  }
}

function entry (plugin: string, options: object, parameter: string | null = null): PluginPlan {
  return { plugin, options: options as Readonly<Record<string, unknown>>, parameter }
}

function planLogs (input: PlanInput, { fieldNames: { certificate, chainPrefix } }: HeaderPolicyOptions): PluginPlan[] {
  // the default names are masked anyway
  const renamed = [certificate, chainPrefix].filter(name => !name.startsWith('SSL_CLIENT_CERT'))
  return input.settings.all(logging).map(setting => {
    const { PREFIX, LOGFILE, LOGFORMAT, FILTER, MAXSIZEKB, MAXFILES, SWITCHTF, FILEWRAP } = setting.value
    reportFault(() => { checkFileName(LOGFILE) }, [setting, 'LOGFILE'], input)
    reportFault(() => { compileFormat(LOGFORMAT) }, [setting, 'LOGFORMAT'], input)
    return entry('access-log', {
      prefix: PREFIX,
      file: standardOutput.has(LOGFILE) ? LOGFILE : resolve(input.directories.logging, LOGFILE),
      format: LOGFORMAT,
      maxSizeKb: MAXSIZEKB,
      maxFiles: MAXFILES,
      switchTime: SWITCHTF,
      wrap: FILEWRAP === 'on',
      filter: FILTER,
      ...renamed.length > 0 && { secretFields: renamed }
    }, setting.name)
  })
}

/** What a log would say when it is opened, it says about the profile. */
function reportFault (check: () => void, [about, key]: [about: About, key: string], { findings }: PlanInput): void {
  try {
    check()
  } catch (error) {
    findings.report('POSTERN_ERR_PLAN_LOG', about, { key, message: (error as Error).message })
  }
}

function planTransportSecurity ({ settings }: PlanInput): PluginPlan[] {
  const value = settings.get(strictTransportSecurity)
  return value === null ? [] : [entry('strict-transport-security', { value }, strictTransportSecurity.name)]
}

function planRedirects (input: PlanInput): PluginPlan[] {
  const { settings, findings } = input
  const rules = settings.all(redirect).map(setting => {
    const { PREFIX, FROM, FROMPROT, FOR, TO, PROT, HOST, PORT } = setting.value
    if (PORT !== null && HOST === null) findings.report('POSTERN_ERR_PLAN_REDIRECT', setting, { key: 'PORT', message: 'PORT stands without HOST', expected: 'HOST= beside it' })
    if ([TO, PROT, HOST].every(part => part === null)) findings.report('POSTERN_ERR_PLAN_REDIRECT', setting, { message: 'the redirect leads to where the request already is', expected: 'at least one of TO, PROT and HOST' })
    return {
      prefix: PREFIX,
      from: FROM,
      fromProtocol: FROMPROT,
      for: FOR,
      to: TO,
      protocol: PROT,
      host: HOST,
      port: PORT === null ? null : portOf(PORT, { about: setting, key: 'PORT', input }),
      parameter: setting.name
    }
  })
  return rules.length === 0 ? [] : [entry('redirect', { rules, status: settings.get(redirectStatus) })]
}

function planExternal ({ settings, directories, findings }: PlanInput, servers: Servers): PluginPlan[] {
  const owners = new Map<string, string>()
  return settings.all(externalPlugin).map(setting => {
    const { NAME, PREFIX, OPTIONS, SSL_CLIENT_PSE } = setting.value
    const owner = owners.get(PREFIX)
    if (owner !== undefined) findings.report('POSTERN_ERR_PLAN_PLUGIN_PREFIX', setting, { key: 'PREFIX', message: `${PREFIX} belongs to ${owner} already`, expected: 'a path of its own' })
    owners.set(PREFIX, setting.name)
    return entry('external', {
      name: NAME, prefix: PREFIX, optionsFile: OPTIONS, base: directories.profile, tls: servers.auxiliaryTls(SSL_CLIENT_PSE, setting), origin: setting.origin
    }, setting.name)
  })
}

function planForwarding ({ settings, findings }: PlanInput, listeners: readonly BareListener[]): object {
  const old = settings.find(addClientProtocolOld)
  const current = settings.find(addClientProtocol)
  if (old !== null && current !== null) {
    findings.report('POSTERN_WARN_PLAN_OLD_SPELLING', old, { message: `${current.name} is set too and wins`, expected: `${current.name} only` })
  }
  return {
    addXForwardedFor: settings.get(addForwardedFor),
    addClientProtocol: current?.value ?? old?.value ?? settings.get(addClientProtocol),
    accessPoints: settings.get(handleAccessPoints) ? accessPoints(listeners) : null
  }
}

/** `HTTP=80,HTTPS=443`. What a browser reaches through PROT=ROUTER is HTTPS; a port that the operating system chooses is not known yet. */
function accessPoints (listeners: readonly BareListener[]): string {
  return listeners.filter(({ port }) => port !== 0).map(({ protocol, port }) => `${protocol === 'HTTP' ? 'HTTP' : 'HTTPS'}=${port}`).join(',')
}
