/**
 * The reader for PKCS#12 and PKCS#7, which other programs write in BER: lengths of indefinite form, strings in pieces.
 */
import * as asn1js from 'asn1js'

/** Bounds time and memory. A bag with 200 CA certificates has 2000 elements, since certificates are octet strings there. */
const maxNodes = 100_000
const maxDepth = 64

/** Reads the one element that `bytes` consists of; asn1js itself would pass over what follows it. */
export function parseBer (bytes: Uint8Array, damaged: (what: string) => Error): asn1js.BaseBlock {
  const { offset, result } = asn1js.fromBER(Uint8Array.from(bytes), { maxNodes, maxDepth, maxContentLength: bytes.length, parseEmbedded: false })
  if (offset === -1) throw damaged(`not in BER: ${result.error}`)
  if (offset !== bytes.length) throw damaged(`bytes behind the end, at byte ${offset}`)
  return result
}
