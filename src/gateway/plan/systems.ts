/** The systems behind the gateway. */
import { messageServerHost, messageServerPort, messageServerTlsPort } from '../../profile/parameters/system.ts'
import type { ValueOf } from '../../profile/parameters/schema.ts'
import type { Setting } from '../../profile/parameters/settings.ts'
import { system } from '../../profile/parameters/wdisp.ts'
import type { SystemPlan } from '../plan.ts'
import { portOf, type About, type PlanInput } from './input.ts'
import type { Servers } from './servers.ts'

type System = Setting<ValueOf<typeof system>>
type MessageServer = SystemPlan['messageServer']

/** The ways to name servers, of which a system has exactly one. */
const sources = ['MSHOST', 'EXTSRV', 'XSSRV', 'SILOC'] as const

/** Plans the systems by ascending index; without any, the one system of `rdisp/mshost`. */
export function planSystems (input: PlanInput, servers: Servers): SystemPlan[] {
  const systems = input.settings.all(system).map(setting => planSystem(setting, { input, servers }))
  if (systems.length > 0 || input.settings.isAttempted(system)) return systems
  return planOnlySystem(input)
}

function planSystem (setting: System, { input, servers }: { input: PlanInput, servers: Servers }): SystemPlan {
  const { SID, SRCSRV, SRCURL, SRCVHOST, STICKY, RUNLEVEL } = setting.value
  checkSource(setting, input)
  servers.checkMismatch(setting)
  return {
    name: setting.name,
    origin: setting.origin,
    sid: SID,
    servers: servers.plan(setting),
    messageServer: messageServerOf(setting, input),
    sourceServers: SRCSRV ?? [],
    sourceUrls: SRCURL ?? [],
    sourceVirtualHosts: SRCVHOST ?? [],
    sticky: STICKY,
    runLevel: RUNLEVEL
  }
}

function checkSource (setting: System, { findings }: PlanInput): void {
  const named = sources.filter(key => setting.value[key] !== null)
  const [source] = named
  if (named.length !== 1) {
    findings.report('POSTERN_ERR_PLAN_SYSTEM_SERVERS', setting, { message: named.length === 0 ? 'the system names no servers' : `the system names its servers in several ways: ${named.join(', ')}`, expected: 'EXTSRV=http(s)://host:port[;...]' })
  } else if (source !== 'EXTSRV') {
    findings.report('POSTERN_WARN_PLAN_SYSTEM_NOT_SERVED', setting, { key: source as string, message: `servers that ${source} names are not asked for yet: requests for the system get an error`, expected: 'EXTSRV=http(s)://host:port[;...]' })
  }
}

function messageServerOf (setting: System, input: PlanInput): MessageServer {
  const { MSHOST, MSPORT, MSSPORT } = setting.value
  if (MSHOST === null) return null
  const [key, port] = MSSPORT === null ? ['MSPORT', MSPORT] as const : ['MSSPORT', MSSPORT] as const
  if (port === null) {
    input.findings.report('POSTERN_ERR_PLAN_SYSTEM_SERVERS', setting, { key: 'MSHOST', message: 'the port of the message server is missing', expected: 'MSPORT=<http port> or MSSPORT=<https port>' })
    return null
  }
  return messageServer(MSHOST, port, { about: setting, key, input })
}

function messageServer (host: string, name: number | string, from: { about: About, key: string, input: PlanInput }): MessageServer {
  const port = portOf(name, from)
  return port === null ? null : { host, port, tls: from.key === 'MSSPORT' || from.key === messageServerTlsPort.name }
}

/** `rdisp/mshost` with `ms/http_port` or `ms/https_port`: the one system of a profile without `wdisp/system_<xx>`. */
function planOnlySystem (input: PlanInput): SystemPlan[] {
  const { settings, findings } = input
  const host = settings.find(messageServerHost)
  if (host === null) return []
  const port = settings.find(messageServerTlsPort) ?? settings.find(messageServerPort)
  findings.report('POSTERN_WARN_PLAN_SYSTEM_NOT_SERVED', host, { message: 'message servers are not asked yet: requests get an error', expected: 'a wdisp/system_<xx> with EXTSRV=http(s)://host:port[;...]' })
  return [{
    name: host.name,
    origin: host.origin,
    sid: '',
    servers: [],
    messageServer: port === null ? null : messageServer(host.value, port.value, { about: port, key: port.name, input }),
    sourceServers: [],
    sourceUrls: [],
    sourceVirtualHosts: [],
    sticky: true,
    runLevel: 'running'
  }]
}
