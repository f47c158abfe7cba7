import { errors } from '../errors.ts'
import { isPem, readPemBlocks } from '../pse/pem.ts'
import { DerScan } from './der-scan.ts'
import { RevocationList } from './revocation-list.ts'

/**
 * Reads the lists of a file: one or several in DER, one after the other, or the blocks `X509 CRL` of a PEM file. Blocks of other kinds
 * and text are skipped, since CAs put certificates beside their lists.
 *
 * @throws POSTERN_ERR_CRL_INVALID when there is no list, or one that is damaged
 */
export function readRevocationLists (bytes: Buffer, file: string): RevocationList[] {
  const encoded = isPem(bytes) ? pemLists(bytes, file) : derLists(bytes, file)
  if (encoded.length === 0) throw new errors.CRL_INVALID(file, 'there is no list in it')
  return encoded.map(der => new RevocationList(der, file))
}

function pemLists (bytes: Buffer, file: string): Buffer[] {
  try {
    return readPemBlocks(bytes, file).filter(({ label }) => label === 'X509 CRL').map(({ der }) => der)
  } catch (cause) {
    throw new errors.CRL_INVALID(file, (cause as Error).message, { cause })
  }
}

function derLists (bytes: Buffer, file: string): Buffer[] {
  try {
    const lists: Buffer[] = []
    const scan = new DerScan(bytes)
    while (scan.next()) lists.push(scan.encoded)
    return lists
  } catch (cause) {
    throw new errors.CRL_INVALID(file, (cause as Error).message, { cause })
  }
}
