/** What a check found. Errors stop the start, warnings do not. */
export type Severity = 'error' | 'warning' | 'info'

/** One finding of a check of the configuration: what was wrong, where, and what was expected. */
export interface Finding {
  readonly severity: Severity
  /** Stable code, for instance `POSTERN_ERR_PROFILE_VALUE` or `POSTERN_WARN_PROFILE_UNKNOWN_PARAMETER`. */
  readonly code: string
  /** File as the user named it; `null` for the command line and for findings about no line. */
  readonly file: string | null
  /** 1-based line, or `null`. */
  readonly line: number | null
  /** Name of the parameter, with the sub-parameter behind a blank where there is one: `icm/server_port_0 PORT`. */
  readonly parameter: string | null
  /** What was wrong, in one sentence, with the value seen. Never a secret. */
  readonly message: string
  /** What was expected, or `null` where the message says it. */
  readonly expected: string | null
}
