/**
 * `-checkconfig`: the plan and what the checks found, for people and for machines.
 */
import { findingsToJson, findingsToText } from '../profile/report.ts'
import type { Arguments } from './arguments.ts'
import type { ListenerPlan, Plan, PluginPlan, SystemPlan } from './plan.ts'
import { prepareGateway } from './prepare.ts'

/** Checks the configuration as the start would, and opens no port. */
export async function checkConfiguration ({ profile, overrides, json }: Pick<Arguments, 'profile' | 'overrides' | 'json'>): Promise<{ report: string, errors: boolean }> {
  const { plan, findings } = await prepareGateway(profile, overrides)
  const errors = findings.some(({ severity }) => severity === 'error')
  const report = json
    ? `${JSON.stringify({ plan, ...findingsToJson(findings) }, null, 2)}\n`
    : [plan === null ? '' : planToText(plan), findingsToText(findings), errors ? 'result: errors\n' : 'result: no errors\n'].filter(part => part !== '').join('\n')
  return { report, errors }
}

function planToText (plan: Plan): string {
  const rows = [
    ...plan.listeners.map(listenerRow),
    ...plan.systems.map(systemRow),
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

function table (rows: readonly string[][]): string {
  const widths = [0, 1].map(column => Math.max(...rows.map(row => (row[column] as string).length)))
  return rows.map(([kind, name, rest]) => `${(kind as string).padEnd(widths[0] as number)}  ${(name as string).padEnd(widths[1] as number)}  ${rest as string}\n`).join('')
}
