import { errors } from '../errors.ts'

/** Rounds of hash functions that one reading of one file may cost: one to two seconds. */
const maxRounds = 3_000_000

/** Bounds the time that a file can make a reader spend, whatever counts it asks for and in however many places. */
export class IterationBudget {
  readonly #file: string
  #left = maxRounds

  constructor (file: string) {
    this.#file = file
  }

  /**
   * Takes a derivation from the budget, before the work is done.
   *
   * @param count iterations that the file asks for
   * @param rounds what one iteration costs, in rounds
   * @returns the iterations
   * @throws POSTERN_ERR_IDENTITY_ITERATIONS for less than 1 and for more than is left
   */
  spend (count: bigint, rounds: number): number {
    const most = Math.floor(this.#left / rounds)
    if (count < 1n || count > BigInt(most)) throw new errors.IDENTITY_ITERATIONS(this.#file, count.toString().slice(0, 20), most)
    this.#left -= Number(count) * rounds
    return Number(count)
  }
}
