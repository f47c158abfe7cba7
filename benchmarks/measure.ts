/**
 * One measurement: a load generator process against one peer, with the CPU time that the peer used for it.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import tls from 'node:tls'
import { Connection } from './exchange.ts'
import type { Job, Measurement } from './client.ts'
import type { Pki } from './landscape.ts'
import { onTwoCores, type Running } from './processes.ts'
import type { Scenario } from './scenarios.ts'

export interface Result {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  /** Milliseconds of CPU time of the peer's processes for one unit of the scenario. */
  readonly cpuMsPerUnit: number
}

/** What is measured: a peer that answers on `port`. */
export interface Subject {
  /** Whose CPU time counts. */
  readonly process: Pick<Running, 'cpuMs'>
  readonly host?: string | undefined
  readonly port: number
  /** Where the client runs: words before its command line. */
  readonly within?: readonly string[]
}

/** Runs `scenario` against `subject` once. */
export async function measure ({ process: peer, host, port, within }: Subject, pki: Pki, scenario: Scenario): Promise<Result> {
  const client = forkClient(within)
  try {
    client.send({ host, port, pki, scenario } satisfies Job)
    await reply(client)
    const cpuBefore = peer.cpuMs()
    client.send('go')
    const { seconds, latenciesMs } = await reply(client) as Measurement
    const cpuMs = peer.cpuMs() - cpuBefore
    const at = (share: number): number => latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(share * latenciesMs.length))] ?? NaN
    const cpuMsPerUnit = cpuMs / (latenciesMs.length * scenario.unitsPerExchange)
    return { requestsPerSecond: latenciesMs.length / seconds, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), cpuMsPerUnit }
  } finally {
    client.kill('SIGKILL')
  }
}

function forkClient (within: readonly string[] = []): ChildProcess {
  const [first = process.execPath, ...rest] = [...within, process.execPath]
  const [command, args] = onTwoCores(first, rest)
  return fork(join(import.meta.dirname, 'client.ts'), { execPath: command, execArgv: args })
}

async function reply (client: ChildProcess): Promise<unknown> {
  const ended = once(client, 'exit').then(([code]) => { throw new Error(`the load generator ended with ${code}, see above`) })
  const [message] = await Promise.race([once(client, 'message'), ended])
  ended.catch(() => {})
  return message
}

/**
 * Proves that a peer does the job before its time is taken: the back end has to see the client's certificate in the field and the
 * gateway's certificate on the connection. Returns the TLS parameters that were agreed on.
 *
 * @throws if the back end saw anything else
 */
export async function verify (port: number, pki: Pki, host?: string): Promise<string> {
  const context = tls.createSecureContext({ ca: readFileSync(pki.ca), cert: readFileSync(pki.client.cert), key: readFileSync(pki.client.key) })
  const connection = await Connection.open({ host, port, context })
  try {
    const { status, body } = await connection.request(Buffer.from('GET /identities HTTP/1.1\r\nHost: localhost\r\n\r\n'))
    const [gateway = '', field = ''] = body.split('\n')
    if (status !== 200) throw new Error(`answered with ${status}`)
    if (!/CN=gateway\b/.test(gateway)) throw new Error(`the back end saw the client certificate "${gateway}", expected CN=gateway`)
    if (derOf(field) !== pki.expectedHeader) throw new Error(`the back end saw SSL_CLIENT_CERT "${field}"`)
    return `${connection.socket.getProtocol()} ${connection.socket.getCipher().standardName}`
  } finally {
    connection.close()
  }
}

/** Base64 of DER, from the field as it is or from nginx's URL-encoded PEM. */
function derOf (field: string): string {
  return field.startsWith('-----') ? decodeURIComponent(field).replaceAll(/-----[A-Z ]+-----|\s/g, '') : field
}
