import { pino, type DestinationStream } from 'pino'
import { errors } from '../errors.ts'

/** Where the trace goes. */
export interface Trace {
  readonly stream: DestinationStream
  /** Resolves when all lines are written, or cannot be. */
  end (): Promise<void>
}

type Destination = ReturnType<typeof pino.destination>

/** Lines beyond this many waiting bytes are lost. */
const waitingBytes = 16 * 1024 * 1024

/** A pipe that nobody reads must not keep the process from ending, in milliseconds. */
const endTimeoutMs = 1000

/**
 * Opens the trace: a file, or standard output.
 *
 * Lines in a file are written at once: they are few, and the last ones before an unexpected end matter most. Standard output may be a pipe
 * that is read slowly; there the gateway does not wait.
 *
 * @throws POSTERN_ERR_GATEWAY_TRACE_FILE
 */
export function openTrace (file: string | null): Trace {
  const destination = file === null ? pino.destination({ dest: 1, sync: false, maxLength: waitingBytes }) : openFile(file)
  // a full disk or a closed pipe loses lines; it must not stop a request, nor the gateway
  destination.on('error', () => {})
  let open = true
  return {
    // connections that end after the gateway may still have something to say; it is lost, and no reason to fail
    stream: { write: line => { if (open) write(destination, line) } },
    end: async () => {
      if (!open) return
      open = false
      await closed(destination)
    }
  }
}

function write (destination: Destination, line: string): void {
  try {
    destination.write(line)
  } catch {
    // the line is lost
  }
}

async function closed (destination: Destination): Promise<void> {
  await new Promise<void>(resolve => {
    const timer = setTimeout(resolve, endTimeoutMs)
    destination.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    try {
      destination.end()
    } catch {
      resolve()
    }
  })
}

function openFile (file: string): Destination {
  try {
    return pino.destination({ dest: file, append: true, mkdir: true, sync: true, maxLength: waitingBytes })
  } catch (error) {
    throw new errors.GATEWAY_TRACE_FILE(file, (error as NodeJS.ErrnoException).code)
  }
}
