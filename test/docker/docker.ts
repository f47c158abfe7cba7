/**
 * The docker command line for tests: each container is removed when its test ends.
 */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { Test } from 'tap'

const run = promisify(execFile)

/** Runs `docker <args>` and returns what it printed. */
export async function docker (...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run('docker', args, { maxBuffer: 64 * 1024 * 1024 })
  return `${stdout}${stderr}`.trim()
}

/** The project. */
export const root = join(import.meta.dirname, '../..')

/** Builds an image from the files of HEAD alone: what a fresh clone has. Returns the directory with these files. */
export async function buildImage (image: string, workspace: string): Promise<string> {
  const checkout = join(workspace, 'checkout')
  mkdirSync(checkout)
  execFileSync('bash', ['-o', 'pipefail', '-c', 'git -C "$0" archive HEAD | tar -x -C "$1"', root, checkout])
  // without a network of its own for the build: npm reaches the registry as this machine does
  await docker('build', '--network=host', '--force-rm', '--tag', image, checkout)
  return checkout
}

/** A running container. */
export class Container {
  readonly id: string

  constructor (id: string) { this.id = id }

  /** Port on 127.0.0.1 of this machine that leads to `port` of the container. */
  async publishedPort (port: number): Promise<number> {
    return Number(/:(\d+)$/m.exec(await docker('port', this.id, String(port)))?.[1])
  }

  async exec (...command: readonly string[]): Promise<string> {
    return await docker('exec', this.id, ...command)
  }

  async inspect (format: string): Promise<string> {
    return await docker('inspect', '--format', format, this.id)
  }

  /** Waits for a line in the output, from the container's first start on or from `since` (ISO 8601). */
  async log (line: RegExp, since = '1'): Promise<string> {
    return await firstLine(['logs', '--follow', '--since', since, this.id], line)
  }

  /** Waits until the container's own health check has succeeded, after `since` (ISO 8601) when the container was started again. */
  async healthy (since = '1'): Promise<void> {
    await firstLine(['events', '--since', since, '--filter', `container=${this.id}`, '--filter', 'event=health_status'], /health_status: healthy/)
  }

  /** Stops it with SIGTERM and returns its exit code. */
  async stop (): Promise<number> {
    await docker('stop', '--time', '20', this.id)
    return Number(await this.inspect('{{.State.ExitCode}}'))
  }
}

/** Starts a container in the background. */
export async function startContainer (t: Test, ...args: readonly string[]): Promise<Container> {
  const id = (await docker('run', '--detach', ...args)).split('\n').at(-1) ?? ''
  t.teardown(async () => { await docker('rm', '--force', '--volumes', id) })
  return new Container(id)
}

/** Follows a docker command until it prints a line that matches. */
async function firstLine (args: readonly string[], pattern: RegExp): Promise<string> {
  const child = spawn('docker', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const seen: string[] = []
  const found = new Promise<string>((resolve, reject) => {
    const check = (line: string): void => {
      seen.push(line)
      if (pattern.test(line)) resolve(line)
    }
    for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', check)
    child.once('close', () => { reject(new Error(`docker ${args.join(' ')} ended without ${pattern.source}:\n${seen.join('\n')}`)) })
  })
  try {
    return await found
  } finally {
    if (child.exitCode === null) {
      const closed = once(child, 'close')
      child.kill('SIGTERM')
      await closed
    }
  }
}
