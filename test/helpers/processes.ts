import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'

/** A program that a test runs, with the lines it has printed so far. */
export interface RunningProgram {
  readonly child: ChildProcessWithoutNullStreams
  readonly lines: readonly string[]
  /** The first line, already printed or still to come, that the predicate accepts; rejects when the program ends before. */
  line (accept: (line: string) => boolean): Promise<string>
  /** Sends a signal and waits for the end. */
  stop (signal?: NodeJS.Signals): Promise<{ code: number | null, signal: NodeJS.Signals | null }>
}

/** Where a program runs. */
export interface Surroundings {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Words that go before the command line, and end in replacing themselves by the program: `ip netns exec ...` of a network's member. */
  readonly within?: readonly string[]
}

function spawnWithin (command: string, args: readonly string[], { within = [], ...options }: Surroundings): ChildProcessWithoutNullStreams {
  const [first = command, ...rest] = [...within, command, ...args]
  return spawn(first, rest, { ...options, stdio: 'pipe' })
}

/** Runs a program until the test ends. */
export function runProgram (t: Pick<Test, 'teardown'>, command: string, args: readonly string[], options: Surroundings = {}): RunningProgram {
  const child = spawnWithin(command, args, options)
  const lines: string[] = []
  const waiting = new Set<(line: string | null) => void>()
  const ended = once(child, 'exit')
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', line => {
      lines.push(line)
      for (const listener of [...waiting]) listener(line)
    })
  }
  child.on('close', () => { for (const listener of [...waiting]) listener(null) })
  child.on('error', error => { lines.push(String(error)) })
  const program: RunningProgram = {
    child,
    lines,
    line: async accept => {
      const before = lines.find(accept)
      if (before !== undefined) return before
      return await new Promise((resolve, reject) => {
        waiting.add(function listener (line) {
          if (line !== null && !accept(line)) return
          waiting.delete(listener)
          if (line === null) reject(new Error(`${command} ended before the line came:\n${lines.join('\n')}`))
          else resolve(line)
        })
      })
    },
    stop: async (signal = 'SIGTERM') => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await ended
      return { code: child.exitCode, signal: child.signalCode }
    }
  }
  // in order, so that a program with workers takes them along
  t.teardown(async () => { await program.stop('SIGTERM') })
  return program
}

/** Runs a program to its end and gives back what it printed. */
export async function runToEnd (command: string, args: readonly string[], { input = '', ...options }: Surroundings & { input?: string } = {}): Promise<{ code: number | null, stdout: string, stderr: string }> {
  const child = spawnWithin(command, args, options)
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  child.stdin.on('error', () => { /* the program may end without reading its input */ })
  child.stdin.end(input)
  await once(child, 'close')
  return { code: child.exitCode, stdout: Buffer.concat(stdout).toString('latin1'), stderr: Buffer.concat(stderr).toString('latin1') }
}
