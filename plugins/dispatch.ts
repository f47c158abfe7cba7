/**
 * Decides for each request of a forwarding route which system and server it goes to: `request.target`.
 */
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import Type, { type Static } from 'typebox'
import { withoutCookie } from '../src/dispatch/sticky-cookie.ts'
import type { DispatchSystem } from '../src/dispatch/system.ts'
import { DispatchTable, type RequestFacts } from '../src/dispatch/table.ts'
import { changeField } from '../src/http/request-field.ts'
import { arrivalOf } from '../src/http/reversed-connection.ts'
import { checkOptions } from '../src/options.ts'
import type { Target } from '../src/upstream/target.ts'

const texts = (description: string) => Type.Array(Type.String({ minLength: 1 }), { description, default: [] })

/** One system, without its servers: those hold keys and are handed over as they are. */
const SystemSchema = Type.Object({
  name: Type.String({ description: 'Name of the system, for messages; unique.', minLength: 1 }),
  sid: Type.String({ description: 'Three-character id of the system; part of the name of the stickiness cookie.', minLength: 1, 'x-sap': { parameter: 'wdisp/system_<xx> SID' } }),
  sourceServers: texts('`address:port` patterns of the local address on which the request arrived; empty for any.'),
  sourceUrls: texts('Path prefixes; empty for any.'),
  sourceVirtualHosts: texts('`host:port` patterns for the Host field; empty for any.'),
  sticky: Type.Boolean({ description: 'Whether a session stays on its server, by a cookie.', default: true, 'x-sap': { parameter: 'wdisp/system_<xx> STICKY' } }),
  runLevel: Type.Union([Type.Literal('running'), Type.Literal('stopped'), Type.Literal('internal')], {
    description: '`stopped` systems answer 503, `internal` ones are not there for clients.', default: 'running', 'x-sap': { parameter: 'wdisp/system_<xx> RUNLEVEL' }
  })
}, { additionalProperties: false })

/** Options of the plugin `dispatch` that are JSON. */
export const DispatchOptionsSchema = Type.Object({
  systems: Type.Array(SystemSchema, { description: 'The systems in the order of their index. Not together with `table`.', default: [] }),
  conflictResolution: Type.Union([Type.Literal('ERROR'), Type.Literal('FIRST_MATCH'), Type.Literal('BEST_MATCH')], {
    description: 'Which of several matching systems wins; ERROR refuses such systems at start.', default: 'BEST_MATCH', 'x-sap': { parameter: 'wdisp/system_conflict_resolution' }
  }),
  stickyKey: Type.Union([Type.String({ minLength: 32 }), Type.Null()], {
    description: 'Key of the stickiness cookies. Gateways that stand side by side need the same one; without a key each start makes its own.', default: null
  }),
  retryAfterMs: Type.Integer({ description: 'Time until a server that failed gets one request as a probe, in milliseconds.', default: 10_000, minimum: 100, maximum: 3_600_000 })
}, { additionalProperties: false })

/** Options of the plugin `dispatch`. */
export type DispatchOptions = Omit<Partial<Static<typeof DispatchOptionsSchema>>, 'systems'> & {
  /** The systems with their servers; the rest has defaults. */
  readonly systems?: ReadonlyArray<Pick<DispatchSystem, 'name' | 'sid' | 'servers'> & Partial<DispatchSystem>>
  /** A table that several listeners share, instead of `systems` and the other options. */
  readonly table?: DispatchTable
}

declare module 'fastify' {
  interface FastifyRequest {
    /** System and server of this request; `null` on routes that do not forward, and for `*` and CONNECT. */
    target: Target | null
  }
  interface FastifyContextConfig {
    /** Set on routes that forward: they need a target. */
    forward?: boolean
  }
}

const plugin: FastifyPluginAsync<DispatchOptions> = async (fastify, options) => {
  const table = options.table ?? tableOf(options, fastify.log)
  fastify.decorateRequest('target', null)
  fastify.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.forward === true && hasTarget(request)) {
      const selection = table.choose(factsOf(request), (setCookie, before) => replaceCookie(reply, { setCookie, before }))
      request.target = selection
      if (selection.cookieName !== null) removeCookie(request.raw, selection.cookieName)
      if (selection.setCookie !== null) reply.header('set-cookie', selection.setCookie)
    }
    done()
  })
}

function tableOf ({ table, systems = [], ...options }: DispatchOptions, log: FastifyRequest['log']): DispatchTable {
  const json = checkOptions('dispatch', DispatchOptionsSchema, { ...options, systems: systems.map(({ servers, ...system }) => system) })
  const complete = json.systems.map((system, index) => ({ ...system, servers: systems[index]?.servers ?? [] }))
  return new DispatchTable(complete, {
    conflictResolution: json.conflictResolution,
    retryAfterMs: json.retryAfterMs,
    stickyKey: json.stickyKey ?? undefined,
    onServerChange: ({ system, server, state, reason }) => {
      if (state === 'out') log.warn({ system, upstream: server.origin, reason }, 'server taken out')
      else log.info({ system, upstream: server.origin }, 'server is back')
    }
  })
}

/** `OPTIONS *` is answered by the gateway and CONNECT refused: neither has a path. */
function hasTarget ({ method, originalUrl }: FastifyRequest): boolean {
  return originalUrl !== '*' && method !== 'CONNECT'
}

function factsOf ({ raw, originalUrl }: FastifyRequest): RequestFacts {
  const socket = raw.socket as Partial<TLSSocket>
  const hosts: string[] = []
  const cookies: string[] = []
  for (let index = 0; index < raw.rawHeaders.length; index += 2) {
    const name = raw.rawHeaders[index] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts.push(raw.rawHeaders[index + 1] as string)
    else if (name.length === 6 && name.toLowerCase() === 'cookie') cookies.push(raw.rawHeaders[index + 1] as string)
  }
  return { ...arrivalOf(raw.socket), encrypted: socket.encrypted === true, hosts, cookies, target: originalUrl }
}

/** Our cookie is no business of the back end. */
function removeCookie (raw: IncomingMessage, name: string): void {
  if (raw.headers.cookie?.includes(name) === true) changeField(raw, 'cookie', value => withoutCookie(value, name))
}

/** The request went to another server than the cookie says that is already among the fields of the answer. */
function replaceCookie (reply: FastifyReply, { setCookie, before }: { setCookie: string | null, before: string | null }): void {
  const others = [reply.getHeader('set-cookie') ?? []].flat().filter(cookie => cookie !== before)
  reply.removeHeader('set-cookie')
  for (const cookie of setCookie === null ? others : [...others, setCookie]) reply.header('set-cookie', cookie)
}

/** The dispatching plugin: systems, balancing, stickiness. */
export const dispatch = fp(plugin, { name: 'postern/dispatch', fastify: '5.x' })
export default dispatch
