import { getCACertificates } from 'node:tls'
import { processUser } from '../gateway/process-user.ts'
import { askAtTerminal } from './terminal.ts'
import type { ToolIo } from './tool.ts'

/** The world as the process has it. */
export function processIo (): ToolIo {
  return {
    env: process.env,
    cwd: process.cwd(),
    user: processUser(),
    now: () => new Date(),
    // with those of NODE_EXTRA_CA_CERTS
    publicRoots: () => getCACertificates('default'),
    stdout: text => { process.stdout.write(text) },
    stderr: text => { process.stderr.write(text) },
    ask: askAtTerminal
  }
}
