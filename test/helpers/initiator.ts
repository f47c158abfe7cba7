/** An application behind an initiator, and requests over the connections that an acceptor was given. */
import { request, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyInstance } from 'fastify'
import { Registry } from 'prom-client'
import type { Test } from 'tap'
import { reverseInvokeInitiator, type ReverseInvokeInitiatorOptions } from '../../plugins/reverse-invoke-initiator.ts'
import type { Provider } from '../../src/reverse-invoke/provider.ts'
import type { Registrations } from '../../src/reverse-invoke/registrations.ts'
import { identityOf } from './identity.ts'
import { logSink, type LogSink } from './log-sink.ts'
import type { Pki } from './pki.ts'

/** The endpoint that the tests register. */
export const endpoint = { host: 'app.inner', port: 443 }

/** An application that registers. */
export interface InitiatorUnderTest {
  readonly app: FastifyInstance
  readonly log: LogSink
  readonly metrics: Registry
}

/** Back-off without any wait worth speaking of. */
export const quickly = { initialMs: 1, firstCapMs: 20, stableMs: 0 }

/**
 * An application with an initiator that registers `app.inner:443` on 127.0.0.1; with a PKI over TLS. It dials when `start` is called.
 *
 * @param routes adds what the application answers, beside `GET /*`
 */
export async function buildInitiator (t: Test, options: Partial<ReverseInvokeInitiatorOptions> & { readonly port: number }, { pki = null, routes }: { readonly pki?: Pki | null, readonly routes?: (app: FastifyInstance) => void } = {}): Promise<InitiatorUnderTest> {
  const log = logSink()
  const metrics = new Registry()
  const app = Fastify({ loggerInstance: log.logger, return503OnClosing: false, exposeHeadRoutes: false }) as unknown as FastifyInstance
  app.get('/*', async ({ raw }) => ({ method: raw.method, target: raw.url, headers: raw.headers }))
  app.post('/*', async ({ body }) => ({ body }))
  routes?.(app)
  await app.register(reverseInvokeInitiator, {
    name: 'client_0', host: '127.0.0.1', endpoints: [{ endpoint: 'app.inner:443' }], backOff: quickly, metrics, ...tlsOf(pki), ...options
  })
  t.teardown(async () => {
    for (const initiator of app.reverseInvokeInitiator.initiators) initiator.destroy()
    await app.close()
  })
  await app.ready()
  return { app, log, metrics }
}

function tlsOf (pki: Pki | null): Partial<ReverseInvokeInitiatorOptions> {
  return pki === null ? { useTls: false } : { useTls: true, identity: identityOf(pki.gateway, [pki.root]) }
}

/** What came back. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** Takes a data connection from the first provider that serves the endpoint. */
export async function takeFrom (registrations: Registrations, of = endpoint): Promise<Socket> {
  const [provider] = registrations.providersOf(of)
  return await (provider as Provider).take()
}

/** One request on a data connection. */
export async function askOn (socket: Socket, { path = '/', method = 'GET', headers = {}, body }: { path?: string, method?: string, headers?: Record<string, string>, body?: string } = {}): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const outgoing = request({ createConnection: () => socket, path, method, headers: { host: 'app.inner', connection: 'keep-alive', ...headers } })
    outgoing.on('error', reject)
    outgoing.once('response', answer => {
      text(answer).then(body => { resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }) }, reject)
    })
    outgoing.end(body)
  })
}
