/** A gateway in a process of its own, as an administrator starts it: `postern pf=<profile> name=value ...`. */
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { appendFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { errors } from '../errors.ts'

/** What to start. */
export interface GatewayCommand {
  readonly title: string
  /** File name in `profiles/`. */
  readonly profile: string
  readonly overrides: readonly string[]
  /** Where the profile's identities are. */
  readonly secudir: string
  /** The log goes here, too. */
  readonly logFile: string
}

/** A line of a gateway's log. */
export type LogRecord = Readonly<Record<string, unknown>> & { readonly msg: string }

/** Beside the sources in a checkout, beside `dist` in the package. */
const [program, profiles] = import.meta.url.endsWith('.ts') ? ['../postern.ts', '../../profiles/'] : ['../postern.js', '../../../profiles/']

/** A started gateway. */
export class GatewayProcess {
  readonly pid: number
  readonly #title: string
  readonly #child
  readonly #records: LogRecord[] = []
  readonly #said: string[] = []
  readonly #ended: Promise<unknown>
  readonly #changes = new EventEmitter()
  #isEnding = false
  #hasEnded = false

  constructor ({ title, profile, overrides, secudir, logFile }: GatewayCommand) {
    this.#title = title
    const args = [urlPath(program), `pf=${urlPath(`${profiles}${profile}`)}`, ...overrides]
    this.#child = spawn(process.execPath, args, { env: { ...process.env, SECUDIR: secudir }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.pid = this.#child.pid ?? 0
    this.#ended = once(this.#child, 'close').then(() => {
      this.#hasEnded = true
      this.#changes.emit('change')
    })
    let written = Promise.resolve()
    createInterface(this.#child.stdout).on('line', line => {
      written = written.then(async () => { await appendFile(logFile, `${line}\n`) }).catch(() => { /* the directory goes before the last line */ })
      this.#take(line)
    })
    createInterface(this.#child.stderr).on('line', line => { this.#said.push(line) })
  }

  #take (line: string): void {
    if (!line.startsWith('{')) return
    this.#records.push(JSON.parse(line) as LogRecord)
    this.#changes.emit('change')
  }

  /**
   * Waits for a line of the log, from the start on.
   *
   * @throws POSTERN_ERR_DEMO_GATEWAY when the gateway ends before
   */
  async log (accept: (record: LogRecord) => boolean): Promise<LogRecord> {
    for (;;) {
      const found = this.#records.find(accept)
      if (found !== undefined) return found
      if (this.#hasEnded) throw this.#unexpectedEnd()
      await once(this.#changes, 'change')
    }
  }

  /** The port of a parameter, once it is open. */
  async port (parameter: string): Promise<number> {
    const { msg } = await this.log(({ msg }) => msg.startsWith(`${parameter}: listening on `))
    return Number(/:(\d+)$/.exec(msg)?.[1])
  }

  /** Rejects when the gateway ends without {@link stop}. */
  async watch (): Promise<never> {
    await this.#ended
    if (this.#isEnding) return await new Promise<never>(() => {})
    throw this.#unexpectedEnd()
  }

  /** Ends it in order. */
  async stop (): Promise<void> {
    this.#isEnding = true
    this.#child.kill('SIGTERM')
    await this.#ended
  }

  #unexpectedEnd (): Error {
    return new errors.DEMO_GATEWAY(this.#title, this.#said.join('\n'))
  }
}

function urlPath (relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
