/**
 * Findings for people and for machines.
 */
import type { Finding, Severity } from './finding.ts'

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 }

/** A file name longer than this is not waited for by the others. */
const MAX_PLACE_WIDTH = 48

/**
 * Findings in the order of a report: errors first, then by file (in the order in which the files occur) and line.
 */
function sortFindings (findings: readonly Finding[]): Finding[] {
  const files = new Map<string | null, number>()
  for (const { file } of findings) if (!files.has(file)) files.set(file, files.size)
  return findings.toSorted((a, b) =>
    RANK[a.severity] - RANK[b.severity] || files.get(a.file)! - files.get(b.file)! || (a.line ?? 0) - (b.line ?? 0))
}

/**
 * Writes findings as plain text, one line each: `error    sapwebdisp.pfl:12  icm/server_port_0 PORT: ...; expected ... [code]`. Characters that could
 * steer a terminal appear as `\u001b`.
 *
 * @returns the empty string without findings; otherwise with a line feed at the end
 */
export function findingsToText (findings: readonly Finding[]): string {
  const rows = sortFindings(findings).map(found => ({ severity: found.severity, place: placeOf(found), text: sentenceOf(found) }))
  const width = rows.reduce((widest, { place }) => place.length > MAX_PLACE_WIDTH ? widest : Math.max(widest, place.length), 0)
  return rows.map(({ severity, place, text }) => `${severity.padEnd(7)}  ${place.padEnd(width)}  ${text}\n`).join('')
}

/** Findings in the order of a report, and how many there are of each kind; plain JSON. */
export function findingsToJson (findings: readonly Finding[]): { errors: number, warnings: number, findings: Finding[] } {
  const count = (severity: Severity): number => findings.filter(found => found.severity === severity).length
  return { errors: count('error'), warnings: count('warning'), findings: sortFindings(findings) }
}

function placeOf ({ file, line }: Finding): string {
  if (file === null) return 'command line'
  return visible(line === null ? file : `${file}:${line}`)
}

function sentenceOf ({ code, parameter, message, expected }: Finding): string {
  const about = parameter === null ? '' : `${parameter}: `
  return visible(`${about}${message}${expected === null ? '' : `; expected ${expected}`} [${code}]`)
}

/** Replaces control, format and line-separating characters by their numbers. */
function visible (text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, character => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`)
}
