/**
 * The arguments of a command, with sapgenpse's letters. `parseArgs` of Node reads them; what it lacks are options of several letters behind
 * one dash (`-noreq`), which get their second dash before it looks.
 */
import { parseArgs } from 'node:util'
import { errors } from '../errors.ts'

/** One option of a command. */
export interface ToolOption {
  /** Its letter; options without one are written in full, behind one dash or two. */
  readonly letter?: string
  /** What the value is, for the help; options without one are switches. */
  readonly value?: string
  /** May be given several times. */
  readonly many?: boolean
  /** Must be given. */
  readonly required?: boolean
  readonly text: string
}

/** What a command takes. */
export interface Syntax {
  readonly name: string
  /** Other names of the same command. */
  readonly aliases?: readonly string[]
  readonly summary: string
  readonly options: Readonly<Record<string, ToolOption>>
  /** The argument behind the options. */
  readonly argument?: { readonly value: string, readonly text: string, readonly required: boolean }
}

/** The arguments of one call, checked against the syntax of the command. */
export interface CommandLine {
  /** The value of an option, `null` when it was not given. */
  value (name: string): string | null
  /** The value of an option or argument that must be there. */
  required (name: string): string
  values (name: string): readonly string[]
  has (name: string): boolean
  readonly argument: string | null
}

/** Options that every command has. */
const commonOptions: Readonly<Record<string, ToolOption>> = {
  verbose: { letter: 'v', text: 'as sapgenpse takes it everywhere; it changes nothing here' },
  json: { text: 'one JSON object on standard output, for programs' },
  help: { letter: 'h', text: 'this text' }
}

/**
 * Reads the arguments of a command.
 *
 * @throws POSTERN_ERR_PSE_TOOL_USAGE, never with a value in its message: it might be a PIN
 */
export function readCommandLine (syntax: Syntax, argv: readonly string[]): CommandLine {
  const options = { ...commonOptions, ...syntax.options }
  const { values, positionals } = parse(syntax, options, argv)
  const all = (name: string): readonly string[] => (values[name] ?? []).filter(value => typeof value === 'string')
  const line: CommandLine = {
    value: name => all(name)[0] ?? null,
    required: name => all(name)[0] ?? usage(syntax, `${spelling(name, options[name])} is missing`),
    values: all,
    has: name => values[name] !== undefined,
    argument: positionals[0] ?? null
  }
  if (!line.has('help')) check(syntax, options, line, positionals.length)
  return line
}

function parse (syntax: Syntax, options: Syntax['options'], argv: readonly string[]): { values: Record<string, Array<string | boolean> | undefined>, positionals: string[] } {
  const config = Object.fromEntries(Object.entries(options).map(([name, { letter, value }]) =>
    [name, { type: value === undefined ? 'boolean' : 'string', multiple: true, ...letter === undefined ? {} : { short: letter } } as const]))
  try {
    return parseArgs({ args: withSecondDashes(argv, options), options: config, allowPositionals: true }) as ReturnType<typeof parse>
  } catch (error) {
    return usage(syntax, (error as Error).message.replace(/\. To specify a positional.*$/s, '').replaceAll('\n', ' '))
  }
}

/** Behind `--` there are no options: a name or a file may begin with a dash. */
function withSecondDashes (argv: readonly string[], options: Syntax['options']): string[] {
  const end = argv.indexOf('--')
  const isLong = (argument: string): boolean => argument.length > 2 && /^-[a-z]/.test(argument) && Object.hasOwn(options, argument.slice(1))
  return argv.map((argument, i) => (end < 0 || i < end) && isLong(argument) ? `-${argument}` : argument)
}

function check (syntax: Syntax, options: Syntax['options'], line: CommandLine, positionals: number): void {
  for (const [name, option] of Object.entries(options)) {
    if (option.required === true) line.required(name)
    if (option.many !== true && line.values(name).length > 1) usage(syntax, `${spelling(name, option)} is given more than once`)
  }
  if (positionals > (syntax.argument === undefined ? 0 : 1)) usage(syntax, `there are more arguments than expected; a value with blanks in it, as ${'"CN=host, O=Example"'}, goes into quotation marks`)
  if (syntax.argument?.required === true && line.argument === null) usage(syntax, `${syntax.argument.value} is missing`)
}

/** Ends a command whose arguments do not go together. */
export function usage ({ name }: Pick<Syntax, 'name'>, what: string): never {
  throw new errors.PSE_TOOL_USAGE(name, what, name)
}

function spelling (name: string, option: ToolOption | undefined): string {
  return option?.letter === undefined ? `-${name}` : `-${option.letter}`
}

/** The help of a command. */
export function helpOf ({ name, aliases = [], summary, options, argument }: Syntax): string {
  const entries = Object.entries({ ...options, ...commonOptions, ...options }).map(([long, { letter, value = '', text }]) =>
    [`${letter === undefined ? '   ' : `-${letter},`} --${long}`, value, text] as const)
  const rows = [...entries, ...argument === undefined ? [] : [[argument.value, '', argument.text] as const]]
  const width = Math.max(...rows.map(([option, value]) => option.length + value.length)) + 3
  const lines = rows.map(([option, value, text]) => `  ${`${option} ${value}`.padEnd(width)}${text}`)
  return [`usage: postern pse ${name} [options]${argument === undefined ? '' : ` ${argument.value}`}`, summary, ...aliases.length === 0 ? [] : [`also called ${aliases.join(', ')}`], ...lines].join('\n')
}
