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
  if (name === '--help' || name === '-help' || name === '-h') {
    io.stdout(`${overview()}\n`)
    return 0
  }
  const reporter = rest.some(argument => argument === '--json' || argument === '-json') ? forPrograms(name, io) : forPeople(io)
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
  return {
    note: text => { stderr(`${text}\n`) },
    warn: text => { stderr(`warning: ${text}\n`) },
    done: ({ text }) => { stdout(text) },
    failed: ({ message, code }) => { stderr(`error: ${message}${code?.startsWith('POSTERN_') === true ? ` [${code}]` : ''}\n`) }
  }
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
