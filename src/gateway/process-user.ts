import { userInfo } from 'node:os'

/** The name of the user this process runs as, for cred_v2; its number where no name is known, as for any uid of a container platform. */
export function processUser (): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? '')
  }
}
