/** Load client and back end of a test, each a process of its own, on loopback or inside a member of a network. */
import { join } from 'node:path'
import type { Test } from 'tap'
import { runProgram, type RunningProgram, type Surroundings } from '../processes.ts'
import type { BackEndJob } from './back-end.ts'
import type { LoadJob } from './client.ts'
import type { Report } from './report.ts'

export type { BackEndJob, LoadJob }

/** A load that is under way. */
export interface Load {
  readonly program: RunningProgram
  /** Resolves with the first good answer; rejects when the client ends without one. */
  running (): Promise<void>
  /** Waits until the client is done by itself. */
  report (): Promise<Report>
  /** Tells it to begin no more, and waits for what it has begun. */
  stop (): Promise<Report>
}

/** Starts a load. */
export function startLoad (t: Pick<Test, 'teardown'>, job: LoadJob, surroundings: Surroundings = {}): Load {
  const program = runProgram(t, process.execPath, [join(import.meta.dirname, 'client.ts'), JSON.stringify(job)], surroundings)
  const report = async (): Promise<Report> => JSON.parse(await program.line(line => line.startsWith('{"exchanges":'))) as Report
  return {
    program,
    running: async () => { await program.line(line => line === 'running') },
    report,
    stop: async () => {
      program.child.kill('SIGTERM')
      return await report()
    }
  }
}

/** Starts a load and waits for its end. */
export async function runLoad (t: Pick<Test, 'teardown'>, job: LoadJob, surroundings: Surroundings = {}): Promise<Report> {
  return await startLoad(t, job, surroundings).report()
}

/** Starts the back end and gives back the port that it listens on, `job.port` unless that is 0. */
export async function startBackEnd (t: Pick<Test, 'teardown'>, job: BackEndJob, surroundings: Surroundings = {}): Promise<RunningProgram & { port: number }> {
  const program = runProgram(t, process.execPath, [join(import.meta.dirname, 'back-end.ts'), JSON.stringify(job)], surroundings)
  const line = await program.line(text => text.startsWith('listening on '))
  return { ...program, port: Number(line.slice('listening on '.length)) }
}
