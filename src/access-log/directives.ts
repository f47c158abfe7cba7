/**
 * The directives of a log format, each as a function from the exchange to its text.
 */
import { percentDecode } from '../http/percent-encoding.ts'
import { parseRequestTarget } from '../http/request-target.ts'
import { escapeForLog } from './escaping.ts'
import { maskField, maskTarget } from './masking.ts'
import type { AccessRecord } from './record.ts'
import { logTime } from './time.ts'

/** Settings that directives need. */
export interface DirectiveContext {
  /** Characters that follow the directive in the format: a value never holds them. */
  readonly terminators: string
  /** See {@link maskField}. */
  readonly secretFields: ReadonlySet<string>
}

/** The text of one directive for one exchange. */
export type Directive = (record: AccessRecord) => string

/** Makes a directive; `null` for one that does not exist. */
export function simpleDirective (name: string, { terminators }: DirectiveContext): Directive | null {
  const text = (value: string | null): string => value === null || value === '' ? '-' : escapeForLog(value, terminators)
  switch (name) {
    case 'a':
    case 'h': return ({ clientAddress }) => text(clientAddress)
    case 'l': return () => '-'
    case 'u':
    case 'u1': return record => text(utf8(record.user()))
    case 't': return ({ startedAt }) => logTime(startedAt)
    case 'r':
    case 'r0': return requestLine(target => maskTarget(target))
    case 'r1': return requestLine(originalPath)
    case 'r2': return requestLine(decodedPath)
    case 'U':
    case 'p0': return ({ target }) => text(maskTarget(target))
    case 'f':
    case 'p1': return ({ target }) => text(originalPath(target))
    case 'p2': return ({ target }) => text(decodedPath(target))
    case 'p3': return ({ target }) => text(maskTarget(percentDecode(maskTarget(target))))
    case 's': return ({ status }) => status === null ? '-' : String(status)
    case 'b': return ({ bytes }) => bytes === 0 ? '-' : String(bytes)
    case 'L': return ({ durationMs }) => String(Math.round(durationMs))
    case 'T': return ({ durationMs }) => String(Math.floor(durationMs / 1000))
    case 'H': return ({ serverHost }) => text(serverHost)
    case 'S': return ({ serverPort }) => serverPort === null ? '-' : String(serverPort)
    // part of the format that SAP recommends for its cloud; no public text says what they mean
    case 'w1':
    case 'w2': return () => '-'
    case '%': return () => '%'
    default: return null
  }
}

/** `%{name}i` and `%{name}o`: one field; with a `?` in the braces all fields, each between what stands before and behind the `?`. */
export function fieldDirective (argument: string, side: 'i' | 'o', { terminators, secretFields }: DirectiveContext): Directive {
  const fieldsOf = (record: AccessRecord): readonly string[] => side === 'i' ? record.requestFields : record.responseFields()
  const [before = '', after] = argument.split('?')
  if (after === undefined) return record => oneField(fieldsOf(record), argument.toLowerCase(), { terminators, secretFields })
  return record => {
    const fields = fieldsOf(record)
    let text = ''
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index] as string
      const value = maskField(name, fields[index + 1] as string, secretFields)
      text += `${before}${escapeForLog(name)}: ${escapeForLog(value, after)}${after}`
    }
    return text === '' ? '-' : text
  }
}

function oneField (fields: readonly string[], wanted: string, { terminators, secretFields }: DirectiveContext): string {
  const values: string[] = []
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string
    if (name.toLowerCase() === wanted) values.push(maskField(name, fields[index + 1] as string, secretFields))
  }
  return values.length === 0 ? '-' : escapeForLog(values.join(', '), terminators)
}

/** The request line with another view of the target. */
function requestLine (view: (target: string) => string): Directive {
  return ({ method, target, httpVersion }) => `${escapeForLog(method)} ${escapeForLog(view(target))} HTTP/${httpVersion}`
}

function originalPath (target: string): string {
  return maskTarget(target.split('?', 1)[0] ?? '')
}

/** Masked before and after: decoding may bring to light what was hidden in escapes. */
function decodedPath (target: string): string {
  const path = parseRequestTarget(target)?.path ?? target
  return maskTarget(percentDecode(maskTarget(path)))
}

/** The bytes of UTF-8 text as characters, the form in which header fields arrive. */
function utf8 (text: string | null): string | null {
  return text === null ? null : Buffer.from(text).toString('latin1')
}
