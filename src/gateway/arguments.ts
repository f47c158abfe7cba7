/**
 * The arguments of the command line, as sapwebdisp has them: `pf=<profile>`, further `name=value`, and options with one dash.
 */

/** What the command line asks for. */
export interface Arguments {
  readonly command: 'start' | 'checkconfig' | 'version' | 'help'
  /** Path of the profile; empty for the commands that need none. */
  readonly profile: string
  /** `name=value` arguments, which win over the profile. */
  readonly overrides: readonly string[]
  /** `-checkconfig=json`. */
  readonly json: boolean
  /** `-f`: file for the trace instead of standard output. */
  readonly traceFile: string | null
  /** `-t`: trace level 0 to 3. */
  readonly traceLevel: 0 | 1 | 2 | 3 | null
  /** What is wrong with the arguments; nothing may be run when there is any. */
  readonly faults: readonly string[]
}

/** The text that explains the arguments. */
export const usage = `usage: postern pf=<profile> [name=value ...] [options]
       postern pse <command> ...    make, fill, renew and inspect PSEs; postern pse --help
  pf=<profile>         the profile to run
  name=value           overrides a parameter of the profile
  -checkconfig[=json]  check the configuration, print plan and findings, and end (0: no errors, 1: errors)
  -version             print the version and end
  -f <file>            write the trace to this file
  -t <level>           trace level: 0 errors, 1 default, 2 more, 3 all`

/** Options of sapwebdisp that have nothing to act on here: there is no shared memory, and no second process to watch the first. */
const withoutEffect = new Map([['-cleanup', 0], ['-auto_restart', 0], ['-shm_attach_mode', 1]])

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Parses `argv` (without interpreter and script). Never throws: what is wrong is in `faults`. */
export function parseArguments (argv: readonly string[]): Arguments {
  const overrides: string[] = []
  const faults: string[] = []
  const result: Mutable<Arguments> = { command: 'start', profile: '', overrides, json: false, traceFile: null, traceLevel: null, faults }
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] as string
    const next = (): string | null => argv[++i] ?? null
    if (argument.startsWith('pf=')) result.profile = argument.slice(3)
    else if (!argument.startsWith('-') && argument.includes('=')) overrides.push(argument)
    else if (withoutEffect.has(argument)) i += withoutEffect.get(argument) as number
    else applyOption(argument, next, result, faults)
  }
  if (result.profile === '' && (result.command === 'start' || result.command === 'checkconfig')) faults.push('pf=<profile> is missing')
  return result
}

function applyOption (option: string, next: () => string | null, result: Mutable<Arguments>, faults: string[]): void {
  switch (option) {
    case '-checkconfig': result.command = 'checkconfig'; return
    case '-checkconfig=json': result.command = 'checkconfig'; result.json = true; return
    case '-version': result.command = 'version'; return
    case '-help': case '--help': case '-h': result.command = 'help'; return
    case '-f': {
      result.traceFile = next()
      if (result.traceFile === null) faults.push('-f: the name of a file was expected')
      return
    }
    case '-t': {
      const level = next() ?? ''
      if (/^[0-3]$/.test(level)) result.traceLevel = Number(level) as 0 | 1 | 2 | 3
      else faults.push(`-t ${level}: 0, 1, 2 or 3 was expected`)
      return
    }
    default: faults.push(`${option}: unknown argument`)
  }
}
