/**
 * Checks the options of a plugin against its TypeBox schema, once, when the plugin is registered. Fastify does not check plugin options.
 */
import { Ajv } from 'ajv'
import type { Static, TSchema } from 'typebox'
import { errors } from './errors.ts'

const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: true, allowUnionTypes: true, keywords: ['x-sap'] })

/**
 * Returns a copy of `options` with the defaults of `schema` filled in. Values that are no JSON (identities, tables, functions) stay
 * outside the schema: hand over the JSON part only.
 *
 * @param plugin name of the plugin, for the message
 * @throws POSTERN_ERR_OPTIONS_INVALID one error that lists every fault
 */
export function checkOptions<S extends TSchema> (plugin: string, schema: S, options: unknown): Static<S> {
  const value: unknown = structuredClone(options ?? {})
  const validate = ajv.compile(schema)
  if (!validate(value)) {
    const faults = (validate.errors ?? []).map(fault =>
      `${fault.instancePath === '' ? 'options' : fault.instancePath} ${fault.message ?? 'is wrong'}${fault.keyword === 'additionalProperties' ? `: ${String(fault.params['additionalProperty'])}` : ''}`)
    throw new errors.OPTIONS_INVALID(plugin, faults.join('; '))
  }
  return value as Static<S>
}
