/**
 * The paths below the prefixes of external plugins. They belong to the plugins alone: nothing below them goes to a back-end system.
 */
import { readingsOf } from '../dispatch/readings.ts'
import { parseRequestTarget } from '../http/request-target.ts'

/**
 * Whom a target belongs to: `outside` the prefix, `below` it as it stands, or `disguised`: below it only when a server reads the path
 * in another way (`/x/../aux`, `/%61ux`, `//aux`).
 */
export type Place = 'outside' | 'below' | 'disguised'

/** @param prefix without a slash at its end */
export function placeOf (target: string, prefix: string): Place {
  const parsed = parseRequestTarget(target)
  if (parsed === null) return 'outside'
  if (isBelow(parsed.path, prefix)) return 'below'
  return readingsOf(parsed.path).some(({ path }) => isBelow(path, prefix)) ? 'disguised' : 'outside'
}

/**
 * The target that Fastify's router sees: what is below a plugin's prefix in origin form, and `/` for everything else, because what goes to
 * a back end is neither judged nor changed by a router. A path that the router cannot decode is none that a plugin serves: the router
 * would answer it by itself, past all hooks.
 */
export function routedTarget (target: string, prefixes: readonly string[]): string {
  if (prefixes.length === 0) return '/'
  const parsed = parseRequestTarget(target)
  if (parsed === null || !prefixes.some(prefix => isBelow(parsed.path, prefix)) || !isDecodable(parsed.path)) return '/'
  return `${parsed.path}${parsed.query}`
}

function isDecodable (path: string): boolean {
  try {
    decodeURI(path)
    return true
  } catch {
    return false
  }
}

function isBelow (path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/')
}
