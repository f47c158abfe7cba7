import { dirname, join, resolve } from 'node:path'
import type { CommandLine } from './command-line.ts'
import type { Tool } from './tool.ts'

/** The directory that names of PSEs are relative to: `SECUDIR`, else the current one. */
export function securityDirectory ({ env, cwd }: Pick<Tool, 'env' | 'cwd'>): string {
  return resolve(cwd, env.SECUDIR ?? '')
}

/**
 * The absolute path of the PSE that `-p` names, and a note that says it: the commonest mistake with these commands is a SECUDIR that is
 * not the one in mind, and a change of another file.
 */
export function psePath (line: CommandLine, tool: Tool): string {
  const path = resolve(securityDirectory(tool), line.required('pse'))
  tool.note(`PSE ${path}`)
  return path
}

/** Where the credentials of a PSE are: beside it. */
export function credentialsPath (pse: string): string {
  return join(dirname(pse), 'cred_v2')
}

/** The absolute path of any other file. */
export function filePath (name: string, { cwd }: Pick<Tool, 'cwd'>): string {
  return resolve(cwd, name)
}
