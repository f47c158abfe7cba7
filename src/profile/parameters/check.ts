/**
 * Checks every parameter of a profile against its entry. A fault never hides the next one: what cannot be used is reported and left out,
 * and the check goes on with the default.
 */
import { quoteForMessage } from '../characters.ts'
import type { FindingText } from '../finding-codes.ts'
import type { Finding } from '../finding.ts'
import type { Parameter, Profile } from '../read.ts'
import { parseSubParameters } from '../sub-parameters.ts'
import { Acceptance } from './acceptance.ts'
import { parameterFinding, type ParameterFindingCode } from './finding-codes.ts'
import { isForeign, schemaOf } from './known.ts'
import { nearestParameter, nearestWord } from './nearest.ts'
import { acceptUnserved } from './postern.ts'
import type { Entry, ParameterSchema, PlainSchema, StructuredSchema, SubParameterSchema } from './schema.ts'
import { Settings } from './settings.ts'

/** For so many unknown names the nearest known one is sought; a file that is no profile at all must not cost minutes. */
const mostSuggestions = 200

/**
 * Checks the parameters of a profile.
 *
 * @returns the values, and the findings about them; not those of reading the profile. Never throws.
 */
export function checkParameters (profile: Profile): { settings: Settings, findings: Finding[] } {
  const check = new Check(profile)
  for (const parameter of profile.parameters.values()) check.parameter(parameter)
  check.acceptance()
  return check
}

class Check {
  readonly settings = new Settings()
  readonly findings: Finding[] = []
  readonly #profile: Profile
  readonly #acceptance: Acceptance
  #suggestions = 0

  constructor (profile: Profile) {
    this.#profile = profile
    this.#acceptance = new Acceptance(profile.parameters.get(acceptUnserved.name))
  }

  parameter (parameter: Parameter): void {
    const schema = schemaOf(parameter.name)
    if (schema === null) return this.#unknown(parameter)
    this.settings.attempt(schema)
    if (schema.status !== 'served') this.#notServed(parameter, schema)
    else if (parameter.unresolved.length > 0) this.#unresolved(parameter)
    else if (schema.kind === 'plain') this.#plain(parameter, schema)
    else this.#structured(parameter, schema)
  }

  /** Entries of `postern/accept_unserved` that accepted nothing: a slip there would be found too late. */
  acceptance (): void {
    const parameter = this.#profile.parameters.get(acceptUnserved.name)
    if (parameter === undefined) return
    for (const entry of this.#acceptance.unused) {
      this.#report('POSTERN_WARN_PROFILE_ACCEPT_UNUSED', parameter, null, { message: `${quoteForMessage(entry)} accepts nothing`, expected: 'the name of a parameter that is set and not served, a sub-parameter behind a blank' })
    }
  }

  #unknown (parameter: Parameter): void {
    const nearest = this.#suggestions < mostSuggestions ? nearestParameter(parameter.name) : null
    // a profile is shared with other programs, but a known name in the wrong case was meant for us
    if (isForeign(parameter.name) && nearest?.caseOnly !== true) return
    this.#suggestions++
    this.#report('POSTERN_WARN_PROFILE_UNKNOWN_PARAMETER', parameter, null, {
      message: 'the parameter is not known and has no effect',
      ...nearest !== null && { expected: nearest.caseOnly ? `${nearest.name}: names are case sensitive` : `perhaps ${nearest.name}` }
    })
  }

  #unresolved (parameter: Parameter): void {
    this.#report('POSTERN_ERR_PROFILE_UNRESOLVED', parameter, null, {
      message: `the value holds ${parameter.unresolved.map(quoteForMessage).join(', ')}, which could not be replaced`, expected: 'references to parameters that are set'
    })
  }

  #notServed (parameter: Parameter, schema: ParameterSchema): void {
    const squeezed = parameter.value.replace(/\s/g, '').toLowerCase()
    if (schema.off.some(value => value.toLowerCase() === squeezed)) return
    this.#withoutService(parameter, schema, null)
  }

  /** Says that something has no effect, or that it is not served. */
  #withoutService (parameter: Parameter, entry: Entry, key: string | null): void {
    const because = entry.because as string
    if (entry.status === 'without effect') {
      this.#report(entry.warn ? 'POSTERN_WARN_PROFILE_WITHOUT_EFFECT' : 'POSTERN_INFO_PROFILE_WITHOUT_EFFECT', parameter, key, { message: `it has no effect: ${because}` })
    } else if (this.#accepts(parameter, key)) {
      this.#report('POSTERN_WARN_PROFILE_NOT_SERVED', parameter, key, { message: `it is not served: ${because}; ${acceptUnserved.name} accepts this` })
    } else {
      this.#report('POSTERN_ERR_PROFILE_NOT_SERVED', parameter, key, {
        message: `it is not served: ${because}`, expected: `the line left out, or ${nameOf(parameter, key)} in ${acceptUnserved.name}`
      })
    }
  }

  #accepts (parameter: Parameter, key: string | null): boolean {
    return this.#acceptance.accepts([parameter.name, (schemaOf(parameter.name) as ParameterSchema).name], key)
  }

  #plain (parameter: Parameter, schema: PlainSchema): void {
    const read = schema.type.read(parameter.value)
    if (read === null) this.#badValue(parameter, null, parameter.value, schema.type.form)
    else this.settings.add(schema, parameter, read.value)
  }

  #structured (parameter: Parameter, schema: StructuredSchema): void {
    const { pairs, findings } = parseSubParameters(parameter, { keys: Object.keys(schema.keys), toEnd: schema.toEnd === null ? [] : [schema.toEnd] })
    this.findings.push(...findings)
    const values: Record<string, unknown> = {}
    let areReadable = true
    for (const [key, entry] of Object.entries(schema.keys)) values[key] = defaultOf(entry)
    for (const { key, value } of pairs) {
      const entry = Object.hasOwn(schema.keys, key) ? schema.keys[key] : undefined
      if (entry === undefined) this.#unknownKey(parameter, schema, key)
      else if (entry.status !== 'served') this.#withoutService(parameter, entry, key)
      else areReadable = this.#subParameter(parameter, { key, text: value, entry, values }) && areReadable
    }
    const isComplete = this.#isComplete(parameter, schema, new Set(pairs.map(({ key }) => key)))
    // with a part of it unread, everything that is concluded from the rest could be wrong
    if (isComplete && areReadable) this.settings.add(schema, parameter, values)
  }

  /** @returns whether the value could be read; it is reported otherwise */
  #subParameter (parameter: Parameter, { key, text, entry, values }: { key: string, text: string, entry: SubParameterSchema, values: Record<string, unknown> }): boolean {
    const read = entry.type.read(text)
    if (read === null) this.#badValue(parameter, key, text, entry.type.form)
    else values[key] = read.value
    return read !== null
  }

  #unknownKey (parameter: Parameter, schema: StructuredSchema, key: string): void {
    if (this.#accepts(parameter, key)) {
      this.#report('POSTERN_WARN_PROFILE_NOT_SERVED', parameter, key, { message: `it is not known and has no effect; ${acceptUnserved.name} accepts this` })
      return
    }
    const nearest = nearestWord(key, Object.keys(schema.keys))
    this.#report('POSTERN_ERR_PROFILE_UNKNOWN_SUB_PARAMETER', parameter, key, {
      message: 'the sub-parameter is not known and may restrict something',
      expected: nearest === null ? `one of ${Object.keys(schema.keys).join(', ')}` : nearest.toLowerCase() === key.toLowerCase() ? `${nearest}, in upper case` : `perhaps ${nearest}`
    })
  }

  #isComplete (parameter: Parameter, schema: StructuredSchema, present: ReadonlySet<string>): boolean {
    const missing = Object.entries(schema.keys).filter(([key, { required }]) => required && !present.has(key)).map(([key]) => key)
    for (const key of missing) {
      this.#report('POSTERN_ERR_PROFILE_MISSING_SUB_PARAMETER', parameter, key, { message: `${key} is missing`, expected: `${key}=<${schema.keys[key]?.type.form}>` })
    }
    return missing.length === 0
  }

  #badValue (parameter: Parameter, key: string | null, value: string, form: string): void {
    this.#report('POSTERN_ERR_PROFILE_VALUE', parameter, key, { message: `${quoteForMessage(value)} is no possible value`, expected: form })
  }

  #report (code: ParameterFindingCode, parameter: Parameter, key: string | null, text: FindingText): void {
    this.findings.push(parameterFinding(code, { ...parameter.origin, parameter: nameOf(parameter, key) }, text))
  }
}

function nameOf ({ name }: Parameter, key: string | null): string {
  return key === null ? name : `${name} ${key}`
}

function defaultOf (entry: SubParameterSchema): unknown {
  return entry.default === null ? null : entry.type.read(entry.default)?.value
}
