/** The listeners without their plugins. */
import { resolve } from 'node:path'
import { keepAliveTimeout, maxConnections, maxHeaderSize, maxRequestSize, maxRequestSizeHttps, serverPort, trafficControl } from '../../profile/parameters/icm.ts'
import { adminPort } from '../../profile/parameters/postern.ts'
import type { ValueOf } from '../../profile/parameters/schema.ts'
import type { Setting } from '../../profile/parameters/settings.ts'
import type { AcceptorPlan, ListenerPlan, Plan } from '../plan.ts'
import { bytes, milliseconds, portOf, type About, type PlanInput } from './input.ts'
import { ListenerTls } from './listener-tls.ts'
import { planAcceptor } from './reverse-invoke-acceptor.ts'

/** A listener whose plugins are not planned yet. */
export type BareListener = Omit<ListenerPlan, 'plugins'>

/** Plans the ports of the profile; a port with a fault is left out. */
export function planListeners (input: PlanInput): { listeners: BareListener[], acceptor: AcceptorPlan | null, admin: Plan['admin'] } {
  const { settings, findings } = input
  const tls = new ListenerTls(input)
  const listeners = settings.all(serverPort).map(port => planListener(port, tls, input)).filter(listener => listener !== null)
  const acceptor = planAcceptor(input, tls)
  tls.finish()
  if (!settings.isAttempted(serverPort)) {
    findings.report('POSTERN_ERR_PLAN_NO_LISTENER', null, { message: 'the profile sets no icm/server_port_<xx>', expected: 'at least one, for instance icm/server_port_0 = PROT=HTTPS, PORT=443' })
  }
  const admin = planAdmin(input)
  reportDuplicates([...listeners, ...acceptor === null ? [] : [acceptor], ...admin === null ? [] : [{ ...admin, name: adminPort.name, origin: (settings.find(adminPort) as About).origin }]], input)
  return { listeners, acceptor, admin }
}

function planListener (port: Setting<ValueOf<typeof serverPort>>, listenerTls: ListenerTls, input: PlanInput): BareListener | null {
  const { settings, directories } = input
  const { PROT, PORT, HOST, TIMEOUT, PROCTIMEOUT, ACLFILE } = port.value
  const number = portOf(PORT, { about: port, key: 'PORT', input })
  const tls = listenerTls.planFor(port)
  if (number === null) return null
  return {
    name: port.name,
    origin: port.origin,
    protocol: PROT,
    host: HOST,
    port: number,
    keepAliveTimeoutMs: keepAlive(TIMEOUT ?? 0, settings.get(keepAliveTimeout)),
    processingTimeoutMs: milliseconds(PROCTIMEOUT),
    receiveTimeoutMs: milliseconds(settings.get(trafficControl)),
    maxConnections: settings.get(maxConnections),
    aclFile: ACLFILE === null ? null : resolve(directories.profile, ACLFILE),
    maxHeaderBytes: settings.get(maxHeaderSize),
    maxBodyBytes: bytes(PROT === 'HTTPS' ? settings.get(maxRequestSizeHttps) ?? settings.get(maxRequestSize) : settings.get(maxRequestSize)),
    tls
  }
}

/** Node takes 0 for "no limit", where SAP closes the connection at once: one millisecond is as good as at once. */
function keepAlive (own: number, general: number): number | null {
  const time = milliseconds(own === 0 ? general : own)
  return time === 0 ? 1 : time
}

function planAdmin (input: PlanInput): Plan['admin'] {
  const setting = input.settings.find(adminPort)
  if (setting === null) return null
  const port = portOf(setting.value.PORT, { about: setting, key: 'PORT', input })
  return port === null ? null : { host: setting.value.HOST, port }
}

/** Two listeners exclude each other at the same address, and each at all addresses excludes every other one. */
function reportDuplicates (listeners: ReadonlyArray<Pick<BareListener, 'name' | 'origin' | 'host' | 'port'>>, { findings }: PlanInput): void {
  for (const [index, listener] of listeners.entries()) {
    const twin = listeners.slice(0, index).find(other => other.port === listener.port && listener.port !== 0 &&
      (other.host === null || listener.host === null || other.host.toLowerCase() === listener.host.toLowerCase()))
    if (twin === undefined) continue
    findings.report('POSTERN_ERR_PLAN_DUPLICATE_PORT', listener, { ...listener.name.startsWith('wdisp/') ? {} : { key: 'PORT' }, message: `${twin.name} listens on port ${listener.port}${listener.host === null ? '' : ` of ${listener.host}`} already`, expected: 'another PORT, or another HOST at both' })
  }
}
