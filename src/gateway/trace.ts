import { pino, type DestinationStream } from 'pino'
import { errors } from '../errors.ts'

/** Where the trace goes. */
export interface Trace {
  readonly stream: DestinationStream
  /** Resolves when all lines are written, or cannot be. */
  end (): Promise<void>
}

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
  const destination = file === null ? pino.destination({ dest: 1, sync: false }) : openFile(file)
  let open = true
  return {
    // connections that end after the gateway may still have something to say; it is lost, and no reason to fail
    stream: { write: line => { if (open) destination.write(line) } },
    end: async () => {
      if (!open) return
      open = false
      await closed(destination)
    }
  }
}

async function closed (destination: ReturnType<typeof pino.destination>): Promise<void> {
  await new Promise<void>(resolve => {
    const timer = setTimeout(resolve, endTimeoutMs)
    destination.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    destination.end()
  })
}

function openFile (file: string): ReturnType<typeof pino.destination> {
  try {
    return pino.destination({ dest: file, append: true, mkdir: true, sync: true })
  } catch (error) {
    throw new errors.GATEWAY_TRACE_FILE(file, (error as NodeJS.ErrnoException).code)
  }
}
