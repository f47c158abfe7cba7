/** What the commands have of the world around them, and what they give back. */

/** Environment of a run. Tests hand in another one; the program makes it from the process. */
export interface ToolIo {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Current directory: what names of files are relative to, except those of `-p`. */
  readonly cwd: string
  /** Login name of the owner of the process. */
  readonly user: string
  readonly now: () => Date
  /** Roots of public CAs, in PEM, which complete a chain. Nothing is trusted for being among them. */
  readonly publicRoots: () => readonly string[]
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  /** Asks at the terminal without showing what is typed; rejects with POSTERN_ERR_PSE_TOOL_NO_TERMINAL where there is none. */
  readonly ask: (question: string) => Promise<string>
}

/** What a command works with. */
export interface Tool extends Omit<ToolIo, 'stdout' | 'stderr'> {
  /** Says something that is not the result: for people on standard error, for programs in `notes`. */
  readonly note: (text: string) => void
  /** Says what somebody should act on, though the command goes on. */
  readonly warn: (text: string) => void
}

/** What a command came to. */
export interface Outcome {
  /** For people, on standard output. */
  readonly text: string
  /** For programs, with `--json`; instants are ISO 8601 in UTC. */
  readonly data: Readonly<Record<string, unknown>>
}
