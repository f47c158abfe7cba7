import { errors } from '../errors.ts'
import { commandOf, overview } from './commands.ts'
import { helpOf, readCommandLine } from './command-line.ts'
import { exitCodeOf } from './exit-code.ts'
import type { Outcome, Tool, ToolIo } from './tool.ts'

/**
 * Runs one command.
 *
 * @param argv arguments behind `postern pse`
 * @returns the exit code; see `exitCodeOf`
 */
export async function runPseTool (argv: readonly string[], io: ToolIo): Promise<number> {
  const [name = '--help', ...rest] = argv
  if (['help', '--help', '-help', '-h'].includes(name)) {
    io.stdout(`${overview()}\n`)
    return 0
  }
  const reporter = argv.some(argument => argument === '--json' || argument === '-json') ? forPrograms(name, io) : forPeople(io)
  try {
    const { help, outcome } = await runCommand(name, rest, { ...io, ...reporter })
    if (help === undefined) reporter.done(outcome)
    else io.stdout(`${help}\n`)
    return 0
  } catch (error) {
    reporter.failed(error as NodeJS.ErrnoException)
    return exitCodeOf(error)
  }
}

type Ran = { readonly help: string, readonly outcome?: never } | { readonly help?: never, readonly outcome: Outcome }

async function runCommand (name: string, argv: readonly string[], tool: Tool): Promise<Ran> {
  const command = commandOf(name)
  if (command === null) throw new errors.PSE_TOOL_COMMAND(name)
  const line = readCommandLine(command.syntax, argv)
  return line.has('help') ? { help: helpOf(command.syntax) } : { outcome: await command.run(line, tool) }
}

interface Reporter extends Pick<Tool, 'note' | 'warn'> {
  done (outcome: Outcome): void
  failed (error: NodeJS.ErrnoException): void
}

/** Results on standard output, so that they can be piped; everything else on standard error. */
function forPeople ({ stdout, stderr }: ToolIo): Reporter {
  const say = (text: string): void => { stderr(`${visible(text)}\n`) }
  return {
    note: say,
    warn: text => { say(`warning: ${text}`) },
    done: ({ text }) => { stdout(visible(text)) },
    failed: ({ message, code }) => { say(`error: ${message}${code?.startsWith('POSTERN_') === true ? ` [${code}]` : ''}`) }
  }
}

/** Names of files and credentials can hold what a terminal would obey. Line feeds are ours. */
function visible (text: string): string {
  // eslint-disable-next-line no-control-regex -- these are the characters meant
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** One line of JSON, whatever happens. */
function forPrograms (command: string, { stdout }: ToolIo): Reporter {
  const notes: string[] = []
  const warnings: string[] = []
  const print = (result: Readonly<Record<string, unknown>>): void => { stdout(`${JSON.stringify({ command, ...result, notes, warnings })}\n`) }
  return {
    note: text => { notes.push(text) },
    warn: text => { warnings.push(text) },
    done: ({ data }) => { print(data) },
    failed: ({ message, code }) => { print({ error: { code: code ?? null, message } }) }
  }
}
