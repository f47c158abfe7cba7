/**
 * What is known of a parameter: one entry from which the checks, `-checkconfig` and `docs/reference/parameters/` come.
 *
 * An entry has either a `type` (a plain value) or `keys` (`KEY=value, KEY=value`). The static types of the values follow from the
 * entries, so that nobody has to repeat them: see {@link ValueOf}.
 */

/** How a value is written and what it means. */
export interface ValueType<out T> {
  /** Completes the sentence "expected ...", for instance `a whole number from 0 to 3`. */
  readonly form: string
  /** Reads a value as it stands in the profile; `null` when the text is no value of this type. Never throws. */
  read (text: string): { readonly value: T } | null
}

/**
 * What the gateway does with a parameter:
 * - `served`: what the description says.
 * - `without effect`: accepted, because nothing is lost or opened by leaving it out; said in the findings.
 * - `not served`: it restricts something (or would send requests elsewhere) and is not built. It stops the start unless
 *   `postern/accept_unserved` names it, so that a profile that closed something never opens it here.
 */
export type Status = 'served' | 'without effect' | 'not served'

/** What plain parameters and sub-parameters have in common. */
export interface Entry {
  /** What it does, in sentences. */
  readonly description: string
  readonly status: Status
  /** Why it has no effect or is not served; continues "... ". `null` for served ones. */
  readonly because: string | null
  /** A parameter without effect whose finding is a warning, because somebody may rely on it. */
  readonly warn: boolean
}

/** One sub-parameter, `KEY=value`. */
export interface SubParameterSchema<out T = unknown, out D extends string | null = string | null, out R extends boolean = boolean> extends Entry {
  readonly type: ValueType<T>
  readonly default: D
  readonly required: R
  readonly unit: string | null
}

/** The sub-parameters of a parameter by key. */
export type SubParameterKeys = Readonly<Record<string, SubParameterSchema>>

interface Named extends Entry {
  /** `icm/keep_alive_timeout`; `_<xx>` stands for an index, `*` for anything. */
  readonly name: string
  readonly group: Group
  readonly unit: string | null
  /** Whether SAP Web Dispatcher can change it while it runs. Postern reads its profile at start only. */
  readonly dynamic: boolean
  /** A line as it could stand in a profile. */
  readonly example: string
  /** Page of the vendor (or `null` for Postern's own and for parameters known from real profiles only). */
  readonly source: string | null
  /** Values with which a parameter that is not served asks for nothing (`FALSE`). */
  readonly off: readonly string[]
}

/** A parameter with a plain value. */
export interface PlainSchema<out T = unknown, out D extends string | null = string | null> extends Named {
  readonly kind: 'plain'
  readonly type: ValueType<T>
  /** As it would be written in a profile. */
  readonly default: D
}

/** A parameter whose value is `KEY=value, KEY=value`. */
export interface StructuredSchema<out K extends SubParameterKeys = SubParameterKeys> extends Named {
  readonly kind: 'structured'
  readonly keys: K
  /** The key whose value reaches to the end of the text (LOGFORMAT). */
  readonly toEnd: string | null
}

/** One known parameter. */
export type ParameterSchema = PlainSchema | StructuredSchema

/** One file of this folder, one section of the reference. */
export type Group = 'system' | 'icm' | 'ssl' | 'wdisp' | 'postern'

/** The static type of a checked value: never `null` where there is a default or the sub-parameter is mandatory. */
export type ValueOf<S> =
  S extends PlainSchema<infer T, infer D> ? (D extends string ? T : T | null)
    : S extends StructuredSchema<infer K> ? { readonly [key in keyof K]: SubValueOf<K[key]> }
      : never

/** The static type of a value that the profile sets: never `null` for a plain parameter. */
export type SetValueOf<S> = S extends PlainSchema<infer T> ? T : ValueOf<S>

type SubValueOf<S> = S extends SubParameterSchema<infer T, infer D, infer R> ? (D extends string ? T : R extends true ? T : T | null) : never

type Common = Pick<Named, 'name' | 'description' | 'example'> &
  Partial<Pick<Named, 'unit' | 'dynamic' | 'source' | 'status' | 'because' | 'warn' | 'off'>>

const common = { unit: null, dynamic: false, source: null, status: 'served', because: null, warn: false, off: [] } as const

/** Makes the entries of one group; what is left out has the usual value. */
export function group (name: Group) {
  return {
    plain: <T, const D extends string | null = null>(entry: Common & { type: ValueType<T>, default?: D }): PlainSchema<T, D> =>
      ({ ...common, default: null as D, ...entry, group: name, kind: 'plain' }),
    structured: <const K extends SubParameterKeys>(entry: Common & { keys: K, toEnd?: string }): StructuredSchema<K> =>
      ({ ...common, toEnd: null, ...entry, group: name, kind: 'structured' })
  }
}

type SubEntry<T, D, R> = Pick<Entry, 'description'> & Partial<Pick<Entry, 'status' | 'because' | 'warn'>> &
  { type: ValueType<T>, default?: D, required?: R, unit?: string }

/** Makes the entry of a sub-parameter. */
export function key<T, const D extends string | null = null, const R extends boolean = false> (entry: SubEntry<T, D, R>): SubParameterSchema<T, D, R> {
  return { status: 'served', because: null, warn: false, unit: null, default: null as D, required: false as R, ...entry }
}
