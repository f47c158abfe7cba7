/** Reads lists from files and directories. The only file of this room that does. */
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errors } from '../errors.ts'
import { readAtMost } from '../pse/read-at-most.ts'
import { readRevocationLists } from './read-lists.ts'
import type { RevocationList } from './revocation-list.ts'

/** Largest file that is read: a list of about 400 000 certificates. */
const maxListFileBytes = 16 * 1024 * 1024

/** Largest sum of all files. Lists are kept in memory as they are. */
const maxListBytes = 128 * 1024 * 1024

/** What the commonest faults of files mean. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; expected one that this process may read',
  EACCES: 'the user of this process may not; expected read permission for it'
}

/**
 * Loads the lists of files and of the files in directories. A list that is there twice counts once. Names with a leading dot are
 * left out; links are followed, and each file is read from one open handle.
 *
 * @param paths files or directories
 * @throws POSTERN_ERR_CRL_UNREADABLE, CRL_TOO_LARGE, CRL_INVALID, also for a directory without files: who names one wants lists to be in force
 */
export async function loadRevocationLists (paths: readonly string[]): Promise<RevocationList[]> {
  const byBytes = new Map<string, RevocationList>()
  let total = 0
  for (const path of paths) {
    // one after the other: what is held at one time is one file, not all of them
    for (const file of await filesOf(path)) {
      const bytes = await readFile(file)
      total += bytes.length
      if (total > maxListBytes) throw new errors.CRL_TOO_LARGE(`the lists up to ${file}`, total, maxListBytes)
      for (const list of readRevocationLists(bytes, file)) byBytes.set(list.fingerprint256, list)
    }
  }
  return [...byBytes.values()]
}

async function filesOf (path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path]
    const paths = (await readdir(path)).filter(name => !name.startsWith('.')).sort().map(name => join(path, name))
    const kinds = await Promise.all(paths.map(async path => (await stat(path)).isFile()))
    const files = paths.filter((_, index) => kinds[index])
    if (files.length === 0) throw new errors.CRL_INVALID(path, 'the directory has no files')
    return files
  } catch (error) {
    throw unreadable(path, error)
  }
}

async function readFile (path: string): Promise<Buffer> {
  try {
    await using handle = await open(path)
    const { size } = await handle.stat()
    if (size > maxListFileBytes) throw new errors.CRL_TOO_LARGE(path, size, maxListFileBytes)
    const bytes = await readAtMost(handle, maxListFileBytes)
    if (bytes.length > maxListFileBytes) throw new errors.CRL_TOO_LARGE(path, bytes.length, maxListFileBytes)
    return bytes
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable (path: string, error: unknown): Error {
  const code = String((error as NodeJS.ErrnoException).code)
  return code.startsWith('POSTERN_') ? error as Error : new errors.CRL_UNREADABLE(path, reasons[code] ?? code)
}
