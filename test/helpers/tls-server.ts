/** A bare Fastify application behind the TLS server factory, for tests of everything that happens before a request. */
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import Fastify from 'fastify'
import type { Test } from 'tap'
import { tlsServerFactory, tlsTermination, type TlsServerOptions } from '../../plugins/tls-termination.ts'

/** A line of the log. */
export type LogLine = Record<string, unknown> & { readonly msg: string }

/** What the application knows of its client. */
export interface Seen {
  readonly authorized: boolean
  readonly subject: string | null
  readonly reused: boolean
}

/**
 * Answers every request with {@link Seen}.
 *
 * @param waitFor what to wait for before an answer
 */
export async function buildTlsServer (t: Test, options: TlsServerOptions, waitFor: () => Promise<void> = async () => {}) {
  const lines: LogLine[] = []
  const watchers = new Set<() => void>()
  const write = (line: string) => {
    lines.push(JSON.parse(line))
    for (const watcher of watchers) watcher()
  }
  const app = Fastify({ serverFactory: tlsServerFactory(options), logger: { level: 'debug', stream: { write } } })
  await app.register(tlsTermination)
  app.get('/*', async request => {
    await waitFor()
    const socket = request.raw.socket as TLSSocket
    return { authorized: socket.authorized, subject: socket.getPeerX509Certificate()?.subject ?? null, reused: socket.isSessionReused() }
  })
  t.teardown(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, port: (app.server.address() as AddressInfo).port, lines, logged: (msg: string) => logged(lines, watchers, msg) }
}

/** Waits for a line of the log. */
async function logged (lines: LogLine[], watchers: Set<() => void>, msg: string): Promise<LogLine> {
  return await new Promise(resolve => {
    const look = () => {
      const line = lines.find(one => one.msg === msg)
      if (line === undefined) return
      watchers.delete(look)
      resolve(line)
    }
    watchers.add(look)
    look()
  })
}

/** The body of an answer of {@link buildTlsServer}. */
export function seenIn (answer: string | null): Seen | null {
  return answer === null ? null : JSON.parse(answer.split('\r\n\r\n')[1] as string)
}

export function statusOf (answer: string | null): number | null {
  return answer === null ? null : Number(answer.split(' ')[1])
}
