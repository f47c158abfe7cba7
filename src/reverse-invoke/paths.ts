/**
 * PATHS: what of an endpoint may be reached. Fail closed: a target that two programs could read in two ways is none that is permitted,
 * because the program behind this one may read it in the other way.
 */
import { percentDecode } from '../http/percent-encoding.ts'

/** `/x/*` for a path and all below it, `/x` for this very path. Characters that need an escape cannot be named. */
const pathPattern = /^(?:\/[A-Za-z0-9._~!$&'()+,=:@-]+)*(?:\/\*?)?$/

/** Whether the target of a request is permitted. */
export type PathCheck = (target: string) => boolean

/** Whether a text can be one of the paths. */
export function isPathPattern (text: string): boolean {
  return text.startsWith('/') && pathPattern.test(text) && !hasDotSegment(text)
}

/**
 * Makes the check of an endpoint.
 *
 * @param patterns each one with {@link isPathPattern}; none: everything is permitted
 */
export function compilePaths (patterns: readonly string[]): PathCheck {
  if (patterns.length === 0) return () => true
  const exact = new Set(patterns.filter(pattern => !pattern.endsWith('/*')))
  const prefixes = patterns.filter(pattern => pattern.endsWith('/*')).map(pattern => pattern.slice(0, -1))
  const isListed = (path: string): boolean => exact.has(path) || prefixes.some(prefix => path.startsWith(prefix))
  return target => {
    const path = plainPath(target)
    // both forms: a program that decodes before it looks, and one that does not, must come to the same
    return path !== null && isListed(path) && isListed(percentDecode(path))
  }
}

/** The path of a target in origin form, as sent; `null` for every other form and for a path that can be read in more than one way. */
function plainPath (target: string): string | null {
  if (!/^\/[\x21-\x7e]*$/.test(target) || target.includes('#')) return null
  const [path = ''] = target.split('?', 1)
  return isAmbiguous(path) ? null : path
}

function isAmbiguous (path: string): boolean {
  // an authority to some, two slashes to others
  if (path.startsWith('//') || path.includes('\\')) return true
  const decoded = decodedOrNull(path)
  if (decoded === null) return true
  // a slash or backslash that was hidden, a second layer of escapes, what no path has
  if (/%2f|%5c/i.test(path) || decoded.includes('%') || hasControl(decoded)) return true
  // full-width and other look-alikes fold to these characters on some systems
  return hasDotSegment(decoded) || hasDotSegment(decoded.normalize('NFKC'))
}

function hasControl (text: string): boolean {
  return [...text].some(character => character < ' ' || (character >= '\x7f' && character <= '\x9f'))
}

/** `null` for broken escapes and for bytes that are not UTF-8: among them are the overlong forms of dot and slash. */
function decodedOrNull (path: string): string | null {
  try {
    return decodeURIComponent(path)
  } catch {
    return null
  }
}

/** Some servers drop `;` and what follows in a segment before they look for dots, or blanks at its end, and take `\` for `/`. */
function hasDotSegment (path: string): boolean {
  return path.split(/[/\\]/).some(segment => /^\.\.?(?:[;\s]|$)/.test(segment))
}

/** Fields that some servers and frameworks take in place of the target. */
const overriding = new Set(['x-original-url', 'x-rewrite-url'])

/**
 * Whether a request has a field by which it could come to another path than its target says.
 *
 * @param rawHeaders names and values in turn; `_` counts as `-`, since a server may hand on both as the same variable
 */
export function overridesTarget (rawHeaders: readonly string[]): boolean {
  return rawHeaders.some((text, index) => index % 2 === 0 && overriding.has(text.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')))
}
