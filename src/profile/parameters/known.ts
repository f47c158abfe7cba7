/** All known parameters, and how names find their entry. */
import { parseIndexedName } from '../parameter-name.ts'
import * as icm from './icm.ts'
import * as postern from './postern.ts'
import * as reverseInvoke from './reverse-invoke.ts'
import type { ParameterSchema } from './schema.ts'
import * as ssl from './ssl.ts'
import * as system from './system.ts'
import * as wdisp from './wdisp.ts'

/** Every known parameter, one entry each, in the order of the reference. */
export const knownParameters: readonly ParameterSchema[] = [system, icm, ssl, wdisp, postern, reverseInvoke].flatMap(group => Object.values(group).flat())

const exact = new Map(knownParameters.filter(({ name }) => !/[<*]/.test(name)).map(schema => [schema.name, schema]))
const indexed = new Map(knownParameters.filter(({ name }) => name.endsWith('_<xx>')).map(schema => [schema.name.slice(0, -'_<xx>'.length), schema]))
const open = knownParameters.filter(({ name }) => name.endsWith('*'))

/**
 * Finds the entry of a name.
 *
 * @param name as the profile writes it: `icm/server_port_0`
 * @returns `null` for a name that is not known in exactly this spelling
 */
export function schemaOf (name: string): ParameterSchema | null {
  return exact.get(name) ?? indexed.get(parseIndexedName(name)?.base ?? '') ??
    open.find(schema => name.length >= schema.name.length && name.startsWith(schema.name.slice(0, -1))) ?? null
}

/** Names that occur in profiles for other programs of an SAP system: start service, dispatcher, work processes, message server, gateway. */
const foreign = [
  /^(?:Start_Program|Restart_Program|Stop_Program|Execute|SETENV)_\d+$/, /^(?:Autostart|INSTANCE_NAME)$/, /^(?:DIR|FN|FT|PHYS|OS|JSTARTUP|SAPJVM)_\w+$/,
  /^SAP(?:LOCALHOST|LOCALHOSTFULL|GLOBALHOST|MSHOST|DBHOST|TRANSHOST|FQDN|MYNAME|PROFILE|ARGV0)$/, /^_/,
  /^(?:rdisp|ms|enq|enque|gw|em|abap|login|auth|snc|rfc|rspo|sec|zcsa|ipc|rslg|rsdb|rsts|rstr|dbs|dbms|exe|jstartup|jstart|j2ee|igs|vmcj|service|ccms|alert|install|system|stat|rsau|dynp|ztta|itsp|ixml|icf|spnego|saml2|ssf|sapgui|tmpl|transport|log|sld|startsrv|wollf|cpic|bdc|eds|es|esm|nobuf|rtbb|sap|scs|snp|telemetry|xs|vmc|webgui|bs|cs|dev|etd|fs)\//
]

/** Is it a parameter that only other SAP programs use? Such parameters share profiles with the gateway and are kept without a word. */
export function isForeign (name: string): boolean {
  return foreign.some(expression => expression.test(name))
}
