/**
 * `-checkconfig`: the plan and what the checks found, for people and for machines.
 */
import { endpointText } from '../reverse-invoke/endpoint.ts'
import { revocationLists } from '../profile/parameters/postern.ts'
import { findingsToJson, findingsToText } from '../profile/report.ts'
import type { Arguments } from './arguments.ts'
import { certificatesInUse, daysUntil } from './expiry.ts'
import { checkAcceptors, type AcceptorCheck } from './check-acceptors.ts'
import type { InitiatorTarget, ListenerPlan, Plan, PluginPlan, SystemPlan } from './plan.ts'
import { prepareGateway, type Prepared } from './prepare.ts'
import { summariesOf } from './revocation.ts'

/**
 * Checks the configuration as the start would, and opens no port. Where nothing is wrong with it, the inner side of reverse invoke also
 * dials its acceptors.
 */
export async function checkConfiguration ({ profile, overrides, json }: Pick<Arguments, 'profile' | 'overrides' | 'json'>): Promise<{ report: string, errors: boolean }> {
  const prepared = await prepareGateway(profile, overrides)
  const { plan, findings } = prepared
  const faults = findings.some(({ severity }) => severity === 'error')
  const acceptors = faults ? [] : await checkAcceptors(prepared)
  const errors = faults || acceptors.some(({ steps }) => steps.some(({ ok }) => !ok))
  const expiries = expiriesOf(prepared, new Date())
  const report = json
    ? `${JSON.stringify({ plan, ...findingsToJson(findings), ...acceptors.length > 0 && { acceptors }, ...expiries }, null, 2)}\n`
    : [plan === null ? '' : planToText(plan), findingsToText(findings), expiriesToText(expiries), acceptorsToText(acceptors), errors ? 'result: errors\n' : 'result: no errors\n'].filter(part => part !== '').join('\n')
  return { report, errors }
}

function acceptorsToText (acceptors: readonly AcceptorCheck[]): string {
  const rows = acceptors.flatMap(({ name, steps }) => steps.map(({ acceptor, step, ok, detail }) => [name, acceptor, `${ok ? 'ok    ' : 'failed'}  ${step}: ${detail}`]))
  return rows.length === 0 ? '' : table(rows)
}

type Expiries = ReturnType<typeof expiriesOf>

/** Of everything that was loaded: when it expires. */
function expiriesOf ({ plan, identities, revocationLists: lists }: Prepared, now: Date) {
  if (plan === null) return { certificates: [], revocationLists: [] }
  return {
    certificates: certificatesInUse(plan, identities).map(certificate => ({ ...certificate, days: daysUntil(certificate.notAfter, now) })),
    revocationLists: summariesOf(plan, lists, identities)
  }
}

function expiriesToText ({ certificates, revocationLists: lists }: Expiries): string {
  const rows = [
    ...certificates.map(({ parameter, kind, subject, notAfter, days }) => ['certificate', parameter, `${kind.padEnd('trusted'.length)}  ${dateOf(notAfter)}, ${days} days: ${subject}`]),
    ...lists.map(({ file, issuer, nextUpdate, revoked }) => ['revocation', revocationLists.name, `${file}: ${revoked} revoked, next ${nextUpdate === null ? 'not said' : dateOf(nextUpdate)}: ${issuer}`])
  ]
  return rows.length === 0 ? '' : table(rows)
}

function dateOf (time: Date): string {
  return time.toISOString().slice(0, 'yyyy-mm-dd'.length)
}

function planToText (plan: Plan): string {
  const rows = [
    ...plan.listeners.map(listenerRow),
    ...plan.systems.map(systemRow),
    ...reverseInvokeRows(plan.reverseInvoke),
    ...Object.values(plan.identities).map(({ parameter, file }) => ['identity', parameter, file]),
    ...(plan.admin === null ? [] : [['admin', 'postern/admin_port', `${plan.admin.host}:${plan.admin.port}`]])
  ]
  return table(rows)
}

function listenerRow ({ name, protocol, host, port, tls, plugins }: ListenerPlan): string[] {
  const verify = tls === null ? '' : ` verify_client=${tls.verifyClient} identities=${tls.identities.join(';')}`
  return ['listener', name, `${protocol} ${host ?? '*'}:${port}${verify} plugins=${plugins.map(pluginName).join(',')}`]
}

function pluginName ({ plugin, options }: PluginPlan): string {
  return plugin === 'external' ? String(options['name']) : plugin
}

function systemRow ({ name, sid, servers }: SystemPlan): string[] {
  const names = servers.map(({ origin, tls }) => tls === null ? origin : `${origin} (${tls.presentCertificate ? `with ${tls.identity}` : 'no client certificate'})`)
  return ['system', name, `${sid} ${names.join(' ')}`]
}

function reverseInvokeRows ({ acceptor, initiators }: Plan['reverseInvoke']): string[][] {
  return [
    ...acceptor === null ? [] : [['registration', acceptor.name, `${acceptor.tls === null ? 'HTTP' : `HTTPS with ${acceptor.tls.identities.join(';')}`} ${acceptor.host ?? '*'}:${acceptor.port}`]],
    ...acceptor === null ? [] : acceptor.options.allow.map(({ name, subject, endpoints }) => ['registration', name, `${endpoints.join(' ')} by ${subject}`]),
    ...initiators.map(({ name, identity, options: { host, port }, targets }) => ['registration', name, `with ${host}:${port}${identity === null ? '' : ` as ${identity}`}: ${targets.map(targetText).join(' ')}`])
  ]
}

function targetText ({ endpoint, listener, server }: InitiatorTarget): string {
  return `${endpoint}=${server === null ? listener : endpointText(server)}`
}

function table (rows: readonly string[][]): string {
  const widths = [0, 1].map(column => Math.max(...rows.map(row => (row[column] as string).length)))
  return rows.map(([kind, name, rest]) => `${(kind as string).padEnd(widths[0] as number)}  ${(name as string).padEnd(widths[1] as number)}  ${rest as string}\n`).join('')
}
