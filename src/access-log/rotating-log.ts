import { checkFileName, endOfPeriod, fileNameAt, namesOf, type SwitchTime } from './file-name.ts'

/** An open log file. */
export interface LogFile {
  /** Bytes that it held when it was opened. */
  readonly size: number
  write (text: string): void
  /** Writes what is left and closes. */
  end (): Promise<void>
}

/** The disk, as far as a log needs it. Every function may throw. */
export interface LogFiles {
  open (file: string, how: { readonly truncate: boolean }): LogFile
  rename (from: string, to: string): void
  remove (file: string): void
  /** Full names of the files beside `file` whose own name matches, the oldest first. */
  list (file: string, names: RegExp): string[]
}

/** Settings of a {@link RotatingLog}. */
export interface RotatingLogOptions {
  /** LOGFILE, with place holders. */
  readonly template: string
  /** MAXSIZEKB in bytes; `null` for no bound. */
  readonly maxBytes: number | null
  /** MAXFILES: the oldest ones are removed; `null` for no bound. */
  readonly maxFiles: number | null
  /** SWITCHTF */
  readonly switchTime: SwitchTime | null
  /** FILEWRAP: begin again in the same file, where MAXFILES allows no second one. */
  readonly wrap: boolean
  readonly files: LogFiles
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Hears of switches that failed; the log goes on in the file it has. */
  readonly onFault: (error: unknown) => void
}

/** A failed switch is tried again after this time, in milliseconds. */
const retryMs = 60_000

/**
 * A log that moves to a new file by size and by time. The file in use bears the name of the template; when that name does not change
 * at a switch, the old file gets `_01`, `_02` and so on.
 */
export class RotatingLog {
  readonly #options: RotatingLogOptions
  readonly #ending = new Set<Promise<void>>()
  #name: string
  #file: LogFile
  #size: number
  #switchAt: number
  #retryAt = 0
  #ended = false

  /**
   * @throws POSTERN_ERR_ACCESS_LOG_FILE and what opening the file throws
   */
  constructor (options: RotatingLogOptions) {
    checkFileName(options.template)
    this.#options = options
    const now = options.now()
    this.#name = fileNameAt(options.template, now)
    this.#file = options.files.open(this.#name, { truncate: false })
    this.#size = this.#file.size
    this.#switchAt = this.#nextSwitch(now)
  }

  /** @param line ASCII text without its end; after {@link RotatingLog.end} it is lost */
  write (line: string): void {
    if (this.#ended) return
    const { maxBytes, now } = this.#options
    const length = line.length + 1
    const time = now()
    const full = maxBytes !== null && this.#size > 0 && this.#size + length > maxBytes
    if ((full || time >= this.#switchAt) && time >= this.#retryAt) this.#switch(time)
    this.#file.write(`${line}\n`)
    this.#size += length
  }

  /** Opens the file anew, after somebody else has moved it. */
  reopen (): void {
    if (this.#ended) return
    const name = fileNameAt(this.#options.template, this.#options.now())
    this.#guarded(() => { this.#use(name, false) })
  }

  /** Writes what is left and closes; ends when the last file is closed. */
  async end (): Promise<void> {
    this.#ended = true
    this.#retire(this.#file)
    await Promise.all(this.#ending)
  }

  #switch (now: number): void {
    const { template, wrap, maxFiles } = this.#options
    const done = this.#guarded(() => {
      const name = fileNameAt(template, now)
      const again = wrap && (maxFiles ?? 1) <= 1
      if (name === this.#name && !again) this.#moveAway()
      this.#use(name, again)
      this.#removeOldest()
    })
    if (done) this.#switchAt = this.#nextSwitch(now)
    else this.#retryAt = now + retryMs
  }

  #use (name: string, truncate: boolean): void {
    const file = this.#options.files.open(name, { truncate })
    this.#retire(this.#file)
    this.#name = name
    this.#file = file
    this.#size = file.size
  }

  #moveAway (): void {
    const { files } = this.#options
    const numbers = files.list(this.#name, /_\d+$/)
      .filter(file => file.startsWith(`${this.#name}_`))
      .map(file => Number(file.slice(this.#name.length + 1)))
      .filter(Number.isInteger)
    files.rename(this.#name, `${this.#name}_${String(Math.max(0, ...numbers) + 1).padStart(2, '0')}`)
  }

  #removeOldest (): void {
    const { files, maxFiles, template } = this.#options
    if (maxFiles === null) return
    const others = files.list(this.#name, namesOf(template)).filter(file => file !== this.#name)
    for (const file of others.slice(0, Math.max(0, others.length + 1 - maxFiles))) files.remove(file)
  }

  #retire (file: LogFile): void {
    const ending = file.end().finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }

  #guarded (action: () => void): boolean {
    try {
      action()
      return true
    } catch (error) {
      this.#options.onFault(error)
      return false
    }
  }

  #nextSwitch (now: number): number {
    return this.#options.switchTime === null ? Infinity : endOfPeriod(this.#options.switchTime, now)
  }
}
