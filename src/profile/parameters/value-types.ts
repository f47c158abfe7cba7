/** The types of values that parameters have. Each reads a text and never throws. */
import { isIPv4 } from 'node:net'
import { parseHostPattern } from '../../http/host-pattern.ts'
import { parseHost } from '../../http/host.ts'
import type { ValueType } from './schema.ts'

/** Any text, the empty one included. */
export const text: ValueType<string> = { form: 'a text', read: value => ({ value }) }

/** A text that is not empty. */
export const word = pattern(/^.+$/s, 'a value that is not empty')

/** A file; a relative name counts from the directory that the description names. */
export const file = pattern(/^.+$/s, 'the name of a file')

/** TRUE or FALSE, also 1 or 0, in any letter case. */
export const flag: ValueType<boolean> = {
  form: 'TRUE or FALSE (also 1 or 0)',
  read: value => {
    if (/^(?:true|1)$/i.test(value)) return { value: true }
    return /^(?:false|0)$/i.test(value) ? { value: false } : null
  }
}

/** A host name or an IP address (IPv6 with or without brackets; the value is without). */
export const host: ValueType<string> = {
  form: 'a host name or an IP address',
  read: value => /^(?:[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[\w.-]+)?\]?)$/.test(value) ? { value: value.replace(/^\[|\]$/g, '') } : null
}

/** A port number, or the name of a service. */
export const portOrService: ValueType<number | string> = {
  form: 'a port from 0 to 65535 or the name of a service',
  read: value => {
    if (/^\d+$/.test(value)) return Number(value) <= 65535 ? { value: Number(value) } : null
    return /^[A-Za-z][\w-]*$/.test(value) ? { value } : null
  }
}

/** The port of another program: never 0. */
export const targetPort: ValueType<number | string> = {
  form: 'a port from 1 to 65535 or the name of a service',
  read: value => Number(value) === 0 ? null : portOrService.read(value)
}

/** @see https://www.rfc-editor.org/rfc/rfc9110#section-5.1 */
export const fieldName = pattern(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'a header field name of at most 100 characters')

/** The start of a URL path. */
export const urlPrefix = pattern(/^\/\S*$/, 'a URL path that begins with /')

/** Where the routes of a plugin begin: nothing in it that a router or a server could read in a second way. */
export const routePrefix = pattern(/^(?:\/(?!\.{1,2}(?:\/|$))[\w.~!$&'+,=@-]+)+$/, 'a URL path such as /aux, without a slash at its end; letters, digits and -._~!$&\'+,=@')

/** The start of a URL path that requests are compared with: without query. */
export const pathPrefix: ValueType<string> = {
  form: 'the start of a URL path, beginning with / and without query',
  read: value => /^\/[^\s?#]*$/.test(value) && value.isWellFormed() ? { value } : null
}

/** A server as EXTSRV names it. */
export const serverUrl: ValueType<URL> = {
  form: 'a URL such as https://host:port, without path',
  read: value => {
    const url = /^https?:\/\/[A-Za-z0-9._:[\]-]+\/?$/.test(value) ? URL.parse(value) : null
    return url === null || url.port === '0' ? null : { value: url }
  }
}

/** `host:port` with wildcards, as SRCSRV and SRCVHOST write it. */
export const hostPattern: ValueType<string> = {
  form: 'host:port, with * for any',
  read: value => parseHostPattern(value) === null ? null : { value }
}

/** A host as the field Host names it, without port. */
export const urlHost: ValueType<string> = {
  form: 'a host name or an IP address (IPv6 in brackets)',
  read: value => parseHost(value)?.port === null ? { value } : null
}

/** A dotted IPv4 mask, for instance `255.255.240.0`. */
export const addressMask: ValueType<string> = {
  form: 'a mask such as 255.255.240.0',
  read: value => isIPv4(value) ? { value } : null
}

/** A whole number within bounds; `also` are values with a meaning of their own. */
export function integer ({ min, max, also = [] }: { min: number, max: number, also?: readonly number[] }): ValueType<number> {
  return {
    form: `a whole number from ${min} to ${max}${also.map(value => ` or ${value}`).join('')}`,
    read: text => {
      const value = Number(text)
      return /^-?\d{1,15}$/.test(text) && ((value >= min && value <= max) || also.includes(value)) ? { value } : null
    }
  }
}

/** One of some words, in any letter case; the value is the word as it stands here. */
export function choice<const W extends string> (...words: readonly W[]): ValueType<W> {
  return {
    form: `one of ${words.join(', ')}`,
    read: text => {
      const value = words.find(word => word.toLowerCase() === text.toLowerCase())
      return value === undefined ? null : { value }
    }
  }
}

/** One of some words, each with what it means. */
export function meanings<T> (words: Readonly<Record<string, T>>): ValueType<T> {
  const known = choice(...Object.keys(words))
  return {
    form: known.form,
    read: text => {
      const found = known.read(text)
      return found === null ? null : { value: words[found.value] as T }
    }
  }
}

/** Values of one type with `;` between them; empty places (a `;` at the end) are left out, but one value there must be. */
export function list<T> (type: ValueType<T>, separator: RegExp = /;/): ValueType<readonly T[]> {
  return {
    form: `a list with ; between its members, each ${type.form}`,
    read: text => {
      const results = text.split(separator).map(part => part.trim()).filter(part => part !== '').map(part => type.read(part))
      return results.length === 0 || results.includes(null) ? null : { value: results.map(result => (result as { value: T }).value) }
    }
  }
}

/** A text that fits a regular expression. */
export function pattern (expression: RegExp, form: string): ValueType<string> {
  return { form, read: value => expression.test(value) ? { value } : null }
}
