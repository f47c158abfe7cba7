/**
 * First process of the container: starts the gateway with the profile in /etc/postern, or the demo landscape where nothing is mounted.
 *
 * It stays one process, so that signals reach the gateway: `docker stop` ends it in order.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const PROFILE_DIRECTORY = '/etc/postern'
const DIST = join(import.meta.dirname, '../dist')

/** The program to run and its arguments. */
export interface Start {
  /** Compiled file, relative to `dist`. */
  readonly program: string
  readonly args: readonly string[]
}

/** A directory from which no profile can be chosen; the message is for the administrator. */
export class ProfileChoiceError extends Error {}

/**
 * Finds the instance profile: `postern.pfl`, else the only `*.pfl`. A DEFAULT.PFL beside it is read by the gateway itself.
 *
 * @returns `null` for a directory that is absent or empty: nothing is mounted
 * @throws {@link ProfileChoiceError} where something is mounted and no profile can be told from it. A gateway whose profile has another name than expected
 *   must not turn into a demo.
 */
export function findProfile (directory: string): string | null {
  const names = existsSync(directory) ? readdirSync(directory) : []
  if (names.length === 0) return null
  const profiles = names.filter(name => name.endsWith('.pfl')).sort()
  const [first] = profiles.includes('postern.pfl') ? ['postern.pfl'] : profiles
  if (first === undefined) throw new ProfileChoiceError(`${directory}: no *.pfl among ${names.sort().join(', ')}; expected postern.pfl, or one other *.pfl`)
  if (profiles.length > 1 && first !== 'postern.pfl') {
    throw new ProfileChoiceError(`${directory}: ${profiles.join(', ')}: which one? Name one of them postern.pfl, or give the command \`postern pf=...\``)
  }
  return join(directory, first)
}

/** Decides what to start. In a container the admin port is on, for the health check; a profile that sets it keeps its own. */
export function chooseStart (directory: string, adminPort: string, more: readonly string[] = []): Start {
  const profile = findProfile(directory)
  // the published port of a container leads to its outer address; the demo reads POSTERN_ADMIN_PORT itself
  if (profile === null) return { program: 'src/demo/main.js', args: ['--host=0.0.0.0', ...more] }
  const admin = setsAdminPort(directory, profile) ? [] : [`postern/admin_port=PORT=${adminPort}, HOST=127.0.0.1`]
  return { program: 'src/cli.js', args: [`pf=${profile}`, ...admin, ...more] }
}

function setsAdminPort (directory: string, profile: string): boolean {
  return [join(directory, 'DEFAULT.PFL'), profile].filter(file => existsSync(file))
    .some(file => /^\s*postern\/admin_port\s*=/m.test(readFileSync(file, 'latin1')))
}

if (import.meta.main) {
  try {
    const { program, args } = chooseStart(PROFILE_DIRECTORY, process.env['POSTERN_ADMIN_PORT'] ?? '9400', process.argv.slice(2))
    const file = join(DIST, program)
    process.argv = [process.execPath, file, ...args]
    await import(file)
  } catch (error) {
    if (!(error instanceof ProfileChoiceError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
