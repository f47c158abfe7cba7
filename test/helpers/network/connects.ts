/** Every connection that a program asks the kernel for, as strace shows them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Owner } from './namespaces.ts'

/** One `connect()` of a stream socket over IP. */
export interface Connect {
  readonly address: string
  readonly port: number
}

/** Traces programs that are started through it. */
export interface ConnectTrace {
  /** Goes before the command line, behind that of a namespace. The traced program keeps the process id that the caller sees. */
  readonly within: readonly string[]
  /** What has been asked for so far, in order, by the program and all its threads and children. */
  connects (): Connect[]
}

// with -yy strace names the protocol, which tells the question of a resolver for its own address (a UDP connect to the target) from a connection
const STREAM = /connect\(\d+<TCP(?:v6)?:[^>]*>, \{sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?(?:inet_addr\("|inet_pton\(AF_INET6, "|sin6_addr=")([^"]+)"/

/** Makes a trace; its file goes with the owner. */
export function traceConnects (owner: Owner): ConnectTrace {
  const directory = mkdtempSync(join(tmpdir(), 'postern-trace-'))
  owner.teardown(() => { rmSync(directory, { recursive: true, force: true }) })
  const file = join(directory, 'connects')
  return {
    within: ['strace', '-D', '-f', '-yy', '-qq', '--seccomp-bpf', '-e', 'trace=connect', '-e', 'signal=none', '-o', file],
    connects: () => readFileSync(file, 'latin1').split('\n').flatMap(line => {
      const [, port, address = ''] = STREAM.exec(line) ?? []
      return port === undefined ? [] : [{ address, port: Number(port) }]
    })
  }
}
