/** Reads access control lists from files. The only file of this room that does. */
import { readFile } from 'node:fs/promises'
import { errors } from '../errors.ts'
import { parseAcl, type AccessControlList } from './acl.ts'

/**
 * @throws POSTERN_ERR_ACL_FILE when the file cannot be read
 * @throws POSTERN_ERR_ACL_INVALID one error with a line for every fault
 */
export async function loadAcl (file: string): Promise<AccessControlList> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new errors.ACL_FILE(file, cause.code, { cause })
  })
  const { list, faults } = parseAcl(text, file)
  if (faults.length > 0) throw new errors.ACL_INVALID(faults.map(fault => `${fault.file}:${fault.line}: ${fault.message}; expected ${fault.expected}`).join('\n'))
  return list
}
