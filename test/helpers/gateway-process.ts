import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { runProgram, type RunningProgram, type Surroundings } from './processes.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

/** A gateway in a process of its own, that listens. */
export interface GatewayProcess extends RunningProgram {
  /** Port of a listener by its parameter. */
  port (parameter: string): Promise<number>
  /** Log records so far. */
  records (): Array<Record<string, unknown>>
}

/** Starts `postern pf=<profile> ...` and waits until the first listener is there. */
export async function startGateway (t: Test, profile: string, args: readonly string[] = [], surroundings: Surroundings = {}): Promise<GatewayProcess> {
  const program = runProgram(t, process.execPath, [cli, `pf=${profile}`, ...args], surroundings)
  const gateway: GatewayProcess = {
    ...program,
    port: async parameter => {
      const line = await program.line(text => text.includes(parameter) && text.includes(': listening on'))
      return Number(/listening on \w+:\/\/.*:(\d+)"/.exec(line)?.[1])
    },
    records: () => program.lines.filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Record<string, unknown>)
  }
  await gateway.port('icm/server_port_')
  return gateway
}
