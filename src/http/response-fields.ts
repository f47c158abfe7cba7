import { STATUS_CODES } from 'node:http'
import { fieldKind, namedByConnection } from './field-kinds.ts'

/** undici's raw header list: names and values in turn, as bytes. */
export type RawList = readonly (Buffer | string)[]

/** The header of an answer as it goes to the client. */
export interface ResponseFields {
  /** Names and values in turn; order, case and duplicates as they came. */
  readonly list: string[]
  /** `null`: none, or none that can be understood. */
  readonly contentLength: number | null
  /** Whether the body came in a transfer coding other than `chunked`, which nobody has undone. */
  readonly coded: boolean
}

/**
 * Picks what may go to the client out of the raw header list of an answer.
 *
 * @param mayHaveLength `false` for answers that cannot have one and must not say a length: 1xx and 204 (RFC 9110 section 8.6)
 * @param keepTrailer whether the announcement of trailers may pass, because the answer goes out in chunks
 * @param added fields of the gateway itself: `set-cookie` is added, every other one takes the place of the back end's
 * @see RFC 9110 section 7.6.1
 */
export function responseFields (raw: RawList, { mayHaveLength = true, keepTrailer = false, added = {} }: {
  mayHaveLength?: boolean, keepTrailer?: boolean, added?: Readonly<Record<string, unknown>>
} = {}): ResponseFields {
  const list: string[] = []
  let trailer: string[] = []
  let contentLength: number | null = null
  let connection: string | null = null
  let coded = false
  for (let index = 0; index < raw.length; index += 2) {
    const name = latin1(raw[index])
    const value = latin1(raw[index + 1])
    switch (fieldKind(name)) {
      case undefined: case 'host': list.push(name, value); break
      case 'length':
        if (mayHaveLength) list.push(name, value)
        contentLength = Number(value)
        break
      case 'coding': coded ||= !/^(?:chunked|identity)?$/i.test(value.trim()); break
      case 'connection': connection = connection === null ? value : `${connection},${value}`; break
      case 'trailer': trailer = [...trailer, name, value]; break
    }
  }
  if (keepTrailer && contentLength === null) list.push(...trailer)
  const dropped = connection === null ? null : namedByConnection(connection)
  return { list: withAdded(dropped === null ? list : filter(list, name => !dropped.has(name)), added), contentLength, coded }
}

/** The header of a 101: with the fields that make the change of protocol, without framing, since nothing is framed any more. */
export function switchingFields (raw: RawList, added: Readonly<Record<string, unknown>>): string[] {
  const list: string[] = []
  for (let index = 0; index < raw.length; index += 2) {
    const name = latin1(raw[index])
    const kind = fieldKind(name)
    if (kind === undefined || kind === 'connection' || kind === 'upgrade') list.push(name, latin1(raw[index + 1]))
  }
  return withAdded(list, added)
}

function withAdded (list: string[], added: Readonly<Record<string, unknown>>): string[] {
  const names = Object.keys(added)
  if (names.length === 0) return list
  const replaced = new Set(names.map(name => name.toLowerCase()))
  replaced.delete('set-cookie')
  const kept = filter(list, name => !replaced.has(name))
  for (const name of names) {
    for (const value of [added[name]].flat()) if (value !== undefined) kept.push(name, String(value))
  }
  return kept
}

/** Trailers that may pass: none that frame a message, name its target or belong to one connection. */
export function trailerFields (raw: RawList): Array<[string, string]> {
  const pairs: Array<[string, string]> = []
  for (let index = 0; index < raw.length; index += 2) {
    const name = latin1(raw[index])
    if (fieldKind(name) === undefined) pairs.push([name, latin1(raw[index + 1])])
  }
  return pairs
}

/**
 * The reason phrase, byte-exact where undici's reading of it as UTF-8 allows; it says nothing that the status does not, so the standard
 * one takes the place of one that cannot be written.
 */
export function reasonPhrase (statusCode: number, statusText: string | undefined): string {
  const standard = STATUS_CODES[statusCode] ?? ''
  if (statusText === undefined || statusText === '') return statusText ?? standard
  if (/^[\t\x20-\x7e]*$/.test(statusText)) return statusText
  return statusText.includes('\ufffd') ? standard : Buffer.from(statusText, 'utf8').toString('latin1')
}

function filter (list: readonly string[], keep: (lowerCaseName: string) => boolean): string[] {
  const rest: string[] = []
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index] as string
    if (keep(name.toLowerCase())) rest.push(name, list[index + 1] as string)
  }
  return rest
}

function latin1 (bytes: Buffer | string | undefined): string {
  if (bytes === undefined) return ''
  return typeof bytes === 'string' ? bytes : bytes.toString('latin1')
}
