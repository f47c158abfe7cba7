/** The hosts that a request names. */
import { parseHost } from '../http/host.ts'
import { parseRequestTarget } from '../http/request-target.ts'

/**
 * Every host that a request names, in its Host fields, in `:authority` and in an absolute target, without port. More than one is
 * unusual; who decides by the host has to look at all of them, since a back end may read another one.
 *
 * @param rawHeaders names and values in turn
 * @param target request target as sent
 * @returns `null` where a value is no host: a back end may still read one in it, and nobody knows which; only `null` in the list for a
 *   request that names none
 * @see RFC 9110 section 7.2, RFC 9112 section 3.2
 */
export function hostsOfRequest (rawHeaders: readonly string[], target: string): (string | null)[] | null {
  const authorities: string[] = []
  const authority = parseRequestTarget(target)?.authority ?? null
  if (authority !== null) authorities.push(authority)
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase()
    if (name === 'host' || name === ':authority') authorities.push(rawHeaders[i + 1] as string)
  }
  const hosts = authorities.filter(value => value !== '').map(value => parseHost(value)?.name)
  if (hosts.includes(undefined)) return null
  return hosts.length === 0 ? [null] : hosts as string[]
}
