/**
 * Text of a profile to logical lines: bytes decoded, comments and empty lines dropped, continuation lines joined.
 */
import { isUtf8 } from 'node:buffer'
import { isBlank, trimBlanks } from './characters.ts'
import { finding } from './finding-codes.ts'
import type { Finding } from './finding.ts'
import { limits } from './limits.ts'

/** One profile, as it was read. */
export interface ProfileSource {
  /** File as the user named it. */
  readonly file: string
  /** Content. Bytes are read as UTF-8, line by line as Windows-1252 where they are not UTF-8. */
  readonly text: string | Uint8Array
}

/** A line that says something. */
export interface ProfileLine {
  readonly file: string
  /** 1-based number of its first line in the file. */
  readonly line: number
  /** Without the blanks at both ends; continuation lines joined. */
  readonly text: string
}

/** Lines and what was wrong with the others. */
export interface Lines {
  readonly lines: readonly ProfileLine[]
  readonly findings: readonly Finding[]
}

/** The WHATWG decoder of this name knows all 256 bytes, so no byte is lost. */
const windows1252 = new TextDecoder('windows-1252')
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const LINE_FEED = 0x0a

/**
 * Reads the logical lines of a profile. Never throws.
 *
 * A line whose first character other than a blank is `#` is a comment. A backslash at the end joins the next line when a blank, a comma
 * or a semicolon stands before it; otherwise it ends a Windows path and belongs to the value. Both are warned about, because no
 * vendor text describes continuation lines.
 */
export function readLines (source: ProfileSource): Lines {
  const findings: Finding[] = []
  const place = { file: source.file, line: null, parameter: null }
  if (source.text.length > limits.profileSize) {
    findings.push(finding('POSTERN_ERR_PROFILE_LIMIT', place, {
      message: `the profile has ${source.text.length} characters`, expected: `at most ${limits.profileSize}`
    }))
    return { lines: [], findings }
  }
  const physical = physicalLines(source, findings)
  if (physical.length > limits.lines) {
    findings.push(finding('POSTERN_ERR_PROFILE_LIMIT', place, {
      message: `the profile has ${physical.length} lines`, expected: `at most ${limits.lines}`
    }))
    return { lines: [], findings }
  }
  return { lines: logicalLines(source.file, physical, findings), findings }
}

function physicalLines (source: ProfileSource, findings: Finding[]): string[] {
  const { text } = source
  const lines = typeof text === 'string' ? text.replace(/^\ufeff/, '').split('\n') : decode(source.file, text, findings)
  return lines.map(line => line.endsWith('\r') ? line.slice(0, -1) : line)
}

function decode (file: string, bytes: Uint8Array, findings: Finding[]): string[] {
  const mark = (bytes[0] ?? 0) << 8 | (bytes[1] ?? 0)
  if (mark === 0xfffe || mark === 0xfeff) {
    findings.push(finding('POSTERN_ERR_PROFILE_ENCODING', { file, line: 1, parameter: null }, {
      message: 'the profile is written in UTF-16', expected: 'a file saved as UTF-8'
    }))
    return []
  }
  const text = isByteOrderMark(bytes) ? bytes.subarray(3) : bytes
  if (isUtf8(text)) return utf8.decode(text).split('\n')
  return splitBytes(text).map((line, index) => {
    if (isUtf8(line)) return utf8.decode(line)
    findings.push(finding('POSTERN_WARN_PROFILE_ENCODING', { file, line: index + 1, parameter: null }, {
      message: 'the line is not UTF-8 and is read as Windows-1252', expected: 'a file saved as UTF-8'
    }))
    return windows1252.decode(line)
  })
}

function isByteOrderMark ([first, second, third]: Uint8Array): boolean {
  return first === 0xef && second === 0xbb && third === 0xbf
}

function splitBytes (bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  let start = 0
  for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
    lines.push(bytes.subarray(start, end))
    start = end + 1
  }
  lines.push(bytes.subarray(start))
  return lines
}

function logicalLines (file: string, physical: readonly string[], findings: Finding[]): ProfileLine[] {
  const lines: ProfileLine[] = []
  for (let index = 0; index < physical.length;) {
    const first = trimBlanks(physical[index]!)
    const { text, next } = first.startsWith('#') ? { text: '', next: index + 1 } : joinContinued(physical, index)
    const place = { file, line: index + 1, parameter: null }
    if (next > index + 1) {
      findings.push(finding('POSTERN_WARN_PROFILE_CONTINUATION', place, {
        message: `the backslash at the end joins the line with ${next === index + 2 ? `line ${next}` : `lines ${index + 2} to ${next}`}`,
        expected: 'the whole value on one line; other programs may not join lines'
      }))
    }
    if (text.length > limits.lineLength) {
      findings.push(finding('POSTERN_ERR_PROFILE_LIMIT', place, {
        message: `the line has ${text.length} characters`, expected: `at most ${limits.lineLength}`
      }))
    } else if (text !== '') {
      warnOfTrailingBackslash(text, place, findings)
      lines.push({ file, line: index + 1, text })
    }
    index = next
  }
  return lines
}

function warnOfTrailingBackslash (text: string, place: { file: string, line: number, parameter: null }, findings: Finding[]): void {
  if (!text.endsWith('\\')) return
  findings.push(finding('POSTERN_WARN_PROFILE_TRAILING_BACKSLASH', place, {
    message: 'the backslash at the end belongs to the value; the next line is not joined',
    expected: 'no backslash at the end, or a blank before it to join the next line'
  }))
}

function joinContinued (physical: readonly string[], index: number): { text: string, next: number } {
  const parts: string[] = []
  let next = index
  let isContinued: boolean
  do {
    const part = trimBlanks(physical[next]!)
    next++
    isContinued = endsInContinuation(part) && next < physical.length
    parts.push(isContinued ? part.slice(0, -1) : part)
  } while (isContinued)
  return { text: trimBlanks(parts.join('')), next }
}

function endsInContinuation (part: string): boolean {
  if (!part.endsWith('\\')) return false
  const before = part.at(-2)
  return isBlank(before) || before === ',' || before === ';'
}
