/**
 * The one function of these commands that writes files. At no moment is there a half-written file, nor none: the new one is written beside,
 * synchronised, read back and checked, and only then takes the name. The old one is kept as `<file>.<number>.bak` until what stands under the
 * name has been read back and checked too. Two commands at once do not lose what either wrote: while a file takes its name, `.<file>.lock` keeps
 * others out, and whoever made a new content from an old one names the old one.
 */
import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { constants, link, lstat, open, readFile, realpath, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errors } from '../errors.ts'
import { withLock } from './lock.ts'

/** How a file is written. */
export interface Replacement {
  /** Permissions of the new file, e.g. 0o600. */
  readonly mode: number
  /** Refuse where there is a file already. */
  readonly create?: boolean
  /**
   * The content that the new one was made from, `null` for no file: where something else is there by now, nothing is written. Left out: what is
   * there does not matter.
   */
  readonly before?: Uint8Array | null
  /** Throws when the bytes that were read back are not as they should be. */
  readonly check: (bytes: Buffer) => void
}

/**
 * Writes a file in place of another one, or as a new one.
 *
 * A link is followed: the file it points at is replaced, and the link stays. The new file belongs to the owner of the old one.
 *
 * @throws POSTERN_ERR_PSE_TOOL_EXISTS, PSE_TOOL_CHANGED, PSE_TOOL_BUSY, PSE_TOOL_WRITE with the system's reason, PSE_TOOL_LINK for a link to nothing, PSE_TOOL_READ_BACK
 */
export async function replaceFile (path: string, bytes: Uint8Array, replacement: Replacement): Promise<void> {
  const target = await targetOf(path)
  const old = await presentFile(target, replacement.before)
  if (old !== null && replacement.create === true) throw new errors.PSE_TOOL_EXISTS(target)
  if (old !== null && !old.isFile()) throw new errors.PSE_TOOL_WRITE(target, 'it is no file')
  const beside = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    await writeBeside(beside, bytes, replacement.mode, old)
    await readBack(beside, target, bytes, replacement.check)
    await withLock(target, async () => {
      if (old === null) await takeFreeName(beside, target, replacement)
      else await takeNameOf(beside, target, { ...replacement, check: () => readBack(target, target, bytes, replacement.check) })
      await synchronise(dirname(target))
    })
  } catch (error) {
    throw failure(target, error)
  } finally {
    // what went wrong before says more than what goes wrong here
    await rm(beside, { force: true }).catch(() => {})
  }
}

/**
 * Removes a file for good, and the link that leads to it.
 *
 * @param before as in `Replacement`
 * @throws POSTERN_ERR_PSE_TOOL_CHANGED, PSE_TOOL_BUSY, PSE_TOOL_WRITE, PSE_TOOL_LINK
 */
export async function removeFile (path: string, before?: Uint8Array): Promise<void> {
  const target = await targetOf(path)
  try {
    await withLock(target, async () => {
      if (before !== undefined && !(await readFile(target)).equals(before)) throw new errors.PSE_TOOL_CHANGED(target)
      await rm(target)
      await rm(path, { force: true })
      await synchronise(dirname(target))
    })
  } catch (error) {
    throw failure(target, error)
  }
}

/** Where a path leads. A link to nothing is refused: whoever made it meant a file that is elsewhere, or not yet there. */
async function targetOf (path: string): Promise<string> {
  const kind = await lstat(path).catch(() => null)
  if (kind?.isSymbolicLink() !== true) return path
  return await realpath(path).catch((cause: unknown) => { throw new errors.PSE_TOOL_LINK(path, { cause }) })
}

/**
 * What has the name. The owner is asked of the very file whose content is known: who may exchange files in this directory must not be made the
 * owner of a key.
 */
async function presentFile (target: string, before: Replacement['before']): Promise<Stats | null> {
  if (before == null) return await lstat(target).catch(() => null)
  try {
    await using handle = await open(target, constants.O_RDONLY | constants.O_NOFOLLOW)
    if (!(await handle.readFile()).equals(before)) throw new errors.PSE_TOOL_CHANGED(target)
    return await handle.stat()
  } catch (cause) {
    throw new errors.PSE_TOOL_CHANGED(target, { cause })
  }
}

async function writeBeside (path: string, bytes: Uint8Array, mode: number, old: { uid: number, gid: number } | null): Promise<void> {
  await using handle: FileHandle = await open(path, 'wx', mode)
  // the mode of `open` is cut by the umask
  await handle.chmod(mode)
  const { uid, gid } = await handle.stat()
  if (old !== null && (old.uid !== uid || old.gid !== gid)) await handle.chown(old.uid, old.gid)
  await handle.writeFile(bytes)
  await handle.sync()
}

async function readBack (path: string, target: string, written: Uint8Array, check: Replacement['check']): Promise<void> {
  const bytes = await readFile(path)
  try {
    if (!bytes.equals(written)) throw new errors.PSE_TOOL_READ_BACK(target, 'other bytes')
    check(bytes)
  } catch (cause) {
    throw new errors.PSE_TOOL_READ_BACK(target, (cause as Error).message, { cause })
  }
}

/** A hard link fails where the name is taken; a rename would replace what somebody has made in the meantime. */
async function takeFreeName (beside: string, target: string, { before }: Pick<Replacement, 'before'>): Promise<void> {
  try {
    await link(beside, target)
  } catch (error) {
    throw before === null && (error as NodeJS.ErrnoException).code === 'EEXIST' ? new errors.PSE_TOOL_CHANGED(target, { cause: error }) : error
  }
}

async function takeNameOf (beside: string, target: string, { before, check }: Pick<Replacement, 'before'> & { readonly check: () => Promise<void> }): Promise<void> {
  const backup = `${target}.${randomBytes(6).toString('hex')}.bak`
  await link(target, backup)
  try {
    // of the backup: it is what the next step replaces, whatever the name stands for by now
    if (before !== undefined && (before === null || !(await readFile(backup)).equals(before))) throw new errors.PSE_TOOL_CHANGED(target)
    await rename(beside, target)
    await check()
  } catch (error) {
    await rename(backup, target)
    // where the old file still has its name, that was a rename between two names of one file, which does nothing
    await rm(backup, { force: true })
    throw error
  }
  await rm(backup)
}

async function synchronise (directory: string): Promise<void> {
  await using handle = await open(directory)
  await handle.sync()
}

function failure (target: string, error: unknown): Error {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  if (code.startsWith('POSTERN_')) return error as Error
  return code === 'EEXIST' ? new errors.PSE_TOOL_EXISTS(target) : new errors.PSE_TOOL_WRITE(target, reasons[code] ?? code, { cause: error })
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'the user of this process may not write into its directory',
  EPERM: 'the file belongs to somebody else, or its file system has no hard links',
  EROFS: 'its file system is read-only',
  ENOTSUP: 'its file system has no hard links',
  ENOENT: 'there is no such directory',
  ENOSPC: 'the file system is full'
}
