/**
 * Log files on the disk, and standard output: written through pino's stream, which gathers lines and writes without waiting.
 */
import { fstatSync, openSync, readdirSync, renameSync, statSync, unlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { destination } from 'pino'
import { errors } from '../errors.ts'
import type { LogFile, LogFiles } from './rotating-log.ts'

/** Lines wait this long at most before they are written, in milliseconds. */
const flushMs = 1000
/** Lines wait until so many bytes are together. */
const chunkBytes = 4096
/** Lines beyond this many waiting bytes are lost: a disk that hangs must not take the gateway with it. */
const waitingBytes = 16 * 1024 * 1024

/**
 * @param onFault hears of lines that could not be written
 */
export function logFilesOnDisk (onFault: (error: unknown) => void): LogFiles {
  return {
    open: (file, { truncate }) => {
      // 640: the lines are nobody else's business
      const fd = openSync(file, truncate ? 'w' : 'a', 0o640)
      return logFile(fd, fstatSync(fd).size, onFault)
    },
    rename: renameSync,
    remove: unlinkSync,
    list: (file, names) => {
      const directory = dirname(file)
      return readdirSync(directory).filter(name => names.test(name))
        .map(name => ({ file: join(directory, name), time: createdAt(join(directory, name)) }))
        .sort((a, b) => a.time - b.time || a.file.localeCompare(b.file, 'en', { numeric: true }))
        .map(({ file }) => file)
    }
  }
}

/** When a file was made: the time of its last write says little while lines are still on their way. */
function createdAt (file: string): number {
  const { birthtimeMs, mtimeMs } = statSync(file)
  return birthtimeMs > 0 ? birthtimeMs : mtimeMs
}

/** Standard output as a log file. */
export function standardOutput (onFault: (error: unknown) => void): LogFile {
  return logFile(1, 0, onFault)
}

function logFile (fd: number, size: number, onFault: (error: unknown) => void): LogFile {
  const stream = destination({ dest: fd, sync: false, minLength: chunkBytes, periodicFlush: flushMs, maxLength: waitingBytes })
  stream.on('error', onFault)
  stream.on('drop', () => { onFault(new errors.ACCESS_LOG_LOST()) })
  return {
    size,
    write: text => { stream.write(text) },
    end: async () => {
      await new Promise<void>(resolve => {
        stream.once('close', resolve)
        // what cannot be written is lost; pino would try for ever, and keep the process from ending
        stream.once('error', () => { stream.destroy() })
        stream.end()
      })
    }
  }
}
