import { errors } from '../errors.ts'
import { fieldKind, namedByConnection, tokens } from './field-kinds.ts'

/** The header of a request as it goes to the back end, and what it says about the body and the connection. */
export interface RequestFields {
  /** Names and values in turn; order, case and duplicates as they came. Without Connection, Transfer-Encoding and other hop-by-hop fields. */
  readonly list: string[]
  /** `null`: no Content-Length. */
  readonly contentLength: number | null
  readonly chunked: boolean
  /** Value of Upgrade, where Connection says that it is meant. */
  readonly upgrade: string | null
}

/**
 * Picks what may go to the back end out of the raw header list, in one pass.
 *
 * @throws POSTERN_ERR_FORWARD_HOST more than one Host field
 * @throws POSTERN_ERR_FORWARD_CODING a transfer coding other than `chunked`
 * @see RFC 9110 section 7.6.1, RFC 9112 sections 3.2 and 6.1
 */
export function requestFields (raw: readonly string[]): RequestFields {
  const list: string[] = []
  let hosts = 0
  let contentLength: number | null = null
  let coding: string | null = null
  let connection: string | null = null
  let upgrade: string | null = null
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string
    const value = raw[index + 1] as string
    switch (fieldKind(name)) {
      case undefined: list.push(name, value); break
      case 'host': list.push(name, value); hosts++; break
      case 'length': list.push(name, value); contentLength = Number(value); break
      case 'coding': coding = coding === null ? value : `${coding},${value}`; break
      case 'connection': connection = connection === null ? value : `${connection},${value}`; break
      case 'upgrade': upgrade = upgrade === null ? value : `${upgrade}, ${value}`; break
    }
  }
  if (hosts > 1) throw new errors.FORWARD_HOST()
  if (coding !== null && coding.trim().toLowerCase() !== 'chunked') throw new errors.FORWARD_CODING()
  const named = connection === null ? null : namedByConnection(connection)
  return {
    list: named === null ? list : without(list, named),
    contentLength,
    chunked: coding !== null,
    upgrade: upgrade !== null && connection !== null && tokens(connection).includes('upgrade') ? upgrade : null
  }
}

function without (list: readonly string[], named: ReadonlySet<string>): string[] {
  const rest: string[] = []
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index] as string
    if (!named.has(name.toLowerCase())) rest.push(name, list[index + 1] as string)
  }
  return rest
}
