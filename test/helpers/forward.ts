/**
 * A bare Fastify application with the forward path in front of one back end.
 */
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Test } from 'tap'
import { clientErrorHandler, errorPages, type ErrorPagesOptions } from '../../plugins/error-pages.ts'
import { forward, type ForwardOptions } from '../../plugins/forward.ts'
import { UpstreamPools, type UpstreamPoolsOptions } from '../../src/upstream/pools.ts'
import type { Pools } from '../../src/upstream/sender.ts'
import type { UpstreamServer, UpstreamTls } from '../../src/upstream/server.ts'
import type { Target } from '../../src/upstream/target.ts'

export interface ForwardSetup {
  /** Port of the back end, or the whole server, or `null` for no target. */
  readonly to: number | UpstreamServer | null
  readonly forward?: Omit<ForwardOptions, 'pools'>
  readonly pools?: UpstreamPoolsOptions
  /** In place of connections that are dialled. */
  readonly connections?: Pools
  readonly errorPages?: ErrorPagesOptions
  /** Registered before the forward path. */
  readonly before?: (app: FastifyInstance) => void
  readonly https?: object
  /** More options of Fastify. */
  readonly fastify?: object
}

export interface ForwardGateway {
  readonly app: FastifyInstance
  readonly port: number
  readonly pools: UpstreamPools
  /** What was reported about the target, in order: `succeeded`, or the reason of a failure. */
  readonly reports: string[]
  /** Parsed lines of the log. */
  readonly log: Array<Record<string, any>>
}

/** A server on 127.0.0.1. */
export function serverAt (port: number, tls: UpstreamTls | null = null): UpstreamServer {
  return { origin: `${tls === null ? 'http' : 'https'}://127.0.0.1:${port}`, host: '127.0.0.1', port, tls }
}

/** Starts the application on a port of 127.0.0.1 and stops it after the test. */
export async function buildForward (t: Test, setup: ForwardSetup): Promise<ForwardGateway> {
  const log: ForwardGateway['log'] = []
  const reports: string[] = []
  const app = Fastify({
    logger: { level: 'debug', stream: { write: (line: string) => { log.push(JSON.parse(line)) } } },
    rewriteUrl: ({ url = '/' }) => url.startsWith('/local') ? url : '/',
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    clientErrorHandler,
    ...setup.fastify,
    ...(setup.https === undefined ? { http: { maxHeaderSize: 65_536 } } : { https: { maxHeaderSize: 65_536, ...setup.https } })
  }) as unknown as FastifyInstance
  const server = typeof setup.to === 'number' ? serverAt(setup.to) : setup.to
  const target: Target | null = server === null
    ? null
    : { server, system: 'wdisp/system_0', succeeded: () => { reports.push('succeeded') }, failed: reason => { reports.push(reason) } }
  await app.register(errorPages, setup.errorPages ?? {})
  await app.register(fp(async instance => {
    instance.decorateRequest('target', null)
    instance.addHook('onRequest', (request, _reply, done) => { request.target = target; done() })
  }))
  setup.before?.(app)
  const pools = new UpstreamPools(setup.pools)
  await app.register(forward, { ...setup.forward, pools: setup.connections ?? pools })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => {
    pools.destroy()
    await app.close()
  })
  return { app, port: (app.server.address() as AddressInfo).port, pools, reports, log }
}
