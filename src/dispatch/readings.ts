/**
 * The ways in which a server may read one path. A path is forwarded byte-exact, so what a server makes of `%2e%2e`, `//` or `..;` is
 * out of our hands; what is in our hands is that the choice of the system does not depend on it.
 */

import { percentDecode, upperCaseEscapes } from '../http/percent-encoding.ts'

/** The path as sent is reading 0; the others are decoded once and twice. */
export const decodings = 3

/** One way to read a path. */
export interface Reading {
  readonly path: string
  /** How often it was decoded: 0 to 2. Prefixes are compared in the same form. */
  readonly decoded: number
}

const unambiguous = /^(?:\/(?![./])[^%/\\;#]*)*$/

/**
 * All readings of a path, the path as sent first (with `%xx` in upper case). One reading where the path holds nothing that servers
 * read differently.
 *
 * @param path as sent, from the first `/` to the character before `?`
 */
export function readingsOf (path: string): Reading[] {
  const raw = upperCaseEscapes(path)
  if (unambiguous.test(path)) return [{ path: raw, decoded: 0 }]
  const readings: Reading[] = [{ path: raw, decoded: 0 }]
  const seen = new Set([`0${raw}`])
  for (const text of path.includes('#') ? [raw, raw.slice(0, raw.indexOf('#'))] : [raw]) {
    for (let decoded = 0; decoded < decodings; decoded++) {
      for (const variant of variants(percentDecode(text, decoded))) {
        if (seen.has(`${decoded}${variant}`)) continue
        seen.add(`${decoded}${variant}`)
        readings.push({ path: variant, decoded })
      }
    }
  }
  return readings
}

/** With and without path parameters, backslashes as slashes, slashes merged; dot segments resolved in each. */
function * variants (path: string): Generator<string> {
  for (const withoutParameters of path.includes(';') ? [path, path.replace(/;[^/\\]*/g, '')] : [path]) {
    for (const slashed of withoutParameters.includes('\\') ? [withoutParameters, withoutParameters.replaceAll('\\', '/')] : [withoutParameters]) {
      yield resolveDotSegments(slashed)
      if (slashed.includes('//')) yield resolveDotSegments(slashed.replace(/\/{2,}/g, '/'))
    }
  }
}

function resolveDotSegments (path: string): string {
  if (!path.includes('/.')) return path
  const kept: string[] = []
  const segments = path.split('/').slice(1)
  for (const [index, segment] of segments.entries()) {
    if (segment === '..') kept.pop()
    if (segment !== '..' && segment !== '.') kept.push(segment)
    else if (index === segments.length - 1) kept.push('')
  }
  return `/${kept.join('/')}`
}
