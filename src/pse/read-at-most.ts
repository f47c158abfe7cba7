import type { FileHandle } from 'node:fs/promises'

/**
 * Reads a file to its end, or one byte more than `most`. Its size says nothing where it is no regular file: a pipe has none, and some devices have
 * no end.
 */
export async function readAtMost (handle: FileHandle, most: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of handle.createReadStream({ end: most, autoClose: false })) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
