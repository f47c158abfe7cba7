/**
 * Escapes of the form `%xx` (RFC 3986 section 2.1) in text of which every character stands for one byte.
 */

const encodedByte = /%([0-9a-f]{2})/gi

/** Decodes `%xx` the given number of times; a broken escape stays as it is. Bytes become characters U+0000 to U+00FF. */
export function percentDecode (text: string, times = 1): string {
  let result = text
  for (let n = 0; n < times && result.includes('%'); n++) {
    result = result.replace(encodedByte, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  }
  return result
}

/** Escapes differ in case without meaning (RFC 3986 section 6.2.2.1). */
export function upperCaseEscapes (text: string): string {
  return text.includes('%') ? text.replace(encodedByte, escape => escape.toUpperCase()) : text
}
