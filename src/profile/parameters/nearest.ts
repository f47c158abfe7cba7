/** The known name that somebody may have meant. */
import { closest, distance } from 'fastest-levenshtein'
import { parseIndexedName } from '../parameter-name.ts'
import { knownParameters } from './known.ts'

const names = knownParameters.map(({ name }) => name).filter(name => !name.endsWith('*'))

/**
 * Finds the known parameter whose name is nearest.
 *
 * @param name a name that is not known
 * @returns the name, with the index of `name` where it has one, and whether only the letter case differs; `null` when none is near
 */
export function nearestParameter (name: string): { name: string, caseOnly: boolean } | null {
  const index = parseIndexedName(name)
  const sought = index === null ? name : `${index.base}_<xx>`
  const found = nearestWord(sought, names)
  if (found === null) return null
  return { name: found.endsWith('_<xx>') ? `${found.slice(0, -'<xx>'.length)}${index?.index ?? '<xx>'}` : found, caseOnly: found.toLowerCase() === sought.toLowerCase() }
}

/**
 * Finds the word that differs in a quarter of its letters at most.
 *
 * @param words not empty
 */
export function nearestWord (text: string, words: readonly string[]): string | null {
  const caseTwin = words.find(word => word.toLowerCase() === text.toLowerCase())
  if (caseTwin !== undefined) return caseTwin
  // longer than any name: the search would cost more than it is worth
  if (text.length > 100) return null
  const found = closest(text, words as string[])
  return distance(text, found) <= Math.max(2, Math.floor(found.length / 4)) ? found : null
}
