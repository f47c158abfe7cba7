/**
 * Patterns with `*` (any characters, or none) and `?` (one character), as profiles write them.
 */

/**
 * Tells whether the whole of `text` fits `pattern`. Goes back to the last `*` only, so that no pattern needs more than
 * length of pattern times length of text steps.
 */
export function matchesWildcard (pattern: string, text: string): boolean {
  let p = 0
  let i = 0
  let star = -1
  let resume = 0
  while (i < text.length) {
    // the star is looked at first: a literal `*` in the text must not use it up
    if (pattern[p] === '*') {
      star = p++
      resume = i
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[i])) {
      p++
      i++
    } else if (star >= 0) {
      p = star + 1
      i = ++resume
    } else {
      return false
    }
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

/** Tells whether there is a text that fits both patterns. */
export function wildcardsOverlap (a: string, b: string): boolean {
  // reachable[j]: the part of `a` read so far and the first j characters of `b` have a text in common
  let reachable = prefixesOfStars(b)
  for (const x of a) {
    const next: boolean[] = [x === '*' && reachable[0] === true]
    for (let j = 1; j <= b.length; j++) {
      const y = b[j - 1]
      next[j] = (x === '*' && (reachable[j] === true || next[j - 1] === true)) ||
        (y === '*' && (reachable[j] === true || next[j - 1] === true)) ||
        (reachable[j - 1] === true && (x === y || x === '?' || y === '?'))
    }
    reachable = next
  }
  return reachable[b.length] === true
}

function prefixesOfStars (pattern: string): boolean[] {
  const reachable = [true]
  for (let j = 0; j < pattern.length; j++) reachable.push(reachable[j] === true && pattern[j] === '*')
  return reachable
}

/** How exact a pattern is: the number of characters it prescribes; a pattern without wildcards beats every one with them. */
export function exactness (pattern: string): number {
  const literals = pattern.replaceAll(/[*?]/g, '').length
  return literals === pattern.length ? literals + 10_000 : literals
}
