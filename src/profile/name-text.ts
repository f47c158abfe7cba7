/**
 * Distinguished names as people type them into a profile. The trust parameters compare the whole text, so a name in another
 * spelling than SAP's matches nothing; each such spelling is reported with the name as it should read.
 */
import { describeCharacter, quoteForMessage, trimBlanks, wrongOpeningQuote } from './characters.ts'
import { finding } from './finding-codes.ts'
import type { Place } from './finding-codes.ts'
import type { Finding } from './finding.ts'

/** Other spellings of attribute types, by their upper-case form, and what SAP prints. */
const SPELLINGS = new Map([['ST', 'SP'], ['S', 'SP'], ['E', 'EMAIL'], ['EMAILADDRESS', 'EMAIL'], ['MAIL', 'EMAIL'], ['GN', 'G'], ['USERID', 'UID']])

interface Part {
  /** With the blanks behind the comma before it. */
  readonly text: string
  /** As written; empty for a part without `=`. */
  readonly type: string
}

/**
 * Checks the text of a distinguished name or of a pattern for one: a blank behind each comma, attribute types as SAP prints them
 * (`SP`, `EMAIL`, upper case), the most specific part first, no quotes that became part of the name.
 *
 * @param text without the quotes of the sub-parameter
 * @returns warnings; the name is compared as it stands, or with normalised blanks
 * @see https://userapps.support.sap.com/sap/support/knowledge/en/3017609
 */
export function lintNameText (place: Place, text: string): Finding[] {
  const quotes = lintQuotes(place, text)
  if (quotes !== null) return [quotes]
  const parts = splitName(text)
  const form = 'POSTERN_WARN_PROFILE_NAME_FORM'
  const findings: Finding[] = []
  const isBlankMissing = parts.some((part, index) => index > 0 && !part.text.startsWith(' '))
  if (isBlankMissing) {
    findings.push(finding(form, place, {
      message: 'a blank is missing after a comma of the distinguished name', expected: quoteForMessage(join(parts))
    }))
  }
  for (const type of new Set(parts.map(part => part.type))) {
    const printed = SPELLINGS.get(type.toUpperCase()) ?? type.toUpperCase()
    if (type !== printed) {
      findings.push(finding(form, place, { message: `SAP prints the attribute ${type} of a distinguished name as ${printed}`, expected: `${printed}=...` }))
    }
  }
  if (isReversed(parts)) {
    findings.push(finding(form, place, {
      message: 'the distinguished name begins with its least specific part', expected: quoteForMessage(join(parts.toReversed()))
    }))
  }
  return findings
}

/** Whether a distinguished name begins with its least specific part, as OpenSSL prints it and SAP does not. */
export function isReversedName (text: string): boolean {
  return isReversed(splitName(text))
}

function lintQuotes (place: Place, text: string): Finding | null {
  const sign = text.startsWith('"') ? '"' : wrongOpeningQuote(text)
  return sign === null
    ? null
    : finding('POSTERN_WARN_PROFILE_TYPOGRAPHIC_QUOTES', place, {
      message: `the distinguished name begins with ${describeCharacter(sign)}, which counts as part of it`, expected: 'the name without quotes'
    })
}

/** Splits at the commas that no backslash stands before. */
function splitName (text: string): Part[] {
  const parts: Part[] = []
  let start = 0
  const add = (end: number): void => {
    const part = text.slice(start, end)
    parts.push({ text: part, type: trimBlanks(part.slice(0, Math.max(part.indexOf('='), 0))) })
    start = end + 1
  }
  for (let position = 0; position < text.length; position++) {
    const character = text.charAt(position)
    if (character === '\\') position++
    else if (character === ',') add(position)
  }
  add(text.length)
  return parts
}

function join (parts: readonly Part[]): string {
  return parts.map(part => trimBlanks(part.text)).join(', ')
}

function isReversed (parts: readonly Part[]): boolean {
  const types = parts.map(part => part.type.toUpperCase())
  return types.length > 1 && (types[0] === 'C' || types[0] === 'DC') && types.at(-1) === 'CN'
}
