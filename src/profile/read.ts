/**
 * The profile language: sources and command line to parameters with their values. Pure; files are read in `load.ts`.
 */
import { describeCharacter, findControlCharacter, findInvisibleCharacter, quoteForMessage, trimBlanks, trimInvisible } from './characters.ts'
import { profileEnvironment } from './environment.ts'
import { finding } from './finding-codes.ts'
import type { Finding } from './finding.ts'
import { limits } from './limits.ts'
import { readLines } from './lines.ts'
import type { ProfileSource } from './lines.ts'
import { isHelperVariable, MAX_INDEX, parseIndexedName } from './parameter-name.ts'
import { substitute } from './substitute.ts'
import type { Definition } from './substitute.ts'

export type { ProfileSource } from './lines.ts'

/** What the profile can ask the machine for. */
export interface ProfileContext {
  /** Name of the host without its domain: `$(SAPLOCALHOST)`. */
  readonly hostname: string
  /** Name of the host with its domain: `$(SAPLOCALHOSTFULL)`. */
  readonly fullHostname: string
  /** Environment of the process, for `%(NAME)` in `SETENV_<nn>`. Default: empty. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** `$(DIR_SEP)`; a backslash also sets `$(FT_EXE)` and `$(FT_DLL)` to their Windows values. Default: `/`. */
  readonly directorySeparator?: '/' | '\\'
  /** Values of parameters that the profile does not set, for `$(NAME)` only; they may hold references themselves. */
  readonly defaults?: ReadonlyMap<string, string>
}

/** One parameter of the profile. */
export interface Parameter {
  readonly name: string
  /** After substitution. */
  readonly value: string
  /** As written, without the blanks around it. */
  readonly rawValue: string
  /** `null` in both for the command line. */
  readonly origin: { readonly file: string | null, readonly line: number | null }
  /** References of the value that could not be replaced in full, as written; the first few. A parameter that matters must not be used with any. */
  readonly unresolved: readonly string[]
}

/** A profile that was read: what it says, and what is wrong with it. */
export interface Profile {
  /** In the order in which the names occur first. */
  readonly parameters: ReadonlyMap<string, Parameter>
  /** What the `SETENV_<nn>` parameters set, by name of the variable. */
  readonly environment: ReadonlyMap<string, string>
  readonly findings: Finding[]
}

interface Assignment extends Definition {
  readonly name: string
}

/** Parameters of the start service, whose indexes are written with two digits. */
const START_SERVICE = /^(?:SETENV|Start_Program|Restart_Program|Stop_Program|Execute)_/

/**
 * Reads a profile.
 *
 * @param sources in the order of evaluation: `DEFAULT.PFL`, then the instance profile. The later one wins.
 * @param overrides `name=value` arguments of the command line. They win over every source.
 * @returns everything that could be read, and a finding for everything that could not. Never throws.
 */
export function readProfile (sources: readonly ProfileSource[], overrides: readonly string[], context: ProfileContext): Profile {
  const findings: Finding[] = []
  const assigned = new Map<string, Assignment>()
  for (const source of sources) {
    const read = readLines(source)
    append(findings, read.findings)
    assign(assigned, read.lines.map(line => parseAssignment(line.text, line, findings)), findings)
  }
  const commandLine = { file: null, line: null }
  assign(assigned, overrides.map(argument => parseAssignment(argument, commandLine, findings)), findings)

  const definitions = new Map<string, Definition>([...builtIn(context), ...assigned])
  const substituted = substitute(definitions, assigned.keys())
  const parameters = new Map<string, Parameter>()
  for (const { name, rawValue, place } of assigned.values()) {
    const { value, unresolved } = substituted.expansions.get(name)!
    parameters.set(name, { name, value, rawValue, origin: { file: place.file, line: place.line }, unresolved })
  }
  const environment = profileEnvironment(parameters.values(), context.env ?? {})
  append(findings, substituted.findings)
  append(findings, environment.findings)
  return { parameters, environment: environment.variables, findings }
}

/** Appends without spreading, since a call can't take as many arguments as a broken file has faults. */
function append (findings: Finding[], more: readonly Finding[]): void {
  for (const found of more) findings.push(found)
}

/** Enters the assignments of one source, the later one of a name winning with a warning, and all of them winning over earlier sources. */
function assign (assigned: Map<string, Assignment>, assignments: ReadonlyArray<Assignment | null>, findings: Finding[]): void {
  const own = new Map<string, Assignment>()
  for (const assignment of assignments) {
    if (assignment === null) continue
    const earlier = own.get(assignment.name)
    if (earlier !== undefined) {
      findings.push(finding('POSTERN_WARN_PROFILE_DUPLICATE', assignment.place, earlier.place.line === null
        ? { message: `set twice on the command line; ${quoteForMessage(earlier.rawValue)} is ignored` }
        : { message: `set in line ${earlier.place.line} and again in line ${assignment.place.line}; line ${earlier.place.line} is ignored` }))
    }
    own.set(assignment.name, assignment)
    assigned.set(assignment.name, assignment)
  }
}

/** Reads `name = value`, splitting at the first `=`. Faults that leave nothing to use give `null`. */
function parseAssignment (text: string, at: { file: string | null, line: number | null }, findings: Finding[]): Assignment | null {
  const place = { file: at.file, line: at.line, parameter: null }
  const equals = text.indexOf('=')
  const name = trimInvisible(text.slice(0, Math.max(equals, 0)))
  if (name === '') {
    findings.push(finding('POSTERN_ERR_PROFILE_LINE', place, {
      message: equals === -1 ? `${quoteForMessage(text)} has no =` : `${quoteForMessage(text)} has no name before the =`,
      expected: 'name = value'
    }))
    return null
  }
  const assignment = { name, rawValue: trimInvisible(text.slice(equals + 1)), place: { ...place, parameter: name } }
  const control = findControlCharacter(text)
  if (control !== null) {
    findings.push(finding('POSTERN_ERR_PROFILE_CONTROL_CHARACTER', assignment.place, {
      message: `the line holds the control character ${describeCharacter(control)}`, expected: 'text without control characters'
    }))
    return null
  }
  if (text.length > limits.lineLength) {
    findings.push(finding('POSTERN_ERR_PROFILE_LIMIT', assignment.place, {
      message: `the argument has ${text.length} characters`, expected: `at most ${limits.lineLength}`
    }))
    return null
  }
  lint(assignment, text, findings)
  return assignment
}

/** Warnings about a line that can be used. */
function lint ({ name, rawValue, place }: Assignment, text: string, findings: Finding[]): void {
  const invisible = findInvisibleCharacter(trimBlanks(text))
  if (invisible !== null) {
    findings.push(finding('POSTERN_WARN_PROFILE_INVISIBLE_CHARACTER', place, {
      message: `the line holds the character ${describeCharacter(invisible)}, which cannot be seen`, expected: 'a blank, or nothing'
    }))
  }
  if (place.line !== null && /(?:^|[ \t])#/.test(rawValue)) {
    findings.push(finding('POSTERN_WARN_PROFILE_COMMENT_IN_VALUE', place, {
      message: 'the # and the text behind it belong to the value', expected: 'comments on lines of their own'
    }))
  }
  const indexed = parseIndexedName(name)
  if (indexed !== null && !indexed.wellFormed && !START_SERVICE.test(name) && !isHelperVariable(name)) {
    findings.push(finding('POSTERN_WARN_PROFILE_INDEX', place, {
      message: `the index ${quoteForMessage(indexed.digits)} is malformed`,
      expected: indexed.index > MAX_INDEX ? `a number from 0 to ${MAX_INDEX}` : `a number without leading zero: ${indexed.base}_${indexed.index}`
    }))
  }
}

/** Variables that exist without being set. */
function builtIn (context: ProfileContext): Array<[string, Definition]> {
  const separator = context.directorySeparator ?? '/'
  const windows = separator === '\\'
  const values = new Map([
    ['DIR_SEP', separator],
    ['FT_EXE', windows ? '.exe' : ''],
    ['FT_DLL', windows ? '.dll' : '.so'],
    ['FT_DLL_PREFIX', windows ? '' : 'lib'],
    ['SAPLOCALHOST', context.hostname],
    ['SAPLOCALHOSTFULL', context.fullHostname],
    ['SAPGLOBALHOST', context.hostname],
    ...context.defaults ?? []
  ])
  return [...values].map(([name, rawValue]) => [name, { rawValue, place: { file: null, line: null, parameter: name } }])
}
