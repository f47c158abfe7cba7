/** Where PINs come from: an option, or the terminal. */
import { errors } from '../errors.ts'
import { readFile } from '../pse/load.ts'
import type { CommandLine } from './command-line.ts'
import { filePath } from './location.ts'
import type { Tool } from './tool.ts'

/** Which PIN is meant. */
export interface PinRequest {
  /** The option that may give it, `pin` (-x) or `file-pin` (-z). */
  readonly option: 'pin' | 'file-pin'
  /** What it opens, for the question. */
  readonly of: string
}

/** The value of a PIN option: the PIN itself, `@<file>` or `env:<variable>`; `null` when it was not given. */
async function pinOfOption (line: CommandLine, option: PinRequest['option'], tool: Tool): Promise<string | null> {
  const value = line.value(option)
  if (value === null || value === '') return value
  if (value.startsWith('@')) return await pinOfFile(filePath(value.slice(1), tool), tool)
  if (value.startsWith('env:')) return pinOfVariable(value.slice(4), tool)
  tool.warn('a PIN on the command line is visible to every user of this host while the command runs, and stays in the history of the shell; -x @<file> keeps it to itself')
  return value
}

async function pinOfFile (path: string, tool: Tool): Promise<string> {
  const { bytes, exposed } = await readFile(path)
  if (exposed) tool.warn(`${path} holds a PIN that group or others may read; expected mode 600`)
  // editors end a file with a line feed
  return bytes.toString().replace(/\r?\n$/, '')
}

function pinOfVariable (name: string, { env }: Tool): string {
  const pin = env[name]
  if (pin === undefined) throw new errors.PSE_TOOL_PIN_SOURCE(name)
  return pin
}

/** The PIN of a file that exists: from its option, else from the terminal. */
export async function knownPin (line: CommandLine, { option, of }: PinRequest, tool: Tool): Promise<string> {
  return await pinOfOption(line, option, tool) ?? await tool.ask(`PIN of ${of}: `)
}

/**
 * The PIN of a file that is about to be written: from its option, else asked for twice. An empty one is none.
 *
 * @throws POSTERN_ERR_PSE_TOOL_PIN_DIFFERS
 */
export async function newPin (line: CommandLine, { option, of }: PinRequest, tool: Tool): Promise<string | null> {
  const given = await pinOfOption(line, option, tool)
  const pin = given ?? await askTwice(of, tool)
  if (pin !== '') return pin
  tool.warn(`${of} gets no PIN: whoever can read the file has the private key`)
  return null
}

async function askTwice (of: string, tool: Tool): Promise<string> {
  const pin = await tool.ask(`New PIN of ${of} (empty for none): `)
  if (await tool.ask('The same again: ') !== pin) throw new errors.PSE_TOOL_PIN_DIFFERS()
  return pin
}
