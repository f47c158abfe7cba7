/**
 * The forward path: every request that no other route takes goes to the server in `request.target`, byte-exact, and its answer back.
 */
import { METHODS, ServerResponse, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest, HTTPMethods, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import Type, { type Static } from 'typebox'
import { errors } from '../src/errors.ts'
import { closingAnswer } from '../src/http/client-error.ts'
import { continueOnRead, dropExpect } from '../src/http/expectation.ts'
import { tokens } from '../src/http/field-kinds.ts'
import { ForwardExchange } from '../src/http/forward-exchange.ts'
import { withForwardedFields } from '../src/http/forwarded-fields.ts'
import { LazyLogger } from '../src/http/lazy-logger.ts'
import { closeAfterAnswer } from '../src/http/lingering-close.ts'
import { admitPipelined } from '../src/http/pipelining.ts'
import { requestFields, type RequestFields } from '../src/http/request-fields.ts'
import { parseRequestTarget } from '../src/http/request-target.ts'
import { checkOptions } from '../src/options.ts'
import type { CodedError } from '../src/upstream/failure.ts'
import { UpstreamPools } from '../src/upstream/pools.ts'
import type { Pools } from '../src/upstream/sender.ts'
import type { Target } from '../src/upstream/target.ts'

const source = 'https://help.sap.com/saphelp_erp2005/helpdata/en/42/d5491930b6473ce10000000a114e5d/content.htm'

/** Options of the plugin `forward` that are JSON. */
export const ForwardOptionsSchema = Type.Object({
  addXForwardedFor: Type.Boolean({
    description: 'Append the client address to `x-forwarded-for`.', default: false, 'x-sap': { parameter: 'wdisp/add_xforwardedfor_header', source }
  }),
  addClientProtocol: Type.Boolean({
    description: 'Send `clientprotocol` with the protocol of the client connection.', default: false, 'x-sap': { parameter: 'wdisp/add_client_protocol_header', source }
  }),
  clientProtocol: Type.Union([Type.Literal('http'), Type.Literal('https'), Type.Null()], {
    description: 'Protocol that clients use where it is not that of the connection; `null` takes the connection\'s.', default: null
  }),
  accessPoints: Type.Union([Type.String({ pattern: '^[\\t -~]*$' }), Type.Null()], {
    description: 'Value of `X-SAP-WEBDISP-AP`; `null` sends none.', default: null, examples: ['HTTP=80,HTTPS=443'], 'x-sap': { parameter: 'wdisp/handle_webdisp_ap_header', source }
  }),
  requestTimeoutMs: Type.Union([Type.Integer({ minimum: 1, maximum: 2_147_483_647 }), Type.Null()], {
    description: 'Longest silence of the back end before and within its answer, in milliseconds; `null` for no limit. Upgraded connections have none.', default: null, 'x-sap': { parameter: 'icm/server_port_<xx> PROCTIMEOUT', unit: 's' }
  }),
  receiveTimeoutMs: Type.Union([Type.Integer({ minimum: 1, maximum: 2_147_483_647 }), Type.Null()], {
    description: 'Longest silence of the client within a request body that is wanted from it, in milliseconds; `null` for no limit.', default: null, 'x-sap': { parameter: 'icm/traffic_control', unit: 's' }
  }),
  maxBodyBytes: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
    description: 'Largest request body in bytes, chunked ones counted; `null` for no limit.', default: null, 'x-sap': { parameter: 'icm/HTTP/max_request_size_KB', unit: 'KB' }
  })
}, { additionalProperties: false })

/** Options of the plugin `forward`. */
export type ForwardOptions = Partial<Static<typeof ForwardOptionsSchema>> & {
  /** Connections to back ends that several listeners share; their owner closes them. Without it the plugin makes its own. */
  readonly pools?: Pools
}

type Resolved = Static<typeof ForwardOptionsSchema>

/** Upgrades by their request: what the client sent behind it. */
const upgrades = new WeakMap<IncomingMessage, Buffer>()
/** Requests with an expectation that cannot be met. */
const unmet = new WeakSet<IncomingMessage>()

const plugin: FastifyPluginAsync<ForwardOptions> = async (fastify, { pools: shared, ...json }) => {
  const options = checkOptions('forward', ForwardOptionsSchema, json)
  const pools: Pools = shared ?? new UpstreamPools()
  addMethods(fastify)
  listen(fastify)
  const onRequest: onRequestHookHandler = (request, reply, done) => {
    if (!admitPipelined(request.raw, reply.raw)) {
      request.raw.socket.destroy()
      return
    }
    try {
      forwardRequest(request, reply, { options, pools, done })
    } catch (error) {
      refuse(request, reply)
      done(error as Error)
    }
  }
  const childLoggerFactory: FastifyInstance['childLoggerFactory'] = (...child) => new LazyLogger(() => fastify.childLoggerFactory(...child))
  for (const url of ['/', '/*']) {
    fastify.route({
      method: [...fastify.supportedMethods] as HTTPMethods[],
      url,
      exposeHeadRoute: false,
      config: { forward: true },
      childLoggerFactory,
      onRequest,
      handler: neverReached
    })
  }
  if (shared === undefined) {
    fastify.addHook('preClose', done => { pools.endTunnels(); done() })
    fastify.addHook('onClose', async () => { await pools.close() })
  }
}

/** The answer is given in `onRequest`, before Fastify looks at the body: it would judge its type and its size. */
function neverReached (): never {
  throw new errors.HTTP_INTERNAL()
}

/** Every method that Node's parser knows. */
function addMethods (fastify: FastifyInstance): void {
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !fastify.supportedMethods.includes(method)) fastify.addHttpMethod(method, { hasBody: true })
  }
}

/** Upgrades and expectations come by events of their own; they walk the same way as every other request. */
function listen (fastify: FastifyInstance): void {
  const { server } = fastify
  server.on('checkContinue', (request, response) => {
    continueOnRead(request, response)
    fastify.routing(request, response)
  })
  server.on('checkExpectation', (request, response) => {
    unmet.add(request)
    dropExpect(request)
    fastify.routing(request, response)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {})
    upgrades.set(request, head)
    afterPending(socket, () => fastify.routing(request, responseFor(request, socket)))
  })
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => {})
    afterPending(socket, () => socket.end(closingAnswer(new errors.FORWARD_METHOD()), () => { socket.destroy() }))
  })
}

/** A client may send an upgrade right behind other requests: their answers come first, and one of them may close the connection. */
function afterPending (socket: Duplex & { readonly _httpMessage?: ServerResponse | null }, act: () => void): void {
  if (socket.destroyed || !socket.writable) return
  const pending = socket._httpMessage
  if (pending === null || pending === undefined) act()
  else pending.once('close', () => afterPending(socket, act))
}

/** Node makes no response for an upgrade; any answer but a 101 ends the connection. */
function responseFor (request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request)
  response.assignSocket(socket as IncomingMessage['socket'])
  response.shouldKeepAlive = false
  response.once('finish', () => {
    response.detachSocket(socket as IncomingMessage['socket'])
    if (response.statusCode !== 101) socket.end(() => { socket.destroy() })
  })
  return response
}

interface ForwardContext { readonly options: Resolved, readonly pools: Pools, readonly done: (error?: Error) => void }

function forwardRequest (request: FastifyRequest, reply: FastifyReply, { options, pools, done }: ForwardContext): void {
  const { raw, originalUrl, method } = request
  if (unmet.has(raw)) throw new errors.FORWARD_EXPECTATION()
  if (originalUrl === '*' && method === 'OPTIONS') {
    answerForServer(request, reply)
    return
  }
  const fields = requestFields(raw.rawHeaders)
  checkTarget(originalUrl, raw)
  checkSize(fields, options)
  const head = upgrades.get(raw) ?? null
  if (head !== null) checkUpgrade(fields)
  const target = request.target as Target | null
  if (target === null) throw new errors.FORWARD_NO_TARGET()
  const exchange = new ForwardExchange({
    request: raw,
    response: reply.raw,
    target,
    senderFor: ({ server }) => pools.dispatcherFor(server),
    ownFields: () => reply.getHeaders(),
    maxBodyBytes: options.maxBodyBytes ?? Infinity,
    receiveTimeoutMs: options.receiveTimeoutMs,
    timeoutMs: options.requestTimeoutMs ?? 0,
    upgradeHead: head,
    onNext: (error, next) => {
      request.log.warn({ ...factsOf(request.target as Target, error), next: next.server.origin }, 'no connection to the server: the request goes to another one')
      request.target = next as typeof request.target
    },
    onFailure: (error, failed) => {
      request.log.warn(factsOf(failed, error), 'forwarding failed')
      refuse(request, reply)
      done(error)
    },
    onCut: (error, failed) => { request.log.warn(factsOf(failed, error), 'forwarding failed') }
  })
  exchange.send(originalUrl, ownFields(fields, { raw, options }))
}

/** `OPTIONS *` asks the gateway what it can do, not a back end. */
function answerForServer (request: FastifyRequest, reply: FastifyReply): void {
  const own = reply.getHeaders() as OutgoingHttpHeaders
  reply.raw.writeHead(200, { ...own, Allow: METHODS.filter(method => method !== 'CONNECT').join(', '), 'Content-Length': 0 })
  reply.raw.end()
  request.raw.resume()
}

/**
 * The target goes on byte-exact, so it must not say something else than the Host field that the server was chosen by.
 *
 * @see RFC 9112 section 3.2.2
 */
function checkTarget (target: string, { headers: { host } }: IncomingMessage): void {
  if (target.charCodeAt(0) === 0x2f) return
  const parsed = parseRequestTarget(target)
  // undici passes absolute targets in lower-case schemes only
  if (parsed === null || !/^https?:/.test(target) || parsed.authority?.toLowerCase() !== host?.toLowerCase()) throw new errors.FORWARD_TARGET()
}

function checkSize ({ contentLength }: RequestFields, { maxBodyBytes }: Resolved): void {
  if (contentLength !== null && contentLength > (maxBodyBytes ?? Infinity)) throw new errors.FORWARD_BODY_TOO_LARGE()
}

function checkUpgrade ({ upgrade, chunked, contentLength }: RequestFields): void {
  if (chunked || (contentLength !== null && contentLength > 0)) throw new errors.FORWARD_UPGRADE_BODY()
  // a front end that switches to HTTP/2 behind the gateway's back carries requests that nobody has judged
  if (upgrade === null || tokens(upgrade).some(protocol => /^(h2c?|http)(\/|$)/.test(protocol))) throw new errors.FORWARD_UPGRADE_PROTOCOL()
}

function ownFields (fields: RequestFields, { raw, options }: { raw: IncomingMessage, options: Resolved }): RequestFields {
  const { addXForwardedFor, addClientProtocol, accessPoints } = options
  if (!addXForwardedFor && !addClientProtocol && accessPoints === null) return fields
  return {
    ...fields,
    list: withForwardedFields(fields.list, {
      clientAddress: addXForwardedFor ? raw.socket.remoteAddress ?? null : null,
      clientProtocol: addClientProtocol ? options.clientProtocol ?? ('encrypted' in raw.socket ? 'https' : 'http') : null,
      accessPoints
    })
  }
}

/** Whoever is refused may still be sending a body: the connection ends with the answer. */
function refuse ({ raw }: FastifyRequest, reply: FastifyReply): void {
  const { 'content-length': length, 'transfer-encoding': coding } = raw.headers
  const hasBody = coding !== undefined || (length !== undefined && length !== '0')
  if (hasBody && !raw.complete && !upgrades.has(raw)) closeAfterAnswer(raw, reply.raw)
}

/** The one place where an error of a library is written down, for the administrator. */
function factsOf ({ server, system }: Target, error: CodedError): object {
  const cause = error.cause as { code?: string, message?: string } | undefined
  return { code: error.code, upstream: server.origin, system, causeCode: cause?.code, cause: cause?.message }
}

/** The forward path. Needs a request decorator `target`: from `postern/dispatch`, or anybody's. */
export const forward = fp(plugin, { name: 'postern/forward', fastify: '5.x', decorators: { request: ['target'] } })
export default forward
