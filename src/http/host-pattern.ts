import { exactness, matchesWildcard, wildcardsOverlap } from './wildcard.ts'

/** A pattern for host and port, as `SRCSRV`, `SRCVHOST` and `FOR` write it: `*:4300`, `www.example.com`, `*.example.com:44*`. */
export interface HostPattern {
  /** Lower case; `*` and `?` are wildcards. */
  readonly name: string
  /** Pattern for the decimal port; `*` where none was written. */
  readonly port: string
}

const form = /^(\[[0-9a-f:.*?]+\]|[a-z0-9._*?-]+)(?::([0-9*?]{1,5}))?$/i

/** @returns `null` when the text is no pattern for host and port */
export function parseHostPattern (text: string): HostPattern | null {
  const [, name, port = '*'] = form.exec(text.trim()) ?? []
  if (name === undefined) return null
  const lower = name.toLowerCase()
  return { name: lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower, port }
}

/** Compares a host (lower case, no final dot) and a port with a pattern. */
export function matchesHostPattern ({ name, port }: HostPattern, host: string, hostPort: number): boolean {
  return (port === '*' || matchesWildcard(port, String(hostPort))) && (name === '*' || matchesWildcard(name, host))
}

/** Tells whether a host and port exist that fit both patterns. */
export function hostPatternsOverlap (a: HostPattern, b: HostPattern): boolean {
  return wildcardsOverlap(a.name, b.name) && wildcardsOverlap(a.port, b.port)
}

/** How exact a pattern is: the name counts before the port. */
export function hostPatternExactness ({ name, port }: HostPattern): number {
  return exactness(name) * 100_000 + exactness(port)
}
