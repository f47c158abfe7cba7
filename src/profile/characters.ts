/** Characters that mean something to the profile language, or that look as if they did. */

const NAMES = new Map<string, string>([
  ['\u0000', 'NUL'], ['\u000d', 'carriage return'], ['\u001b', 'escape'],
  ['\u00a0', 'no-break space'], ['\u00ad', 'soft hyphen'], ['\u200b', 'zero width space'], ['\ufeff', 'byte order mark'],
  ['\u2018', 'left single quotation mark'], ['\u2019', 'right single quotation mark'],
  ['\u201a', 'single low quotation mark'], ['\u201b', 'single reversed quotation mark'],
  ['\u201c', 'left double quotation mark'], ['\u201d', 'right double quotation mark'],
  ['\u201e', 'double low quotation mark'], ['\u201f', 'double reversed quotation mark'],
  ['\u00ab', 'left guillemet'], ['\u00bb', 'right guillemet'], ['\u2033', 'double prime'], ['\uff02', 'fullwidth quotation mark'],
  ['\u0060', 'grave accent'], ['\u00b4', 'acute accent'], ['\u0027', 'apostrophe']
])

/** Double quotes of typography. None of them is a quote in a profile. */
const TYPOGRAPHIC_QUOTE = /[\u201c-\u201f\u00ab\u00bb\u2033\uff02]/u

/** Signs that people and word processors put around a value instead of `"`. */
const WRONG_QUOTE = /^[\u0027\u0060\u00b4\u2018-\u201f\u00ab\u00bb\u2033\uff02]/u

/** Every control character except the tab. */
const CONTROL = /(?!\t)\p{Cc}/u

/** Formatting characters (byte order mark, zero width and direction signs) and blanks that are not the blank of ASCII. */
const INVISIBLE = /\p{Cf}|\p{Zl}|\p{Zp}|(?! )\p{Zs}/u

/** Is the character a blank of the profile language: blank or tab? */
export function isBlank (character: string | undefined): boolean {
  return character === ' ' || character === '\t'
}

/** Drops characters from both ends. Takes linear time, which a regular expression for trailing blanks does not. */
function trimWhere (text: string, drop: (character: string) => boolean): string {
  let start = 0
  let end = text.length
  while (start < end && drop(text.charAt(start))) start++
  while (end > start && drop(text.charAt(end - 1))) end--
  return text.slice(start, end)
}

/** Drops blanks and tabs from both ends. */
export function trimBlanks (text: string): string {
  return trimWhere(text, isBlank)
}

/** Drops blanks, tabs and characters that cannot be seen from both ends. */
export function trimInvisible (text: string): string {
  return trimWhere(text, character => isBlank(character) || INVISIBLE.test(character))
}

/** Names a character for a message: `“ (U+201C, left double quotation mark)`. Control characters appear by number only. */
export function describeCharacter (character: string): string {
  const number = `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
  const name = NAMES.get(character)
  const inBrackets = name === undefined ? number : `${number}, ${name}`
  return CONTROL.test(character) || INVISIBLE.test(character) ? inBrackets : `${character} (${inBrackets})`
}

/** The first control character other than a tab, or `null`. */
export function findControlCharacter (text: string): string | null {
  return CONTROL.exec(text)?.[0] ?? null
}

/** The first character that cannot be seen, or `null`. */
export function findInvisibleCharacter (text: string): string | null {
  return INVISIBLE.exec(text)?.[0] ?? null
}

/** The first typographic double quote, or `null`. */
export function findTypographicQuote (text: string): string | null {
  return TYPOGRAPHIC_QUOTE.exec(text)?.[0] ?? null
}

/** The sign at the start of the text that stands where a straight double quote was meant, or `null`. */
export function wrongOpeningQuote (text: string): string | null {
  return WRONG_QUOTE.exec(text)?.[0] ?? null
}

/** Puts a value into a message: in straight quotes, on one line, not longer than a line of a terminal. */
export function quoteForMessage (value: string): string {
  const shown = value.length > 80 ? `${value.slice(0, 77)}...` : value
  return `"${shown}"`
}
