/** Reverse invoke, the DMZ side: the registration port and who may register what. */
import { endpointText } from '../../reverse-invoke/endpoint.ts'
import {
  allow, heartbeat, maxDataConnections, maxEndpoints, maxMessageBytes, maxMessagesPerSecond, maxServers, maxTickets, maxUnregistered, maxWaiting, poolSize, registerTimeout, registrationAcl,
  registrationHost, registrationPort, registrationPse, registrationTls, replica, replicas, reverseInvoke, ticketLifetime, waitTimeout
} from '../../profile/parameters/reverse-invoke.ts'
import { serverPse } from '../../profile/parameters/ssl.ts'
import { lintNameText } from '../../profile/name-text.ts'
import type { AcceptorPlan, SystemPlan } from '../plan.ts'
import { portOf, type About, type PlanInput } from './input.ts'
import { planDrainTimeout } from './limits.ts'
import type { ListenerTls } from './listener-tls.ts'

/** Parameters that say nothing as long as no port for registrations is open. */
const dependent = [registrationPort, registrationHost, poolSize, registrationAcl, registrationTls, registrationPse, allow] as const

/** Plans the registration port; `null` without `wdisp/reverse_invoke`, and where it has a fault. */
export function planAcceptor (input: PlanInput, listenerTls: ListenerTls): AcceptorPlan | null {
  const { settings } = input
  const wanted = settings.find(reverseInvoke)
  if (wanted?.value !== true) {
    if (!settings.isAttempted(reverseInvoke) || wanted !== null) reportUnused(input)
    return null
  }
  const port = settings.find(registrationPort)
  if (port === null) {
    if (!settings.isAttempted(registrationPort)) {
      input.findings.report('POSTERN_ERR_PLAN_RI_PORT', wanted, { message: 'no connection may be opened to a back end, and there is no port on which one could come in', expected: `${registrationPort.name} = <port>` })
    }
    return null
  }
  const number = portOf(port.value, { about: port, input })
  const encrypted = settings.get(registrationTls)
  const options = planOptions(input)
  if (!encrypted) reportPlain(options, input)
  reportNobody(port, input)
  const pse = settings.find(registrationPse) ?? settings.find(serverPse) ?? port
  return number === null
    ? null
    : {
        name: port.name,
        origin: port.origin,
        host: settings.get(registrationHost),
        port: number,
        tls: encrypted ? listenerTls.registration(settings.get(registrationPse) ?? settings.get(serverPse), pse) : null,
        options
      }
}

function planOptions (input: PlanInput): AcceptorPlan['options'] {
  const { settings } = input
  return {
    poolSize: settings.get(poolSize),
    acl: settings.all(registrationAcl).map(({ value }) => value.text),
    allow: planAllow(input),
    maxRegistrations: settings.get(maxServers),
    maxEndpoints: settings.get(maxEndpoints),
    maxConnections: settings.get(maxDataConnections),
    maxMessageBytes: settings.get(maxMessageBytes),
    maxMessagesPerSecond: settings.get(maxMessagesPerSecond),
    maxTickets: settings.get(maxTickets),
    maxUnregistered: settings.get(maxUnregistered),
    maxWaiting: settings.get(maxWaiting),
    waitTimeoutMs: settings.get(waitTimeout),
    heartbeatMs: settings.get(heartbeat),
    registerTimeoutMs: settings.get(registerTimeout),
    ticketLifetimeMs: settings.get(ticketLifetime),
    replica: settings.get(replica),
    replicas: settings.get(replicas),
    drainTimeoutMs: planDrainTimeout(input)
  }
}

function planAllow ({ settings, findings }: PlanInput): AcceptorPlan['options']['allow'] {
  return settings.all(allow).map(({ name, origin, value: { SUBJECT: subject, ISSUER: issuer, ENDPOINTS: endpoints } }) => {
    findings.list.push(...lintNameText({ ...origin, parameter: `${name} SUBJECT` }, subject), ...lintNameText({ ...origin, parameter: `${name} ISSUER` }, issuer))
    return { name, subject, issuer, endpoints: [...new Set(endpoints)] }
  })
}

/** Both lists deny what they do not name. */
function reportNobody (about: About, { settings, findings }: PlanInput): void {
  for (const [schema, example] of [[registrationAcl, 'P <address, network or host name>'], [allow, 'SUBJECT="...", ISSUER="...", ENDPOINTS=<host>:<port>']] as const) {
    if (settings.isAttempted(schema)) continue
    findings.report('POSTERN_WARN_PLAN_RI_NOBODY', about, { message: `nobody may register anything, because no ${schema.name} is set: every request gets an error`, expected: `${schema.name} = ${example}` })
  }
}

/** Without TLS there is no certificate: nothing that names one can ever match. */
function reportPlain ({ allow: rules }: AcceptorPlan['options'], { settings, findings }: PlanInput): void {
  const plain = settings.find(registrationTls)
  findings.report('POSTERN_WARN_PLAN_RI_PLAIN', plain, { message: 'requests, answers and tickets pass unprotected, and whoever has a permitted address can register', expected: 'TRUE' })
  for (const setting of settings.all(registrationAcl).filter(({ value }) => value.needsCertificate)) {
    findings.report('POSTERN_ERR_PLAN_RI_ACL', setting, { message: `a host name is compared with a certificate, and with ${registrationTls.name} = FALSE there is none`, expected: `an address or a network, or ${registrationTls.name} = TRUE` })
  }
  for (const setting of settings.all(allow)) {
    const rule = rules.find(({ name }) => name === setting.name)
    if (rule === undefined || (rule.subject === '*' && rule.issuer === '*')) continue
    findings.report('POSTERN_WARN_PLAN_RI_PLAIN', setting, { message: `it names a certificate, and with ${registrationTls.name} = FALSE there is none: nobody registers by it`, expected: `${registrationTls.name} = TRUE, or SUBJECT=*, ISSUER=*` })
  }
}

function reportUnused ({ settings, findings }: PlanInput): void {
  for (const schema of dependent) {
    const [setting] = settings.all(schema)
    if (setting !== undefined) findings.report('POSTERN_WARN_PLAN_RI_UNUSED', setting, { message: `it has no effect without ${reverseInvoke.name} = TRUE: no port for registrations is open`, expected: `${reverseInvoke.name} = TRUE, or the line left out` })
  }
}

/** Servers of systems that no rule lets anybody register: requests for them can only fail. */
export function reportUnregistered (acceptor: AcceptorPlan, systems: readonly SystemPlan[], { findings }: PlanInput): void {
  const allowed = new Set(acceptor.options.allow.flatMap(({ endpoints }) => endpoints))
  // said once already
  if (allowed.size === 0) return
  for (const system of systems) {
    for (const { host, port } of system.servers) {
      const endpoint = endpointText({ host, port })
      if (allowed.has(endpoint) || allowed.has(endpoint.replace(/\d+$/, '*'))) continue
      findings.report('POSTERN_WARN_PLAN_RI_UNREGISTERED', system, { key: 'EXTSRV', message: `nobody may register ${endpoint}, so requests for it get an error`, expected: `${endpoint} in ENDPOINTS of a ${allow.name}` })
    }
  }
}
