/** Bodies that say whose they are, so that the client can tell each from any other. */

/** What `/bytes/<n>` repeats: the byte at offset i of the answer is i modulo 251, a prime, so that no shift by a buffer's size goes unseen. */
export const PATTERN = Buffer.from(Uint8Array.from({ length: 251 * 256 }, (_, index) => index % 251))

/** The bytes of `/bytes/<n>` from `offset` on, at most those up to the next end of the pattern. */
export function patternAt (offset: number, bytes: number): Buffer {
  const start = offset % PATTERN.length
  return PATTERN.subarray(start, Math.min(start + bytes, PATTERN.length))
}

/** The body that belongs to a nonce. */
export function echoBody (nonce: string, bytes: number): string {
  return nonce === '' ? '' : nonce.repeat(Math.ceil(bytes / nonce.length)).slice(0, bytes)
}
