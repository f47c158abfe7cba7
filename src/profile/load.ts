/** Reads the files that the profile language asks for. The only module of this room that touches a disk. */
import { constants } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join, sep } from 'node:path'
import { finding } from './finding-codes.ts'
import type { Finding } from './finding.ts'
import { fullHostname } from './host-name.ts'
import { limits } from './limits.ts'
import { readProfile } from './read.ts'
import type { Profile, ProfileContext, ProfileSource } from './read.ts'
import { parseServices } from './services.ts'
import type { Services } from './services.ts'

/** Name of the profile that all instances of a system share. */
const DEFAULT_PROFILE = 'DEFAULT.PFL'

/**
 * Reads an instance profile and, when it is there, the `DEFAULT.PFL` beside it, which is evaluated first.
 *
 * A profile that can't be read gives a finding; the promise is never rejected.
 *
 * @param path the instance profile, as the user named it
 * @param overrides `name=value` arguments of the command line; they win over both
 * @param context what differs from the context of this process and machine
 */
export async function loadProfile (path: string, overrides: readonly string[] = [], context: Partial<ProfileContext> = {}): Promise<Profile> {
  const paths = basename(path) === DEFAULT_PROFILE ? [path] : [join(dirname(path), DEFAULT_PROFILE), path]
  const sources: ProfileSource[] = []
  const findings: Finding[] = []
  for (const file of paths) {
    const read = await readSource(file, file === path)
    if (read === null) continue
    if ('severity' in read) findings.push(read)
    else sources.push(read)
  }
  const profile = readProfile(sources, overrides, { ...await machineContext(), ...context })
  return { ...profile, findings: [...findings, ...profile.findings] }
}

/**
 * Reads the services file of the machine.
 *
 * @returns an empty table where there is none; the names in a profile are then reported as unknown
 */
export async function loadServices (path = '/etc/services'): Promise<Services> {
  return parseServices(await readOptional(path))
}

/** The context of this process and machine. */
async function machineContext (): Promise<ProfileContext> {
  const name = hostname()
  return {
    hostname: name.split('.')[0]!,
    fullHostname: fullHostname(name, await readOptional('/etc/hosts')),
    env: process.env,
    directorySeparator: sep
  }
}

/** Reads one profile; `null` for an optional one that is not there. */
async function readSource (file: string, isMandatory: boolean): Promise<ProfileSource | Finding | null> {
  try {
    // without O_NONBLOCK, opening a pipe would wait for a writer
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await handle.stat()
    // a device such as /dev/zero has no end
    if (!stats.isFile()) return unreadable(file, 'it is not a regular file', 'a regular file')
    const { size } = stats
    if (size > limits.profileSize) return unreadable(file, `it has ${size} bytes`, `at most ${limits.profileSize} bytes`)
    return { file, text: await handle.readFile() }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && !isMandatory) return null
    return unreadable(file, REASONS.get(code!) ?? code!, 'a file that the process may read')
  }
}

const REASONS = new Map([
  ['ENOENT', 'there is no such file'], ['ENOTDIR', 'there is no such file'],
  ['EACCES', 'the process has no permission']
])

function unreadable (file: string, reason: string, expected: string): Finding {
  return finding('POSTERN_ERR_PROFILE_FILE', { file, line: null, parameter: null }, { message: `the profile can't be read: ${reason}`, expected })
}

async function readOptional (path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return ''
  }
}
