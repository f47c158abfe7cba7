/**
 * Values that consist of sub-parameters: `KEY=value, KEY="value, with commas"`. Lists by `;` inside a value are left to the caller.
 */
import { describeCharacter, findTypographicQuote, isBlank, quoteForMessage, trimBlanks, wrongOpeningQuote } from './characters.ts'
import { finding } from './finding-codes.ts'
import type { FindingCode, FindingText } from './finding-codes.ts'
import type { Finding } from './finding.ts'
import { limits } from './limits.ts'
import type { Parameter } from './read.ts'

/** One `KEY=value`. */
export interface SubParameter {
  /** As written. */
  readonly key: string
  /** Without the quotes around it; `\"` in it has become `"`. */
  readonly value: string
  readonly quoted: boolean
}

/** What the caller knows of a value. */
export interface SubParameterOptions {
  /** The keys that the parameter knows. Others are returned too; the caller judges them. */
  readonly keys: readonly string[]
  /** Keys whose value reaches to the end of the text, or up to a comma with a known key behind it (LOGFORMAT). */
  readonly toEnd?: readonly string[]
}

/** The sub-parameters of a value, in their order, and what was wrong. */
export interface SubParameters {
  readonly pairs: SubParameter[]
  readonly findings: Finding[]
}

/** `KEY=` at the current position, with blanks around both. */
const KEY = /[ \t]*([A-Za-z_][A-Za-z0-9_-]*)[ \t]*=[ \t]*/y

/** Types of the attributes that distinguished names are made of. */
const NAME_ATTRIBUTES = new Set(['CN', 'OU', 'O', 'L', 'ST', 'SP', 'C', 'DC', 'S', 'T', 'SN', 'GN', 'UID', 'STREET', 'E', 'EMAIL', 'EMAILADDRESS', 'SERIALNUMBER'])

/**
 * Reads the sub-parameters of a value. Never throws; takes time linear in the length of the value, and reports a kind of fault a few
 * times only.
 *
 * - A value ends at the next comma, or, when it begins with `"`, at the next `"` that no backslash stands before.
 * - Typographic quotes around a value are an error that names the sign; the value between them is returned, so that the rest can be
 *   checked too.
 * - A key that stands twice is an error: which one counts is not known of the original, and a wrong guess could open something.
 */
export function parseSubParameters (parameter: Parameter, { keys, toEnd = [] }: SubParameterOptions): SubParameters {
  return new Scanner(parameter, keys, toEnd).scan()
}

/** Writes a value so that {@link parseSubParameters} reads the same text from it. A backslash at its end can't be written. */
export function quoteSubParameter (value: string): string {
  return `"${value.replaceAll('"', '\\"')}"`
}

class Scanner {
  readonly #parameter: Parameter
  readonly #text: string
  readonly #keys: ReadonlySet<string>
  readonly #toEnd: ReadonlySet<string>
  readonly #pairs: SubParameter[] = []
  readonly #findings: Finding[] = []
  readonly #counts = new Map<FindingCode, number>()
  #position = 0
  /** Where the last value began when it is a distinguished name without quotes, else -1. */
  #nameStart = -1

  constructor (parameter: Parameter, keys: readonly string[], toEnd: readonly string[]) {
    this.#parameter = parameter
    this.#text = parameter.value
    this.#keys = new Set(keys)
    this.#toEnd = new Set(toEnd)
  }

  scan (): SubParameters {
    while (this.#position < this.#text.length) this.#part()
    this.#reportTwins()
    return { pairs: this.#pairs, findings: this.#findings }
  }

  /** Reads one `KEY=value` and the comma behind it. */
  #part (): void {
    KEY.lastIndex = this.#position
    const key = KEY.exec(this.#text)?.[1]
    if (key === undefined) return this.#noKey()
    if (this.#continuesName(key)) return this.#continueName()
    this.#nameStart = -1
    this.#position = KEY.lastIndex
    if (this.#toEnd.has(key)) this.#toEndValue(key)
    else if (this.#text.charAt(this.#position) === '"') this.#quotedValue(key, '"')
    else if (wrongOpeningQuote(this.#text.slice(this.#position, this.#position + 1)) !== null) this.#wronglyQuotedValue(key)
    else this.#plainValue(key)
  }

  /** A part that is empty or has no key. */
  #noKey (): void {
    const part = trimBlanks(this.#upToComma())
    if (part === '') {
      this.#report('POSTERN_WARN_PROFILE_EMPTY_PART', null, { message: 'a comma has no KEY=value beside it' })
    } else {
      this.#report('POSTERN_ERR_PROFILE_SUB_PARAMETER', null, { message: `${quoteForMessage(part)} has no key`, expected: `KEY=value, with one of ${[...this.#keys].join(', ')}` })
    }
  }

  /** The text up to the next comma; the position is behind the comma afterwards. */
  #upToComma (): string {
    const comma = this.#text.indexOf(',', this.#position)
    const end = comma === -1 ? this.#text.length : comma
    const part = this.#text.slice(this.#position, end)
    this.#position = end
    this.#comma()
    return part
  }

  /** Passes over a comma; at the end of the text it is reported, since something may be missing behind it. */
  #comma (): void {
    if (this.#text.charAt(this.#position) !== ',') return
    this.#position++
    if (this.#position === this.#text.length) {
      this.#report('POSTERN_WARN_PROFILE_EMPTY_PART', null, { message: 'the value ends with a comma' })
    }
  }

  #plainValue (key: string): void {
    const start = this.#position
    const value = trimBlanks(this.#upToComma())
    if (startsLikeName(value)) this.#nameStart = start
    this.#findMissingComma(key, value)
    this.#findTypographicQuotes(key, value, 'POSTERN_ERR_PROFILE_TYPOGRAPHIC_QUOTES')
    this.#pairs.push({ key, value, quoted: false })
  }

  /** Is the key the next attribute of a distinguished name that stands without quotes? */
  #continuesName (key: string): boolean {
    return this.#nameStart !== -1 && !this.#keys.has(key) && NAME_ATTRIBUTES.has(key.toUpperCase())
  }

  /** A distinguished name without quotes falls apart at its commas: put it together again, and say so once. */
  #continueName (): void {
    const { key } = this.#pairs.at(-1)!
    while (this.#position < this.#text.length) {
      KEY.lastIndex = this.#position
      if (!this.#continuesName(KEY.exec(this.#text)?.[1] ?? '')) break
      this.#upToComma()
    }
    const value = trimBlanks(this.#text.slice(this.#nameStart, this.#position).replace(/,$/, ''))
    this.#nameStart = -1
    this.#pairs[this.#pairs.length - 1] = { key, value, quoted: false }
    this.#report('POSTERN_ERR_PROFILE_QUOTES', key, {
      message: 'the distinguished name is not in quotes', expected: `${key}=${quoteSubParameter(value)}`
    })
  }

  /** `HOST=a PORT=80`: a known key inside a value. */
  #findMissingComma (key: string, value: string): void {
    for (const match of value.matchAll(/[ \t]([A-Za-z_][A-Za-z0-9_-]*)=/g)) {
      const inner = match[1]!
      if (!this.#keys.has(inner)) continue
      this.#report('POSTERN_ERR_PROFILE_COMMA_MISSING', key, {
        message: `${inner}= stands in the value ${quoteForMessage(value)}`, expected: `a comma before ${inner}=, or quotes around the value`
      })
      return
    }
  }

  #findTypographicQuotes (key: string, value: string, code: FindingCode): void {
    const sign = findTypographicQuote(value)
    if (sign === null) return
    this.#report(code, key, {
      message: `the value holds ${describeCharacter(sign)}, which does not quote anything`, expected: 'the straight double quote " (U+0022)'
    })
  }

  #wronglyQuotedValue (key: string): void {
    const sign = this.#text.charAt(this.#position)
    this.#report('POSTERN_ERR_PROFILE_TYPOGRAPHIC_QUOTES', key, {
      message: `the value begins with ${describeCharacter(sign)}, which is no quote of a profile`, expected: `the straight double quote " (U+0022): ${key}="..."`
    })
    this.#quotedValue(key, sign)
  }

  /** Reads from an opening quote to the closing one and what separates the next part. */
  #quotedValue (key: string, opening: string): void {
    const closing = this.#closingQuote(opening)
    if (closing === -1) {
      if (opening === '"') this.#report('POSTERN_ERR_PROFILE_QUOTES', key, { message: 'the quote is not closed', expected: `${key}="..."` })
      const rest = this.#text.slice(this.#position + 1)
      this.#position = this.#text.length
      this.#pairs.push({ key, value: unescapeQuotes(trimBlanks(rest)), quoted: true })
      return
    }
    const value = unescapeQuotes(this.#text.slice(this.#position + 1, closing))
    this.#pairs.push({ key, value, quoted: true })
    if (opening === '"') this.#findTypographicQuotes(key, value, 'POSTERN_WARN_PROFILE_TYPOGRAPHIC_QUOTES')
    this.#position = closing + 1
    this.#behindQuote(key)
  }

  /** Position of the sign that ends what `opening` began, or -1. Signs of typography close each other in every pairing. */
  #closingQuote (opening: string): number {
    for (let position = this.#position + 1; position < this.#text.length; position++) {
      const character = this.#text.charAt(position)
      if (character === '\\' && this.#text.charAt(position + 1) === '"') position++
      else if (character === '"' || (opening !== '"' && wrongOpeningQuote(character) !== null && this.#endsPart(position + 1))) return position
    }
    return -1
  }

  /** Is there nothing but blanks up to the next comma or the end? */
  #endsPart (position: number): boolean {
    while (isBlank(this.#text.charAt(position))) position++
    return position === this.#text.length || this.#text.charAt(position) === ','
  }

  #behindQuote (key: string): void {
    while (isBlank(this.#text.charAt(this.#position))) this.#position++
    if (this.#position === this.#text.length || this.#text.charAt(this.#position) === ',') return this.#comma()
    KEY.lastIndex = this.#position
    if (KEY.test(this.#text)) {
      this.#report('POSTERN_WARN_PROFILE_COMMA_MISSING', key, { message: 'no comma stands behind the quoted value', expected: `${key}="...", KEY=...` })
      return
    }
    const text = trimBlanks(this.#upToComma())
    this.#report('POSTERN_ERR_PROFILE_QUOTES', key, { message: `${quoteForMessage(text)} follows behind the closing quote`, expected: 'a comma or the end of the value' })
  }

  /** A value that takes everything up to the end or up to `, KEY=` with a known key. */
  #toEndValue (key: string): void {
    const start = this.#position
    const end = this.#nextKnownKey(start)
    const value = trimBlanks(this.#text.slice(start, end))
    const quoted = value.length > 1 && value.startsWith('"') && this.#closingQuote('"') === start + value.length - 1
    this.#pairs.push({ key, value: unescapeQuotes(quoted ? value.slice(1, -1) : value), quoted })
    this.#findTypographicQuotes(key, value, 'POSTERN_WARN_PROFILE_TYPOGRAPHIC_QUOTES')
    this.#position = end
    this.#comma()
  }

  /** Position of the next comma with a known key behind it, or of the end. */
  #nextKnownKey (start: number): number {
    for (let comma = this.#text.indexOf(',', start); comma !== -1; comma = this.#text.indexOf(',', comma + 1)) {
      KEY.lastIndex = comma + 1
      if (this.#keys.has(KEY.exec(this.#text)?.[1] ?? '')) return comma
    }
    return this.#text.length
  }

  #reportTwins (): void {
    const seen = new Set<string>()
    for (const { key } of this.#pairs) {
      if (seen.has(key)) this.#report('POSTERN_ERR_PROFILE_SUB_PARAMETER', key, { message: `${key} stands twice`, expected: `${key} once` })
      seen.add(key)
    }
  }

  #nameOf (key: string | null): string {
    return key === null ? this.#parameter.name : `${this.#parameter.name} ${key}`
  }

  #report (code: FindingCode, key: string | null, text: FindingText): void {
    const count = this.#counts.get(code) ?? 0
    if (count === limits.findingsPerValue) return
    this.#counts.set(code, count + 1)
    this.#findings.push(finding(code, { ...this.#parameter.origin, parameter: this.#nameOf(key) }, text))
  }
}

/** Is the text the beginning of a distinguished name: an attribute, `=`, a value? */
function startsLikeName (value: string): boolean {
  const equals = value.indexOf('=')
  return equals > 0 && NAME_ATTRIBUTES.has(value.slice(0, equals).trim().toUpperCase())
}

function unescapeQuotes (text: string): string {
  return text.replaceAll('\\"', '"')
}
