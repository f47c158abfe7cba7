/** Checked values of a profile. */
import { parseIndexedName } from '../parameter-name.ts'
import type { Parameter } from '../read.ts'
import type { ParameterSchema, PlainSchema, SetValueOf, ValueOf } from './schema.ts'

/** A parameter that the profile sets, with its checked value. */
export interface Setting<V> {
  /** As the profile writes it: `icm/server_port_0`. */
  readonly name: string
  /** The number behind `_<xx>`; 0 for a name without. */
  readonly index: number
  readonly value: V
  readonly origin: Parameter['origin']
}

/** What a profile sets and what it leaves at its default, with static types that follow from the entries. */
export class Settings {
  readonly #byEntry = new Map<ParameterSchema, Array<Setting<unknown>>>()
  readonly #attempted = new Set<ParameterSchema>()

  /** Remembers that the profile sets a parameter, whether its value can be used or not. */
  attempt (schema: ParameterSchema): void {
    this.#attempted.add(schema)
  }

  /** Whether the profile sets a parameter, be it with a wrong value. */
  isAttempted (schema: ParameterSchema): boolean {
    return this.#attempted.has(schema)
  }

  /** Enters a checked value. The entry says what `value` is: {@link ValueOf}. */
  add (schema: ParameterSchema, { name, origin }: Parameter, value: unknown): void {
    const settings = this.#byEntry.get(schema) ?? []
    settings.push({ name, origin, value, index: parseIndexedName(name)?.index ?? 0 })
    this.#byEntry.set(schema, settings)
  }

  /** The settings of a parameter with `_<xx>`, by ascending index. */
  all<const S extends ParameterSchema> (schema: S): Array<Setting<SetValueOf<S>>> {
    return (this.#byEntry.get(schema) ?? []).toSorted((a, b) => a.index - b.index) as Array<Setting<SetValueOf<S>>>
  }

  /** The setting of a parameter, `null` where the profile leaves it out. */
  find<const S extends ParameterSchema> (schema: S): Setting<SetValueOf<S>> | null {
    return this.all(schema)[0] ?? null
  }

  /** The value of a plain parameter, or its default; `null` where it has neither. */
  get<const S extends PlainSchema> (schema: S): ValueOf<S> {
    const setting = this.find(schema)
    if (setting !== null) return setting.value as ValueOf<S>
    return (schema.default === null ? null : schema.type.read(schema.default)?.value) as ValueOf<S>
  }
}
