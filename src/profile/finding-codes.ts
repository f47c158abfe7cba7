/**
 * The codes of the findings about a profile, each with the sentence the reference pages print. A code is API: added freely,
 * renamed never. The prefix says the severity.
 */
import type { Finding } from './finding.ts'

/** Every code a check of the profile can report, with its meaning. */
export const findingCodes = {
  // --- files and lines ----------------------------------------------------------------------------------------------
  POSTERN_ERR_PROFILE_FILE: 'A profile cannot be read, is not a regular file, or is larger than a profile may be.',
  POSTERN_ERR_PROFILE_ENCODING: 'A profile is written in UTF-16. Profiles are read as UTF-8.',
  POSTERN_WARN_PROFILE_ENCODING: 'A line is not UTF-8. It is read as Windows-1252, the superset of Latin-1.',
  POSTERN_ERR_PROFILE_LIMIT: 'A profile, a line, a value or the substitution in it is larger or deeper than the limit.',
  POSTERN_ERR_PROFILE_LINE: 'A line or a command line argument is not of the form name = value.',
  POSTERN_ERR_PROFILE_CONTROL_CHARACTER: 'A name or a value holds a control character.',
  POSTERN_WARN_PROFILE_INVISIBLE_CHARACTER: 'A name or a value holds a character that cannot be seen, such as a no-break space.',
  POSTERN_WARN_PROFILE_CONTINUATION: 'A line ends in a backslash that joins it with the next line.',
  POSTERN_WARN_PROFILE_TRAILING_BACKSLASH: 'A line ends in a backslash that belongs to the value.',
  POSTERN_WARN_PROFILE_COMMENT_IN_VALUE: 'A # behind a value looks like a comment. It belongs to the value.',
  POSTERN_WARN_PROFILE_DUPLICATE: 'A parameter is set twice in one file or twice on the command line. The later one wins.',
  POSTERN_WARN_PROFILE_INDEX: 'The index of a parameter is malformed, for instance written with a leading zero.',
  // --- substitution -------------------------------------------------------------------------------------------------
  POSTERN_ERR_PROFILE_CYCLE: 'Parameters refer to each other in a circle.',
  POSTERN_WARN_PROFILE_REFERENCE: 'A value refers with $(NAME) to a parameter that is not set, or $( is not closed.',
  POSTERN_ERR_PROFILE_INSTANCE_NUMBER: 'A value uses $$, and SAPSYSTEM is not set or not a two-digit number.',
  POSTERN_WARN_PROFILE_SETENV: 'A SETENV_<nn> parameter is not of the form NAME=value.',
  // --- sub-parameters -----------------------------------------------------------------------------------------------
  POSTERN_ERR_PROFILE_SUB_PARAMETER: 'A part of a value is not of the form KEY=value, or a key stands twice.',
  POSTERN_ERR_PROFILE_QUOTES: 'A quoted value is not closed, or text follows behind it, or quotes are missing.',
  POSTERN_ERR_PROFILE_TYPOGRAPHIC_QUOTES: 'A value is put in typographic or single quotes. Only the straight double quote counts.',
  POSTERN_WARN_PROFILE_TYPOGRAPHIC_QUOTES: 'A quoted value or a distinguished name holds quotes that became part of it.',
  POSTERN_ERR_PROFILE_COMMA_MISSING: 'Two sub-parameters stand behind each other without a comma.',
  POSTERN_WARN_PROFILE_COMMA_MISSING: 'Two quoted sub-parameters are separated by a blank instead of a comma.',
  POSTERN_WARN_PROFILE_EMPTY_PART: 'A comma has no sub-parameter behind or before it.',
  // --- values -------------------------------------------------------------------------------------------------------
  POSTERN_WARN_PROFILE_NAME_FORM: 'A distinguished name is not written as SAP prints it, so that it may match nothing.'
} as const

/** One of {@link findingCodes}. */
export type FindingCode = keyof typeof findingCodes

/** What a finding is about: a parameter and the line that set it. */
export interface Place {
  /** File as the user named it, `null` for the command line. */
  readonly file: string | null
  /** 1-based line, or `null`. */
  readonly line: number | null
  /** Name of the parameter, with the sub-parameter behind a blank where there is one, or `null`. */
  readonly parameter: string | null
}

/** The words of a finding. */
export interface FindingText {
  /** What was wrong, in one sentence, with the value seen. */
  readonly message: string
  /** What was expected; left out where the message says it. */
  readonly expected?: string
}

/**
 * Makes a finding. The severity follows from the code: `POSTERN_ERR_` is an error, `POSTERN_WARN_` a warning.
 */
export function finding (code: FindingCode, { file, line, parameter }: Place, { message, expected }: FindingText): Finding {
  return { severity: code.startsWith('POSTERN_ERR_') ? 'error' : 'warning', code, file, line, parameter, message, expected: expected ?? null }
}
