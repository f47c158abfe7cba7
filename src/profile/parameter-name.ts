/** Names of parameters: the vector index at their end, and helper variables. */

/** A name that ends in an index: `icm/server_port_0`. */
export interface IndexedName {
  /** The name before the index, without the underscore: `icm/server_port`. */
  readonly base: string
  /** The index as it is written: `0`, `00`. */
  readonly digits: string
  /** The index as a number. */
  readonly index: number
  /** Is it written as SAP demands: a number without leading zero, not larger than a table can be? */
  readonly wellFormed: boolean
}

/** Highest index of a vector parameter. No table of an ICM has that many entries; a longer number is a slip of the keyboard. */
export const MAX_INDEX = 99_999

/**
 * Splits the name of a vector parameter into its base and its index.
 *
 * @returns `null` for a name that does not end in an underscore and digits
 * @see https://help.sap.com/saphelp_ewm94/helpdata/en/48/3edf38c10272d2e10000000a42189c/content.htm (index without leading zero)
 */
export function parseIndexedName (name: string): IndexedName | null {
  let start = name.length
  while (start > 0 && name.charAt(start - 1) >= '0' && name.charAt(start - 1) <= '9') start--
  if (start === name.length || start < 2 || name.charAt(start - 1) !== '_') return null
  const digits = name.slice(start)
  const index = Number(digits)
  const wellFormed = String(index) === digits && index <= MAX_INDEX
  return { base: name.slice(0, start - 1), digits, index, wellFormed }
}

/**
 * Is the name that of a helper variable (`_PF`, `_MS`), which only serves `$(NAME)`?
 */
export function isHelperVariable (name: string): boolean {
  return name.startsWith('_')
}
