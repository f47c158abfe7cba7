import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ReadStream, WriteStream } from 'node:tty'
import { errors } from '../errors.ts'

/**
 * Asks at the terminal that the process belongs to, whatever its standard streams are, without showing what is typed.
 *
 * @throws POSTERN_ERR_PSE_TOOL_NO_TERMINAL, PSE_TOOL_INTERRUPTED for Ctrl-C and Ctrl-D
 */
export async function askAtTerminal (question: string): Promise<string> {
  const output = openTerminal('w', descriptor => new WriteStream(descriptor))
  const input = openTerminal('r', descriptor => new ReadStream(descriptor))
  // without an output, readline shows nothing of what is typed; it sets the terminal to the mode without echo
  const reader = createInterface({ input, terminal: true })
  try {
    output.write(question)
    return await new Promise((resolve, reject) => {
      reader.once('line', resolve)
      reader.once('SIGINT', () => { reject(new errors.PSE_TOOL_INTERRUPTED()) })
      reader.once('close', () => { reject(new errors.PSE_TOOL_INTERRUPTED()) })
    })
  } finally {
    reader.close()
    input.destroy()
    await new Promise(resolve => { output.write('\n', resolve) })
    output.destroy()
  }
}

function openTerminal<Stream> (flags: 'r' | 'w', make: (descriptor: number) => Stream): Stream {
  let descriptor: number | null = null
  try {
    descriptor = openSync('/dev/tty', flags)
    return make(descriptor)
  } catch (cause) {
    if (descriptor !== null) closeSync(descriptor)
    throw new errors.PSE_TOOL_NO_TERMINAL({ cause })
  }
}
