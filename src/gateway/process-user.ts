import { userInfo } from 'node:os'

/**
 * The name of the user this process runs as, for cred_v2; its number where no name is known, as for any uid of a container platform.
 *
 * @param lookUp asks the system; throws for a number without a name
 */
export function processUser (lookUp: () => { readonly username: string } = userInfo): string {
  try {
    return lookUp().username
  } catch {
    return String(process.getuid?.() ?? '')
  }
}
