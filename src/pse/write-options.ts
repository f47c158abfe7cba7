/** What the writers of all formats have in common: who gives the random bytes, and which PINs can be written. */
import { randomBytes } from 'node:crypto'
import { errors } from '../errors.ts'

/** Gives so many unpredictable bytes. Replaced only to write a known file again, byte for byte. */
export type RandomSource = (bytes: number) => Buffer

/** The random numbers of the operating system. */
export const systemRandom: RandomSource = randomBytes

/** Longest PIN, in characters. It bounds nothing but mistakes: a file given in place of a PIN. */
const maxPinLength = 256

/**
 * A PIN as every reader of the format takes it: how other letters become bytes is not publicly known for PSE and `cred_v2`, and what
 * an empty PIN is, neither.
 *
 * @param what is to be written, for the message
 * @throws POSTERN_ERR_IDENTITY_PIN_UNWRITABLE
 */
export function requireAsciiPin (pin: string, what: string): string {
  requirePin(pin, what)
  if (!/^[\x20-\x7e]+$/.test(pin)) throw new errors.IDENTITY_PIN_UNWRITABLE(what, 'it has other characters than ASCII letters, digits, signs and blanks')
  return pin
}

/** @throws POSTERN_ERR_IDENTITY_PIN_UNWRITABLE for an empty PIN, one of more than 256 characters and one with control characters */
export function requirePin (pin: string, what: string): string {
  if (pin === '') throw new errors.IDENTITY_PIN_UNWRITABLE(what, 'it is empty; leave it out for a file without protection')
  if (pin.length > maxPinLength) throw new errors.IDENTITY_PIN_UNWRITABLE(what, `it has ${pin.length} characters; expected at most ${maxPinLength}`)
  if (/\p{Cc}/u.test(pin)) throw new errors.IDENTITY_PIN_UNWRITABLE(what, 'it has control characters')
  return pin
}
