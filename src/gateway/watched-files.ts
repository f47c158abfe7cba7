/**
 * Looks at files now and then, and tells when one of them has changed. By `stat` and not by events of the file system: secrets are
 * exchanged by moving a link, and files may lie on a network file system, which sends no events.
 */
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { PinSource, Plan } from './plan.ts'

/** What a reload reads. */
export function filesOf ({ identities, revocation }: Pick<Plan, 'identities' | 'revocation'>): string[] {
  const ofIdentities = Object.values(identities).flatMap(({ file, pin, additionalTrust }) => [file, ...pin.flatMap(source => pinFileOf(source, file)), ...additionalTrust])
  return [...new Set([...ofIdentities, ...revocation.lists.map(({ path }) => path)])]
}

function pinFileOf (source: PinSource, file: string): string[] {
  switch (source.from) {
    case 'cred_v2': return [join(dirname(file), 'cred_v2')]
    case 'file': return [source.file]
    default: return []
  }
}

/** Settings of {@link WatchedFiles}. */
export interface WatchOptions {
  /** Files and directories. What does not exist may come. */
  readonly paths: readonly string[]
  readonly intervalMs: number
  /** When the files were loaded, or earlier: what has changed since then counts as a change. In milliseconds since 1970. */
  readonly since: number
  /** Called when something has changed and the change has ended: two looks in a row were the same. */
  readonly onChange: () => void
}

/** A change is looked at again after this time: a file that is being written is not read half. */
const settleMs = 250

/** See the head of the file. */
export class WatchedFiles {
  readonly #options: WatchOptions
  #timer: NodeJS.Timeout | undefined
  /** What {@link WatchOptions.onChange} was called for last, or what was there at first. */
  #known: string | null = null
  #last: string | null = null
  #stopped = false

  constructor (options: WatchOptions) {
    this.#options = options
  }

  /** Starts; the first look is what later ones are compared with. Resolves behind it; never rejects. */
  async start (): Promise<void> {
    await this.#look()
  }

  stop (): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  async #look (): Promise<void> {
    const { paths, intervalMs, since, onChange } = this.#options
    const stamps = await Promise.all(paths.map(stampOf))
    const seen = stamps.map(({ text }) => text).join('\n')
    if (this.#stopped) return
    this.#known ??= stamps.some(({ changedAt }) => changedAt > since) ? '' : seen
    const isSettled = seen === this.#last
    this.#last = seen
    const isChanged = seen !== this.#known
    if (isChanged && isSettled) {
      this.#known = seen
      onChange()
    }
    this.#timer = setTimeout(() => { this.#look().catch(() => { /* a stamp says what is wrong with a file */ }) }, isChanged && !isSettled ? Math.min(settleMs, intervalMs) : intervalMs)
  }
}

interface Stamp {
  /** Differs when the file, or a file of the directory, is another one or was written; links are followed. */
  readonly text: string
  /** In milliseconds since 1970; 0 for what is not there. */
  readonly changedAt: number
}

async function stampOf (path: string): Promise<Stamp> {
  try {
    const { isDirectory, ...stamp } = await statOf(path)
    if (!isDirectory) return stamp
    const names = (await readdir(path)).filter(name => !name.startsWith('.')).sort()
    const stamps = await Promise.all(names.map(async name => ({ name, ...await statOf(join(path, name)).catch(stampOfFault) })))
    return { text: stamps.map(({ name, text }) => `${name} ${text}`).join(' '), changedAt: Math.max(0, ...stamps.map(({ changedAt }) => changedAt)) }
  } catch (error) {
    return stampOfFault(error)
  }
}

async function statOf (path: string): Promise<Stamp & { readonly isDirectory: boolean }> {
  const stats = await stat(path, { bigint: true })
  const { dev, ino, size, mtimeNs, ctimeNs } = stats
  // ctime: a change of rights can make a file readable
  return { isDirectory: stats.isDirectory(), text: [dev, ino, size, mtimeNs, ctimeNs].join('-'), changedAt: Number(stats.ctimeMs) }
}

function stampOfFault (error: unknown): Stamp {
  return { text: String((error as NodeJS.ErrnoException).code), changedAt: 0 }
}
