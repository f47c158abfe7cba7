const special = /[^\x20\x21\x23-\x5b\x5d-\x7e]/
const allSpecial = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g

/**
 * Makes text from outside harmless for a line: `"` and `\` get a backslash, control characters and everything beyond ASCII become
 * `\xhh`, and so do the characters that end the value in this format. Nobody can begin a line or a column of his own.
 *
 * @param terminators characters that follow the value in the format
 */
export function escapeForLog (text: string, terminators = ''): string {
  let escaped = special.test(text) ? text.replace(allSpecial, escapeCharacter) : text
  for (const terminator of terminators) {
    if (terminator !== '"' && terminator !== '\\' && escaped.includes(terminator)) escaped = escaped.replaceAll(terminator, hex(terminator.charCodeAt(0)))
  }
  return escaped
}

function escapeCharacter (character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`
  const code = character.charCodeAt(0)
  return code > 0xff ? [...Buffer.from(character)].map(hex).join('') : hex(code)
}

function hex (code: number): string {
  return `\\x${code.toString(16).padStart(2, '0')}`
}
