/**
 * Network namespaces by name: made, entered, taken away again. A name starts with the id of the process that made it, so that runs
 * beside each other never meet, and so that what a killed run left behind is found by the next one.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runToEnd } from '../processes.ts'

/** Whoever ends what was begun: a test, or a program with a list of its own. */
export interface Owner {
  teardown (end: () => unknown): unknown
}

/** `ip netns exec` binds the files in here over those of /etc. */
const ETC = '/etc/netns'
const NAME = /^postern-(\d+)-\d+-/
let made = 0

/** Why there can be no network namespaces here; `false` where there can. It is what the `skip` option of a test wants. */
export function noNamespaces (): string | false {
  const name = `postern-${process.pid}-0-probe`
  for (const args of [['netns', 'add', name], ['netns', 'exec', name, 'nft', 'add', 'table', 'inet', 'probe'], ['netns', 'delete', name]]) {
    const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' })
    if (status === 0) continue
    if (args[1] !== 'add') spawnSync('ip', ['netns', 'delete', name])
    return `network namespaces need root, iproute2 and nftables: ${error === undefined ? stderr.trim() : error.message}`
  }
  return false
}

/** Makes one namespace per name and gives back their names in the system. They and all processes in them end with the owner. */
export async function makeNamespaces (owner: Owner, names: readonly string[]): Promise<Map<string, string>> {
  sweep()
  const prefix = `postern-${process.pid}-${++made}-`
  const all = new Map(names.map(name => [name, prefix + name]))
  const end = (): void => { for (const name of all.values()) removeNamespace(name) }
  // a test that throws outside of any test function ends the process without its teardowns
  process.once('exit', end)
  owner.teardown(() => {
    process.removeListener('exit', end)
    end()
  })
  await run('ip', ['-batch', '-'], [...all.values()].map(name => `netns add ${name}`).join('\n'))
  return all
}

/** The file that programs in the namespace see as /etc/hosts. */
export function writeHosts (namespace: string, text: string): void {
  mkdirSync(join(ETC, namespace), { recursive: true })
  writeFileSync(join(ETC, namespace, 'hosts'), text)
}

/** The command line that a program is started with to run inside. The program replaces it: its process id is that of the child. */
export function inside (namespace: string): readonly string[] {
  return ['ip', 'netns', 'exec', namespace]
}

/** Runs a program to its end and gives back its standard output. */
export async function run (command: string, args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(command, args, { input })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(code)}: ${stderr}\n${input}`)
  return stdout
}

/** Ends what still runs inside, then the namespace: a process would keep it alive without a name. */
function removeNamespace (namespace: string): void {
  const { stdout } = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' })
  for (const pid of (stdout ?? '').split('\n').filter(line => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch { /* it ended meanwhile */ }
  }
  spawnSync('ip', ['netns', 'delete', namespace])
  rmSync(join(ETC, namespace), { recursive: true, force: true })
  try {
    rmdirSync(ETC)
  } catch { /* others use it, or nobody made it */ }
}

/** Removes what processes that no longer exist have left. */
function sweep (): void {
  for (const name of namesIn('/run/netns')) {
    const pid = NAME.exec(name)?.[1]
    if (pid !== undefined && !exists(Number(pid))) removeNamespace(name)
  }
}

function namesIn (directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function exists (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
