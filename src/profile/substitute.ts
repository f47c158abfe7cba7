/**
 * Substitution in values: `$(NAME)` by the value of a parameter, `$$` by the instance number SAPSYSTEM.
 */
import { quoteForMessage } from './characters.ts'
import { finding } from './finding-codes.ts'
import type { Place } from './finding-codes.ts'
import type { Finding } from './finding.ts'
import { limits } from './limits.ts'
import { findCycle, orderByReference } from './reference-graph.ts'

/** A value before substitution and where it was set. */
export interface Definition {
  readonly rawValue: string
  readonly place: Place
}

/** A value after substitution. */
export interface Expansion {
  readonly value: string
  /**
   * References as written (`$(NAME)`, `$$`) that could not be replaced in full: they still stand in the value, or one of theirs does.
   * Not all where there are many.
   */
  readonly unresolved: readonly string[]
}

interface Reference {
  /** As written. */
  readonly text: string
  readonly name: string
}

type Segment = string | Reference

interface Template {
  readonly segments: readonly Segment[]
  readonly references: readonly Reference[]
  /** Does a `$(` stand without `)`? */
  readonly unclosed: boolean
}

interface Expanded extends Expansion {
  /** Length of the longest way of references below. */
  readonly height: number
  /** Is the value of no use to others: part of a circle, too large, or built on such a value? */
  readonly broken: boolean
}

/** Splits a value into text and references, left to right, in linear time. */
function parseTemplate (value: string): Template {
  const segments: Segment[] = []
  const references: Reference[] = []
  let unclosed = false
  let literal = 0
  for (let dollar = value.indexOf('$'); dollar !== -1;) {
    const next = value.charAt(dollar + 1)
    const end = next === '$' ? dollar + 1 : next === '(' ? value.indexOf(')', dollar) : dollar
    if (end === -1) {
      unclosed = true
      break
    }
    if (end > dollar) {
      const text = value.slice(dollar, end + 1)
      const reference = { text, name: text === '$$' ? 'SAPSYSTEM' : text.slice(2, -1) }
      references.push(reference)
      segments.push(value.slice(literal, dollar), reference)
      literal = end + 1
    }
    dollar = value.indexOf('$', end + 1)
  }
  segments.push(value.slice(literal))
  return { segments, references, unclosed }
}

/** State of one substitution over all parameters. */
class Substitution {
  readonly findings: Finding[] = []
  readonly #definitions: ReadonlyMap<string, Definition>
  readonly #templates = new Map<string, Template>()
  readonly #expanded = new Map<string, Expanded>()
  #length = 0
  /** Names by their lower-case form, for the spelling in a message. */
  #spellings: Map<string, string> | null = null

  constructor (definitions: ReadonlyMap<string, Definition>) {
    this.#definitions = definitions
  }

  run (roots: Iterable<string>): ReadonlyMap<string, Expansion> {
    for (const component of orderByReference(roots, this.#referencesOf)) {
      if (component.cyclic) this.#refuseCycle(findCycle(component, this.#referencesOf), component.names)
      else this.#expand(component.names[0]!)
    }
    return this.#expanded
  }

  readonly #referencesOf = (name: string): string[] => {
    const names = this.#template(name).references.map(reference => reference.name)
    return names.filter(reference => this.#definitions.has(reference))
  }

  #template (name: string): Template {
    let template = this.#templates.get(name)
    if (template === undefined) {
      template = parseTemplate(this.#definitions.get(name)!.rawValue)
      this.#templates.set(name, template)
    }
    return template
  }

  #refuseCycle (cycle: readonly string[], names: readonly string[]): void {
    const shown = cycle.length > 12 ? [...cycle.slice(0, 10), '...', cycle.at(-1)] : cycle
    this.#report('POSTERN_ERR_PROFILE_CYCLE', cycle[0]!, `the value refers to itself: ${shown.join(' -> ')}`)
    for (const name of names) this.#keepRaw(name)
  }

  /** Leaves a value as it was written, of no use to values that refer to it. */
  #keepRaw (name: string): void {
    this.#expanded.set(name, {
      value: this.#definitions.get(name)!.rawValue,
      unresolved: some(this.#template(name).references.map(reference => reference.text)),
      height: 0,
      broken: true
    })
  }

  #expand (name: string): void {
    const { segments, references, unclosed } = this.#template(name)
    if (unclosed) this.#report('POSTERN_WARN_PROFILE_REFERENCE', name, 'a $( is not closed by ) and stays as it is')
    const unresolved = new Set<string>()
    const parts: string[] = []
    let length = 0
    for (const segment of segments) {
      const text = typeof segment === 'string' ? segment : this.#replace(name, segment, unresolved)
      length += text.length
      parts.push(text)
    }
    const targets = references.map(reference => this.#expanded.get(reference.name))
    const height = targets.reduce((highest, target) => Math.max(highest, target?.height ?? 0), -1) + 1
    // what is built on a broken value is broken too; that one fault is reported once, where it is
    const isBroken = targets.some(target => target?.broken)
    if (isBroken || (references.length > 0 && !this.#isWithinLimits(name, length, height))) return this.#keepRaw(name)
    this.#expanded.set(name, { value: parts.join(''), unresolved: some(unresolved), height, broken: false })
  }

  #replace (name: string, reference: Reference, unresolved: Set<string>): string {
    const target = this.#expanded.get(reference.name)
    const fits = target !== undefined && (reference.text !== '$$' || /^[0-9]{2}$/.test(target.value))
    if (fits && target.unresolved.length === 0) return target.value
    const isReported = unresolved.has(reference.text) || (unresolved.size >= limits.findingsPerValue && reference.text !== '$$')
    unresolved.add(reference.text)
    if (!fits && !isReported && target?.broken !== true) this.#reportUnusable(name, reference, target)
    return fits ? target.value : reference.text
  }

  #reportUnusable (name: string, reference: Reference, target: Expanded | undefined): void {
    if (reference.text === '$$') {
      const state = target === undefined ? 'not set' : quoteForMessage(target.value)
      this.#report('POSTERN_ERR_PROFILE_INSTANCE_NUMBER', name, `$$ stands for SAPSYSTEM, which is ${state}`, 'two digits in SAPSYSTEM, for instance 07')
      return
    }
    this.#spellings ??= new Map([...this.#definitions.keys()].map(known => [known.toLowerCase(), known]))
    const spelling = this.#spellings.get(reference.name.toLowerCase())
    this.#report('POSTERN_WARN_PROFILE_REFERENCE', name, `${quoteForMessage(reference.text)} refers to a parameter that is not set`,
      spelling === undefined ? 'the name of a parameter of the profile' : `$(${spelling})`)
  }

  #isWithinLimits (name: string, length: number, height: number): boolean {
    this.#length += length
    const [size, limit] = height > limits.depth
      ? [`follows ${height} references one behind the other`, limits.depth]
      : length > limits.valueLength
        ? [`has ${length} characters after substitution`, limits.valueLength]
        : this.#length > limits.substitutedLength
          ? ['makes all values after substitution too large', limits.substitutedLength]
          : [null, 0]
    if (size === null) return true
    this.#length -= length
    this.#report('POSTERN_ERR_PROFILE_LIMIT', name, `the value ${size}`, `at most ${limit}`)
    return false
  }

  #report (code: Parameters<typeof finding>[0], name: string, message: string, expected?: string): void {
    const text = expected === undefined ? { message } : { message, expected }
    this.findings.push(finding(code, this.#definitions.get(name)!.place, text))
  }
}

/** Some of the references, each once; enough for a message. */
function some (references: Iterable<string>): string[] {
  return [...new Set(references)].slice(0, limits.findingsPerValue)
}

/**
 * Substitutes `$(NAME)` and `$$` in the values of `roots`, recursively, forward references included. Never throws; a reference that can't
 * be replaced stays as it is and is reported.
 *
 * @param definitions all that a reference can name
 * @param roots the parameters whose values are wanted
 */
export function substitute (definitions: ReadonlyMap<string, Definition>, roots: Iterable<string>): {
  expansions: ReadonlyMap<string, Expansion>
  findings: Finding[]
} {
  const substitution = new Substitution(definitions)
  return { expansions: substitution.run(roots), findings: substitution.findings }
}
