import { pino } from 'pino'
import { errors } from '../errors.ts'

/** Where the trace goes. */
export interface Trace {
  readonly stream: ReturnType<typeof pino.destination>
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
  const stream = file === null ? pino.destination({ dest: 1, sync: false }) : openFile(file)
  return {
    stream,
    end: async () => {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, endTimeoutMs)
        stream.once('close', () => {
          clearTimeout(timer)
          resolve()
        })
        stream.end()
      })
    }
  }
}

function openFile (file: string): Trace['stream'] {
  try {
    return pino.destination({ dest: file, append: true, mkdir: true, sync: true })
  } catch (error) {
    throw new errors.GATEWAY_TRACE_FILE(file, (error as NodeJS.ErrnoException).code)
  }
}
