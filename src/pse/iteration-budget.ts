import { errors } from '../errors.ts'

/** Iterations of key derivations that one reading of one file may cost: some seconds of SHA-1. */
const maxIterations = 3_000_000

/** Bounds the time that a file can make a reader spend, whatever counts it asks for and in however many places. */
export class IterationBudget {
  readonly #file: string
  #left = maxIterations

  constructor (file: string) {
    this.#file = file
  }

  /**
   * Takes `count` from the budget, before the work is done.
   *
   * @throws POSTERN_ERR_IDENTITY_ITERATIONS for less than 1 and for more than is left
   */
  spend (count: bigint): number {
    if (count < 1n || count > BigInt(this.#left)) throw new errors.IDENTITY_ITERATIONS(this.#file, count.toString().slice(0, 20), maxIterations)
    this.#left -= Number(count)
    return Number(count)
  }
}
