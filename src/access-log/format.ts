import { errors } from '../errors.ts'
import { fieldDirective, simpleDirective, type Directive } from './directives.ts'
import type { AccessRecord } from './record.ts'

/** The formats that LOGFORMAT knows by name. */
export const predefinedFormats: Readonly<Record<string, string>> = {
  CLF: '%h %l %u %t "%r" %s %b',
  CLFMOD: '%h %l %u %t "%r2" %s %b',
  SAP: '%t %h %u - "%r2" %s %b %L',
  SAPSMD: '%t - "%r0" %s %b [%L] h[%{X-CorrelationID}i]',
  SAPSMD2: '%t - "%r0" %s %b [%L] h[%{X-CorrelationID}i] i%{[?]}i o%{[?]}o'
}

/** Turns an exchange into a line, without its end. */
export type LineFormatter = (record: AccessRecord) => string

const directive = /%(?:\{([^}]*)\}([io])|(r[0-2]?|u1?|p[0-3]|w[12]|[ahltUfsbLTHS%]))?/y

/**
 * Compiles a log format.
 *
 * @param format one of {@link predefinedFormats}, or a text with directives; `\"` stands for `"`
 * @param secretFields names of further fields whose value is never logged
 * @throws POSTERN_ERR_ACCESS_LOG_FORMAT, POSTERN_ERR_ACCESS_LOG_FORMAT_NAME
 */
export function compileFormat (format: string, secretFields: readonly string[] = []): LineFormatter {
  const text = (predefinedFormats[format] ?? format).replaceAll('\\"', '"')
  const secrets = new Set(secretFields.map(name => name.toLowerCase().replaceAll('_', '-')))
  const pieces: Array<string | Directive> = []
  for (let at = 0; at < text.length;) {
    const percent = text.indexOf('%', at)
    if (percent !== at) pieces.push(text.slice(at, percent < 0 ? text.length : percent))
    if (percent < 0) break
    directive.lastIndex = percent
    const [all, argument, side, name] = directive.exec(text) as RegExpExecArray
    at = percent + all.length
    const following = text[at] ?? ''
    const context = { terminators: following === '%' ? '' : following, secretFields: secrets }
    const made = argument !== undefined ? fieldDirective(argument, side as 'i' | 'o', context) : name === undefined ? null : simpleDirective(name, context)
    if (made === null) throw new errors.ACCESS_LOG_FORMAT(format, String(percent + 1))
    pieces.push(made)
  }
  // a misspelt name of a format would otherwise be written as it stands, line after line
  if (!pieces.some(piece => typeof piece === 'function')) throw new errors.ACCESS_LOG_FORMAT_NAME(format, Object.keys(predefinedFormats).join(', '))
  return record => {
    let line = ''
    for (const piece of pieces) line += typeof piece === 'string' ? piece : piece(record)
    return line
  }
}
