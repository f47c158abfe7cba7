/** TCP connections of a process and who opened them, from /proc. */
import { readdir, readFile, readlink } from 'node:fs/promises'

/** Connections of a process. */
export interface TcpConnections {
  /** Remote ports of those that the process opened. */
  readonly opened: readonly number[]
  /** Local ports of those that came in. */
  readonly accepted: readonly number[]
}

interface Row {
  readonly inode: string
  readonly state: string
  readonly localPort: number
  readonly remotePort: number
}

const listen = '0A'

/**
 * A connection whose local port is one that the process listens on came in; any other was opened by the process.
 *
 * @returns `null` where the system does not tell
 * @see proc_net(5), proc_pid_fd(5)
 */
export async function tcpConnectionsOf (pid: number): Promise<TcpConnections | null> {
  try {
    const inodes = await socketsOf(pid)
    const rows = (await Promise.all(['tcp', 'tcp6'].map(async name => await rowsIn(`/proc/${pid}/net/${name}`)))).flat().filter(({ inode }) => inodes.has(inode))
    const ports = new Set(rows.filter(({ state }) => state === listen).map(({ localPort }) => localPort))
    const connections = rows.filter(({ state }) => state !== listen)
    return {
      opened: connections.filter(({ localPort }) => !ports.has(localPort)).map(({ remotePort }) => remotePort),
      accepted: connections.filter(({ localPort }) => ports.has(localPort)).map(({ localPort }) => localPort)
    }
  } catch {
    return null
  }
}

async function socketsOf (pid: number): Promise<Set<string>> {
  const directory = `/proc/${pid}/fd`
  // a descriptor may be closed in between
  const links = await Promise.all((await readdir(directory)).map(async name => await readlink(`${directory}/${name}`).catch(() => '')))
  return new Set(links.flatMap(link => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []))
}

async function rowsIn (file: string): Promise<Row[]> {
  const [, ...lines] = (await readFile(file, 'utf8').catch(() => '')).trim().split('\n')
  return lines.map(line => {
    const [, local = '', remote = '', state = '', , , , , , inode = ''] = line.trim().split(/\s+/)
    return { inode, state, localPort: portIn(local), remotePort: portIn(remote) }
  })
}

function portIn (address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16)
}
