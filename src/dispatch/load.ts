/** Reads the key of the stickiness cookies. The only file of this room that touches a disk. */
import { open } from 'node:fs/promises'
import { errors } from '../errors.ts'

/** The key, and whether more people may read it than should. */
export interface StickyKey {
  readonly key: Buffer
  /** Group or others may read the file: they can choose their server. */
  readonly exposed: boolean
}

const minBytes = 32
const maxBytes = 65_536
const writableByOthers = 0o022
const readableByOthers = 0o044

/**
 * Reads a key that several gateways share. A line break at the end of the file does not belong to it.
 *
 * @throws POSTERN_ERR_DISPATCH_STICKY_KEY
 */
export async function loadStickyKey (file: string): Promise<StickyKey> {
  const { mode, size, bytes } = await readKey(file)
  if ((mode & writableByOthers) !== 0) throw new errors.DISPATCH_STICKY_KEY(file, `mode ${(mode & 0o777).toString(8)} lets group or others replace the key`, 'mode 600')
  const key = bytes.subarray(0, bytes.length - (/\r?\n$/.exec(bytes.toString('latin1'))?.[0].length ?? 0))
  if (key.length < minBytes || size > maxBytes) throw new errors.DISPATCH_STICKY_KEY(file, `${size} bytes`, `a key of ${minBytes} to ${maxBytes} bytes`)
  return { key, exposed: (mode & readableByOthers) !== 0 }
}

async function readKey (file: string): Promise<{ mode: number, size: number, bytes: Buffer }> {
  try {
    await using handle = await open(file)
    const { mode, size } = await handle.stat()
    return { mode, size, bytes: size > maxBytes ? Buffer.alloc(0) : await handle.readFile() }
  } catch (error) {
    throw new errors.DISPATCH_STICKY_KEY(file, `it cannot be read (${String((error as NodeJS.ErrnoException).code)})`, 'a file that the process may read')
  }
}
