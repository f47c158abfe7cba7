/**
 * Pages that are made from source: written, or with `--check` on the command line compared only.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Writes `text` to `file`; with `--check` sets the exit code to 1 if that would change the file. */
export function writeOrCheck (root: string, file: string, text: string): void {
  const path = join(root, file)
  if (process.argv.includes('--check')) {
    if (read(path) === text) return
    console.error(`${file} does not fit its source: run \`npm run docs\``)
    process.exitCode = 1
    return
  }
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function read (path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
