/** `postern/accept_unserved`: what a user accepts although it is not served. */
import type { Parameter } from '../read.ts'
import { acceptUnserved } from './postern.ts'

/** The accepted names; remembers which of them were of use. */
export class Acceptance {
  readonly #entries: readonly string[]
  readonly #used = new Set<string>()

  /** @param parameter `postern/accept_unserved`, where it is set; a value that cannot be read accepts nothing */
  constructor (parameter: Parameter | undefined) {
    this.#entries = (parameter === undefined ? [] : acceptUnserved.type.read(parameter.value)?.value ?? []).map(entry => entry.replace(/\s+/g, ' '))
  }

  /**
   * @param names the ways to write the parameter: `icm/HTTP/auth_0`, `icm/HTTP/auth_<xx>`
   * @param key the sub-parameter, or `null` for the parameter itself
   */
  accepts (names: readonly string[], key: string | null): boolean {
    const found = this.#entries.filter(entry => names.some(name => entry === (key === null ? name : `${name} ${key}`)))
    for (const entry of found) this.#used.add(entry)
    return found.length > 0
  }

  get unused (): string[] {
    return this.#entries.filter(entry => !this.#used.has(entry))
  }
}
