/**
 * Environment variables that a profile sets: `SETENV_<nn> = NAME=value`. Nothing is exported to the process; the program asks the
 * profile for the few variables it needs, SECUDIR above all.
 */
import { quoteForMessage, trimBlanks } from './characters.ts'
import { finding } from './finding-codes.ts'
import type { Finding } from './finding.ts'
import { limits } from './limits.ts'
import { parseIndexedName } from './parameter-name.ts'
import type { Parameter } from './read.ts'

/**
 * Reads the `SETENV_<nn>` parameters in the order of their numbers. `%(NAME)` in a value is replaced by the variable set before, or by that
 * of the process, or by nothing.
 *
 * @param env environment of the process
 */
export function profileEnvironment (parameters: Iterable<Parameter>, env: Readonly<Record<string, string | undefined>>): {
  variables: ReadonlyMap<string, string>
  findings: Finding[]
} {
  const variables = new Map<string, string>()
  const findings: Finding[] = []
  let length = 0
  for (const { name, value, origin } of inOrder(parameters)) {
    const place = { ...origin, parameter: name }
    const equals = value.indexOf('=')
    const variable = trimBlanks(value.slice(0, Math.max(equals, 0)))
    if (variable === '') {
      findings.push(finding('POSTERN_WARN_PROFILE_SETENV', place, {
        message: `${quoteForMessage(value)} sets no variable`, expected: 'NAME=value'
      }))
      continue
    }
    const lookUp = (wanted: string): string => variables.get(wanted) ?? (Object.hasOwn(env, wanted) ? env[wanted] : undefined) ?? ''
    const expanded = expand(trimBlanks(value.slice(equals + 1)), lookUp)
    length += expanded.reduce((sum, part) => sum + part.length, 0)
    if (length > limits.valueLength) {
      findings.push(finding('POSTERN_ERR_PROFILE_LIMIT', place, {
        message: 'the environment variables of the profile are too large', expected: `at most ${limits.valueLength} characters in all`
      }))
      break
    }
    variables.set(variable, expanded.join(''))
  }
  return { variables, findings }
}

function inOrder (parameters: Iterable<Parameter>): Parameter[] {
  const indexed: Array<{ index: number, parameter: Parameter }> = []
  for (const parameter of parameters) {
    const name = parseIndexedName(parameter.name)
    if (name?.base === 'SETENV') indexed.push({ index: name.index, parameter })
  }
  return indexed.sort((a, b) => a.index - b.index).map(({ parameter }) => parameter)
}

/** Splits at `%(NAME)` and replaces it; a `%(` without `)` is text. */
function expand (value: string, lookUp: (name: string) => string): string[] {
  const parts: string[] = []
  let literal = 0
  for (;;) {
    const start = value.indexOf('%(', literal)
    const end = start === -1 ? -1 : value.indexOf(')', start)
    if (end === -1) break
    parts.push(value.slice(literal, start), lookUp(value.slice(start + 2, end)))
    literal = end + 1
  }
  parts.push(value.slice(literal))
  return parts
}
