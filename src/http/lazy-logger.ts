import type { BaseLogger } from 'pino'

/** What a logger of Fastify has. */
interface Logger extends Pick<BaseLogger, 'level' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'> {
  child (bindings: object, options?: object): Logger
}

type Write = (...line: unknown[]) => void

/** A logger that is made when it is first used: hardly any request writes a line. */
export class LazyLogger implements Logger {
  readonly #make: () => Logger
  #made: Logger | null = null

  constructor (make: () => Logger) {
    this.#make = make
  }

  get #logger (): Logger {
    this.#made ??= this.#make()
    return this.#made
  }

  get level (): string { return this.#logger.level }
  set level (level: string) { this.#logger.level = level }
  child (bindings: object, options?: object): Logger { return this.#logger.child(bindings, options) }
  fatal (...line: unknown[]): void { (this.#logger.fatal as Write)(...line) }
  error (...line: unknown[]): void { (this.#logger.error as Write)(...line) }
  warn (...line: unknown[]): void { (this.#logger.warn as Write)(...line) }
  info (...line: unknown[]): void { (this.#logger.info as Write)(...line) }
  debug (...line: unknown[]): void { (this.#logger.debug as Write)(...line) }
  trace (...line: unknown[]): void { (this.#logger.trace as Write)(...line) }
  silent (...line: unknown[]): void { (this.#logger.silent as Write)(...line) }
}
