/**
 * Patterns for distinguished names, as `icm/trusted_reverse_proxy_<xx>` and `icm/HTTPS/trust_client_with_*` hold them: the whole
 * text is compared, case matters, `*` stands for any number of characters and `?` for one.
 *
 * An escaped character (RFC 4514 section 2.4) is one character together with its backslash. Otherwise a `*` could end behind the backslash
 * of `CN=x\, OU=Gateway`, and the pattern's separator would match a comma that belongs to the common name.
 */

/** Where a name stops to fit a pattern. */
export interface NameDifference {
  /** Counted from 1, in characters of the name with normalised blanks. */
  readonly position: number
  /** The character of the name there, or `end of name`. */
  readonly seen: string
  /** What the pattern wants there: a character, `any character`, or `end of name`. */
  readonly expected: string
}

export interface NamePattern {
  /** The pattern as it was given. */
  readonly text: string
  matches (name: string): boolean
  /** The first place where `name` leaves the pattern, or `null` when it matches. For a pattern with `*`: behind the longest part that fits. */
  firstDifference (name: string): NameDifference | null
}

/**
 * Compiles a pattern. Blanks behind a comma that separates parts are optional and any number of them is one (SAP Note 3335949);
 * a comma with a backslash before it belongs to a value, and all other blanks count.
 *
 * Matching reads each character of the name once, whatever the pattern: it advances all partial matches together, one bit each,
 * so there is nothing to go back to.
 */
export function compileNamePattern (text: string): NamePattern {
  const automaton = compile(normaliseBlanks(text))
  return {
    text,
    matches: name => run(automaton, normaliseBlanks(name)).accepted,
    firstDifference: name => difference(automaton, normaliseBlanks(name))
  }
}

/** Makes the blanks behind each unescaped comma one blank. */
export function normaliseBlanks (text: string): string {
  return text.replace(/(\\.)|, */gs, (match, escaped: string | undefined) => escaped === undefined ? ', ' : match)
}

/** The escapes are those that names are printed with; any other backslash in a pattern is a character by itself. */
function charactersOf (text: string): string[] {
  return text.match(/\\(?:[0-9a-f]{2}|[ #"+,;<>\\])|[^]/gu) ?? []
}

/** Bit i of a state stands for "the first i elements are matched". */
interface Automaton {
  /** The pattern without `*`. */
  readonly elements: readonly string[]
  /** Bits of the elements that are this character or `?`. */
  readonly bitsOf: ReadonlyMap<string, bigint>
  /** Bits of the elements that are `?`: what a character matches that the pattern does not name. */
  readonly anyCharacter: bigint
  /** Bits at which a `*` stands: they stay whatever is read. */
  readonly stars: bigint
}

function compile (pattern: string): Automaton {
  const elements: string[] = []
  let stars = 0n
  for (const character of charactersOf(pattern)) {
    if (character === '*') stars |= 1n << BigInt(elements.length)
    else elements.push(character)
  }
  const bits = (wanted: string) => elements.reduce((sum, element, index) => element === wanted || element === '?' ? sum | 1n << BigInt(index) : sum, 0n)
  const bitsOf = new Map([...new Set(elements)].map(element => [element, bits(element)]))
  return { elements, bitsOf, anyCharacter: bits('?'), stars }
}

function advance ({ bitsOf, anyCharacter, stars }: Automaton, state: bigint, character: string): bigint {
  return ((state & (bitsOf.get(character) ?? anyCharacter)) << 1n) | (state & stars)
}

function run (automaton: Automaton, name: string): { accepted: boolean } {
  let state = 1n
  for (const character of charactersOf(name)) {
    state = advance(automaton, state, character)
    if (state === 0n) return { accepted: false }
  }
  return { accepted: (state >> BigInt(automaton.elements.length)) === 1n }
}

function difference (automaton: Automaton, name: string): NameDifference | null {
  const characters = charactersOf(name)
  let state = 1n
  // the longest partial match, and how much of the name it had read when it was first reached
  let best = { matched: 0, read: 0 }
  for (const [index, character] of characters.entries()) {
    state = advance(automaton, state, character)
    if (state === 0n) break
    const matched = highestBit(state)
    if (matched > best.matched) best = { matched, read: index + 1 }
  }
  if ((state >> BigInt(automaton.elements.length)) === 1n) return null
  return {
    position: [...characters.slice(0, best.read).join('')].length + 1,
    seen: characters[best.read] ?? endOfName,
    expected: expectedAt(automaton, best.matched)
  }
}

const endOfName = 'end of name'

function expectedAt ({ elements }: Automaton, matched: number): string {
  const element = elements[matched] ?? endOfName
  return element === '?' ? 'any character' : element
}

function highestBit (state: bigint): number {
  return state.toString(2).length - 1
}
