/** Keeps two commands from writing one file at the same time. */
import { readlink, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errors } from '../errors.ts'

/** Locks of this process: in a container the next command often has the process number of the one that was killed. */
const held = new Set<string>()

/**
 * Does some work, of milliseconds, while no other command does such work on the file. The lock is a link named `.<file>.lock` whose text is the
 * number of the process: unlike a file it is never there without its content. One that a killed command has left is removed.
 *
 * @throws POSTERN_ERR_PSE_TOOL_BUSY; errors of the system; what `work` throws
 */
export async function withLock (target: string, work: () => Promise<void>): Promise<void> {
  const path = join(dirname(target), `.${basename(target)}.lock`)
  if (!await take(path) && (await isHeld(path) || !await takeAbandoned(path))) throw new errors.PSE_TOOL_BUSY(target, path)
  held.add(path)
  try {
    await work()
  } finally {
    await rm(path, { force: true })
    held.delete(path)
  }
}

/** Whether the lock was free. */
async function take (path: string): Promise<boolean> {
  try {
    await symlink(String(process.pid), path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function takeAbandoned (path: string): Promise<boolean> {
  await rm(path, { force: true })
  return await take(path)
}

/** Where it cannot be known, somebody holds it. */
async function isHeld (path: string): Promise<boolean> {
  const pid = Number(await readlink(path).catch(() => ''))
  if (!Number.isSafeInteger(pid) || pid <= 0) return true
  if (pid === process.pid) return held.has(path)
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
