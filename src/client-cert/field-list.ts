/** Reads and rewrites raw header lists (name, value, name, value): what is there of managed fields, and what is left of it. */
import type { Inbound } from './policy.ts'
import type { ManagedFields } from './managed-fields.ts'

/** What a raw header list has of managed fields. */
export interface FieldScan extends Pick<Inbound, 'fields' | 'duplicates'> {
  /** Whether there is anything that `rewriteFields` would take out or change. */
  readonly touched: boolean
}

const nothingFound: FieldScan = { fields: 'absent', duplicates: false, touched: false }

/** Looks through a raw header list. */
export function scanFields (rawHeaders: readonly string[], managed: ManagedFields): FieldScan {
  let found: { fields: Inbound['fields'], duplicates: boolean, touched: boolean, names: Set<string> } | undefined
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!
    const field = managed.identify(name)
    if (field === null) continue
    if (field.role === 'connection' && cleanNames(rawHeaders[index + 1]!, managed) === null) continue
    found ??= { fields: 'absent', duplicates: false, touched: true, names: new Set() }
    if (field.role !== 'certificate') continue
    if (!field.exact) {
      if (found.fields === 'absent') found.fields = 'misspelt'
      continue
    }
    found.fields = 'present'
    const lowerCase = name.toLowerCase()
    if (field.single && found.names.has(lowerCase)) found.duplicates = true
    found.names.add(lowerCase)
  }
  return found ?? nothingFound
}

/**
 * Returns the list without the managed fields; with `keepExact` those that are spelt as configured stay where they are. Names of
 * managed fields are taken out of `Connection` and `Trailer`, so that no later step drops a field that has to arrive.
 */
export function rewriteFields (rawHeaders: readonly string[], managed: ManagedFields, { keepExact }: { keepExact: boolean }): string[] {
  const result: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!
    const value = rawHeaders[index + 1]!
    const field = managed.identify(name)
    if (field === null) result.push(name, value)
    else if (field.role === 'connection') {
      const names = cleanNames(value, managed) ?? value
      if (names !== '') result.push(name, names)
    } else if (keepExact && field.exact) result.push(name, value)
  }
  return result
}

/** Takes managed names out of a list of field names; `null` if there are none in it. */
function cleanNames (list: string, managed: ManagedFields): string | null {
  if (list === 'keep-alive' || list === 'close') return null
  const names = list.split(',')
  const clean = names.filter(name => !isManagedName(name, managed))
  return clean.length === names.length ? null : clean.join(',').trim()
}

function isManagedName (name: string, managed: ManagedFields): boolean {
  const field = managed.identify(name.trim())
  return field !== null && field.role !== 'connection'
}
