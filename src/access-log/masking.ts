/**
 * What no log line may hold: passwords, tickets, cookies, certificates, and session ids in paths. Their place is taken by three dots.
 */
import { percentDecode } from '../http/percent-encoding.ts'

const dots = '...'
const secretParameters = new Set(['jsessionid', 'sap-contextid', 'sap-password', 'mysapsso2'])
const secretFields = new Set(['authorization', 'proxy-authorization', 'sap-password', 'sap-r3auth', 'mysapsso2', 'client-cert', 'client-cert-chain', 'x-forwarded-client-cert'])

/**
 * Masks session ids and passwords in a request target or any other address: `;jsessionid=`, `;sap-contextid=`, the same as form
 * fields, and the parentheses of `/sap(...)/`. Also sees them in escapes.
 */
export function maskTarget (target: string): string {
  if (!/[;(?=]|%3[bdf]|%28/i.test(target)) return target
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const masked = path.split('/').map(segment => maskParameters(maskParentheses(segment), /(;|%3b)/i)).join('/')
  return mark < 0 ? masked : `${masked}?${maskParameters(target.slice(mark + 1), /(&|;|%26)/i)}`
}

/**
 * The value of a header field as it may be logged.
 *
 * @param renamed what the names of further fields that hold certificates begin with, in lower case with `-` for `_`
 */
export function maskField (name: string, value: string, renamed: ReadonlySet<string> = new Set()): string {
  const folded = name.toLowerCase().replaceAll('_', '-')
  if (secretFields.has(folded) || folded.startsWith('ssl-client-cert') || beginsWithAny(folded, renamed)) return dots
  if (folded === 'cookie') return value.split(';').map(maskCookie).join(';')
  if (folded === 'set-cookie') return value.replace(/^[^;]*/, maskCookie)
  return maskTarget(value)
}

function beginsWithAny (name: string, beginnings: ReadonlySet<string>): boolean {
  for (const beginning of beginnings) if (name.startsWith(beginning)) return true
  return false
}

/** Cookie names may stay, values never: each may be the key to a session. */
function maskCookie (pair: string): string {
  const equals = pair.indexOf('=')
  return equals < 0 ? (pair.trim() === '' ? pair : dots) : `${pair.slice(0, equals + 1)}${dots}`
}

function maskParameters (text: string, separator: RegExp): string {
  return text.split(separator).map(part => {
    const [, name = '', equals = ''] = /^(.*?)(=|%3d)/i.exec(part) ?? []
    return equals !== '' && secretParameters.has(percentDecode(name, 2).trim().toLowerCase()) ? `${name}${equals}${dots}` : part
  }).join('')
}

function maskParentheses (segment: string): string {
  return segment.replace(/(\(|%28)((?:(?!%28|%29)[^()])*)/gi, (all, open: string, content: string, at: number) =>
    holdsContext(percentDecode(content, 2), segment.slice(0, at)) ? `${open}${dots}` : all)
}

/** `/sap(<base64 of name=value pairs>)/`: `s` is the session. Keys of OData entities, as in `Items('1')`, stay. */
function holdsContext (content: string, before: string): boolean {
  if (content === '') return false
  return percentDecode(before, 2).toLowerCase() === 'sap' || /(?:^|&)s=/i.test(Buffer.from(content, 'base64').toString('latin1'))
}
