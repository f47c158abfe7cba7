import { errors } from '../errors.ts'

/** One block of a PEM file (RFC 7468), decoded. */
export interface PemBlock {
  /** `CERTIFICATE`, `ENCRYPTED PRIVATE KEY`, ... */
  readonly label: string
  /** Header lines as RFC 1421 has them, which only encrypted keys of the traditional form carry. */
  readonly headers: Readonly<Record<string, string>>
  readonly der: Buffer
  /** The block as it was. */
  readonly text: string
}

const begin = '-----BEGIN '

/** Whether there is a PEM block in `bytes`. Text before the first block is allowed: OpenSSL writes names of certificates there. */
export function isPem (bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(begin)
}

/**
 * Reads the blocks of a PEM file; text between them is skipped.
 *
 * @throws POSTERN_ERR_PEM_DAMAGED for a block without its end and for one that is not Base64
 */
export function readPemBlocks (bytes: Uint8Array, file: string): PemBlock[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  const blocks: PemBlock[] = []
  for (let start = text.indexOf(begin); start >= 0;) {
    const labelEnd = text.indexOf('-----', start + begin.length)
    const label = text.slice(start + begin.length, labelEnd)
    const end = `-----END ${label}-----`
    const endStart = labelEnd < 0 ? -1 : text.indexOf(end, labelEnd)
    if (endStart < 0) throw new errors.PEM_DAMAGED(file, `the block at byte ${start} has no end`)
    blocks.push({ label, ...readBody(text.slice(labelEnd + 5, endStart), start, file), text: text.slice(start, endStart + end.length) })
    start = text.indexOf(begin, endStart + end.length)
  }
  return blocks
}

function readBody (body: string, start: number, file: string): Pick<PemBlock, 'headers' | 'der'> {
  const lines = body.split(/\r?\n|\r/).map(line => line.trim())
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const header = /^([A-Za-z][\w-]*):\s*(.*)$/.exec(line)
    if (header !== null) headers[header[1]!] = header[2]!
  }
  const base64 = lines.filter(line => !line.includes(':')).join('')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0) throw new errors.PEM_DAMAGED(file, `the block at byte ${start} is not Base64`)
  return { headers, der: Buffer.from(base64, 'base64') }
}
