import { pino, type Logger } from 'pino'
import { loggerOptions } from '../../src/logger.ts'

/** A line of the log. */
export type LogRecord = Record<string, any> & { readonly msg: string, readonly level: number }

/** A logger as the program has it, with the lines that it wrote. */
export interface LogSink {
  readonly logger: Logger
  readonly records: readonly LogRecord[]
  /** The first line with this text, already written or still to come. */
  line (msg: string): Promise<LogRecord>
}

export function logSink (level = 'debug'): LogSink {
  const records: LogRecord[] = []
  const waiting = new Set<() => void>()
  const write = (line: string): void => {
    records.push(JSON.parse(line) as LogRecord)
    for (const look of [...waiting]) look()
  }
  return {
    logger: pino({ ...loggerOptions, level }, { write }),
    records,
    line: async msg => await new Promise(resolve => {
      const look = (): void => {
        const found = records.find(record => record.msg === msg)
        if (found === undefined) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      look()
    })
  }
}
