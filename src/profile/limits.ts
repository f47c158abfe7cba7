/**
 * Bounds of the profile language. A real profile has some hundred lines; the bounds are far above that, and low enough that a file
 * made to hurt costs milliseconds and a clear message instead of memory.
 */
export const limits = {
  /** Bytes or characters of one profile. */
  profileSize: 4 * 1024 * 1024,
  /** Lines of one profile. */
  lines: 50_000,
  /** Characters of one line, continuation lines included. */
  lineLength: 32 * 1024,
  /** Characters of one value after substitution. */
  valueLength: 64 * 1024,
  /** Characters of all values that hold a reference, after substitution. */
  substitutedLength: 4 * 1024 * 1024,
  /** References that lead from one parameter to the next. */
  depth: 64,
  /** Findings with the same code about one value; what goes wrong so often has one cause. */
  findingsPerValue: 5
} as const
