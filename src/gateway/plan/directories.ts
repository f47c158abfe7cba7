/** The directories that relative names count from. */
import { join, resolve } from 'node:path'
import type { Settings } from '../../profile/parameters/settings.ts'
import { instanceDirectory, loggingDirectory } from '../../profile/parameters/system.ts'

/** Absolute paths. */
export interface Directories {
  /** Of the profile: ACL files, plugins and their options. */
  readonly profile: string
  /** SECUDIR: identities and what belongs to them. */
  readonly secudir: string
  /** DIR_LOGGING: access logs and the trace. */
  readonly logging: string
}

/** What is said of SECUDIR outside the parameters, strongest first. */
export interface DirectorySources {
  readonly profileDirectory: string
  readonly secudir: readonly (string | undefined)[]
}

/** SECUDIR is what the environment says, else `$(DIR_INSTANCE)/sec`, else the directory `sec` beside the profile. */
export function directoriesOf (settings: Settings, { profileDirectory, secudir }: DirectorySources): Directories {
  const profile = resolve(profileDirectory)
  const named = secudir.find(directory => directory !== undefined && directory !== '')
  return {
    profile,
    secudir: resolve(profile, named ?? join(settings.get(instanceDirectory) ?? profile, 'sec')),
    logging: resolve(profile, settings.get(loggingDirectory) ?? '')
  }
}
