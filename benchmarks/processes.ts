/**
 * Processes of a run: started, awaited until their port answers, their CPU time read from /proc, stopped.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

/** utime and stime in /proc/<pid>/stat are in ticks of USER_HZ, 100 on every Linux that Node runs on. */
const TICK_MS = 10
const START_TIMEOUT_MS = 20_000

export interface Running {
  readonly pid: number
  /** User and system time of the process and its workers since their start, in milliseconds. */
  cpuMs (): number
  stop (): Promise<void>
}

/** Everything of a run shares two cores, on a larger machine too; otherwise results from two machines say nothing to each other. */
export function onTwoCores (command: string, args: readonly string[]): [string, string[]] {
  return availableParallelism() > 2 ? ['taskset', ['-c', '0,1', command, ...args]] : [command, [...args]]
}

/** Where a process runs, and how it is known to be ready. */
export interface Place {
  /** A port that is listened on when the process is ready. */
  readonly port: number
  /** Words before the command line that are replaced by the program, `ip netns exec ...`. */
  readonly within?: readonly string[]
  /** Another process, in whose network namespace the port appears; without it the process's own. */
  readonly portOf?: Running
}

/** Starts a process and waits until its port is listened on. */
export async function startProcess (name: string, command: string, args: readonly string[], { port, within = [], portOf }: Place): Promise<Running> {
  const [first = command, ...rest] = [...within, command, ...args]
  const child = spawn(...onTwoCores(first, rest), { stdio: ['ignore', 'pipe', 'pipe'] })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { if (output.length < 200) output.push(chunk.toString()) })
  const started = once(child, 'spawn')
  started.catch(() => {})
  await started
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!listens(portOf?.pid ?? child.pid ?? 0, port)) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`${name} does not answer on port ${port}:\n${output.join('')}`)
    }
    await delay(50)
  }
  return { pid: child.pid ?? 0, cpuMs: () => cpuOfTree(child.pid ?? 0), stop: async () => { await stop(child) } }
}

/** Whether anybody listens on the port in the network namespace of a process. */
function listens (pid: number, port: number): boolean {
  const socket = new RegExp(`^ *\\d+: [0-9A-F]+:${port.toString(16).toUpperCase().padStart(4, '0')} [0-9A-F]+:0000 0A `, 'm')
  return ['tcp', 'tcp6'].some(family => {
    try {
      return socket.test(readFileSync(`/proc/${pid}/net/${family}`, 'latin1'))
    } catch {
      return false // the process has ended
    }
  })
}

async function stop (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => { child.kill('SIGKILL') }, 5000)
  await exited
  clearTimeout(timer)
}

interface Stat { readonly pid: number, readonly parent: number, readonly ticks: number }

function cpuOfTree (root: number): number {
  const all = readdirSync('/proc').filter(name => /^\d+$/.test(name)).map(statOf).filter(stat => stat !== null)
  const members = new Set([root])
  for (let grown = true; grown;) {
    const children = all.filter(({ pid, parent }) => members.has(parent) && !members.has(pid))
    for (const { pid } of children) members.add(pid)
    grown = children.length > 0
  }
  return all.filter(({ pid }) => members.has(pid)).reduce((sum, { ticks }) => sum + ticks, 0) * TICK_MS
}

function statOf (pid: string): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // the name of the program, in brackets, may hold blanks and brackets itself
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { pid: Number(pid), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return null // it ended meanwhile
  }
}
