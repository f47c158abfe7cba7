/**
 * Writes a line per exchange into a log file (`icm/HTTP/logging_<xx>`). Can be registered several times.
 */
import type { ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import Type, { type Static } from 'typebox'
import { contentLengthOf, countBody, fieldsOf, headOf } from '../src/access-log/answer.ts'
import { compileFormat } from '../src/access-log/format.ts'
import { logFilesOnDisk, standardOutput } from '../src/access-log/load.ts'
import type { AccessRecord } from '../src/access-log/record.ts'
import { RotatingLog } from '../src/access-log/rotating-log.ts'
import { errors } from '../src/errors.ts'
import { onceEnded } from '../src/http/exchange-end.ts'
import { percentDecode } from '../src/http/percent-encoding.ts'
import { arrivalOf, reversedConnection } from '../src/http/reversed-connection.ts'
import { checkOptions } from '../src/options.ts'
import { parseCertificate } from '../src/x509/certificate.ts'

const sap = (subParameter: string, unit?: string) => ({ parameter: `icm/HTTP/logging_<xx> ${subParameter}`, ...(unit === undefined ? {} : { unit }) })

/** Options of the plugin `access-log`. */
export const AccessLogOptionsSchema = Type.Object({
  prefix: Type.String({ description: 'Only requests whose path starts with this prefix, as sent or decoded.', default: '/', minLength: 1, 'x-sap': sap('PREFIX') }),
  file: Type.String({ description: 'Log file with place holders %d %m %y %h %t %s %%; `-` or `stdout` for standard output.', minLength: 1, examples: ['/var/log/postern/access_%y%m%d.log'], 'x-sap': sap('LOGFILE') }),
  format: Type.String({ description: 'CLF, CLFMOD, SAP, SAPSMD, SAPSMD2, or a text with directives.', default: 'CLF', minLength: 1, 'x-sap': sap('LOGFORMAT') }),
  maxSizeKb: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], { description: 'A file that would grow beyond this is switched.', default: null, 'x-sap': sap('MAXSIZEKB', 'KiB') }),
  maxFiles: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], { description: 'Files that are kept, the one in use included; the oldest are removed.', default: null, 'x-sap': sap('MAXFILES') }),
  switchTime: Type.Union([Type.Literal('hour'), Type.Literal('day'), Type.Literal('month'), Type.Null()], { description: 'A new file each hour, day or month.', default: null, 'x-sap': sap('SWITCHTF') }),
  wrap: Type.Boolean({ description: 'Begin again in the same file instead of a new one, unless `maxFiles` allows several.', default: false, 'x-sap': sap('FILEWRAP') }),
  filter: Type.Union([Type.Literal('SAPSMD'), Type.Null()], { description: 'SAPSMD: only requests with the field X-CorrelationID.', default: null, 'x-sap': sap('FILTER') }),
  secretFields: Type.Array(Type.String({ minLength: 1 }), { description: 'What the names of further header fields begin with whose value is never logged, beside those that are masked always.', default: [] })
}, { additionalProperties: false })

/** Options of the plugin `access-log`. */
export type AccessLogOptions = Partial<Static<typeof AccessLogOptionsSchema>> & { readonly file: string }

type Resolved = Static<typeof AccessLogOptionsSchema>

/** What a log is to this plugin. */
type Log = Pick<RotatingLog, 'write' | 'reopen' | 'end'>

const plugin: FastifyPluginAsync<AccessLogOptions> = async (fastify, options) => {
  const resolved = checkOptions('access-log', AccessLogOptionsSchema, options)
  const format = compileFormat(resolved.format, resolved.secretFields)
  const log = openLog(resolved, fastify)
  const serverHost = hostname()
  const seen = new WeakSet<FastifyRequest>()

  const begin = (request: FastifyRequest, reply: { readonly raw: ServerResponse, readonly elapsedTime: number }): void => {
    seen.add(request)
    if (!isWanted(request, resolved)) return
    const exchange = new Exchange(request, reply.raw, { serverHost, elapsedMs: reply.elapsedTime })
    onceEnded(request.raw, reply.raw, () => { log.write(format(exchange.end())) })
  }
  fastify.addHook('onRequest', (request, reply, done) => {
    begin(request, reply)
    done()
  })
  // a request that an earlier hook has refused never came to the hook above
  fastify.addHook('onResponse', (request, reply, done) => {
    if (!seen.has(request)) begin(request, reply)
    done()
  })
  // whoever moves log files away says so by SIGHUP
  fastify.server.on('refresh', () => { log.reopen() })
  fastify.addHook('onClose', async () => {
    // the server is closed before its last connections have said so: they do in the phase between these two
    await setImmediate()
    await setImmediate()
    await log.end()
  })
}

/** One exchange; the log's view of it is made when it has ended. */
class Exchange implements AccessRecord {
  readonly startedAt: number
  readonly clientAddress: string
  readonly method: string
  readonly target: string
  readonly httpVersion: string
  readonly requestFields: readonly string[]
  readonly serverHost: string
  readonly serverPort: number | null
  status: number | null = null
  bytes = 0
  durationMs = 0
  readonly #socket: Socket
  readonly #response: ServerResponse
  readonly #start: number
  readonly #bytesBefore: number
  /** `null`: the answer had been written when the log first heard of it. */
  readonly #count: { readonly bytes: number } | null

  constructor ({ raw, originalUrl }: FastifyRequest, response: ServerResponse, { serverHost, elapsedMs }: { serverHost: string, elapsedMs: number }) {
    const { socket } = raw
    this.#socket = socket
    this.#response = response
    this.#start = performance.now() - elapsedMs
    this.#bytesBefore = socket.bytesWritten
    this.#count = response.writableEnded ? null : countBody(response)
    this.startedAt = Date.now() - elapsedMs
    this.clientAddress = plainAddress(socket.remoteAddress)
    this.method = raw.method ?? ''
    this.target = originalUrl
    this.httpVersion = raw.httpVersion
    this.requestFields = raw.rawHeaders
    this.serverHost = serverHost
    this.serverPort = arrivalOf(socket).localPort ?? null
  }

  /** Reads what is known when the exchange is over. */
  end (): this {
    this.durationMs = performance.now() - this.#start
    this.status = this.#response.headersSent || this.#response.statusCode === 101 ? this.#response.statusCode : null
    this.bytes = this.#bodyBytes()
    return this
  }

  #bodyBytes (): number {
    if (this.status === null || this.method === 'HEAD' || this.status === 204 || this.status === 304) return 0
    if (this.status === 101) return Math.max(0, this.#socket.bytesWritten - this.#bytesBefore - headOf(this.#response).length)
    return this.#count?.bytes ?? contentLengthOf(headOf(this.#response))
  }

  user (): string | null {
    // the certificate of a reversed connection is a gateway's
    return reversedConnection(this.#socket) === null ? subjectOf(this.#socket as Partial<TLSSocket> & Socket) : null
  }

  responseFields (): readonly string[] {
    return fieldsOf(headOf(this.#response))
  }
}

function isWanted ({ raw, originalUrl }: FastifyRequest, { prefix, filter }: Resolved): boolean {
  if (filter === 'SAPSMD' && raw.headers['x-correlationid'] === undefined) return false
  return prefix === '/' || originalUrl.startsWith(prefix) || percentDecode(originalUrl).startsWith(prefix)
}

/** Logs by their file name: whoever writes to the same file in this process shares it, since each would rotate it for itself. */
const openLogs = new Map<string, { readonly log: Log, readonly settings: string, users: number }>()

function openLog (options: Resolved, fastify: FastifyInstance): Log {
  const { file, maxSizeKb, maxFiles, switchTime, wrap } = options
  const settings = JSON.stringify({ maxSizeKb, maxFiles, switchTime, wrap })
  let shared = openLogs.get(file)
  if (shared === undefined) openLogs.set(file, shared = { log: makeLog(options, fastify), settings, users: 0 })
  else if (shared.settings !== settings) throw new errors.OPTIONS_INVALID('access-log', `${file} is written with other settings already: ${shared.settings}; expected the same`)
  const { log } = shared
  shared.users++
  return { write: line => { log.write(line) }, reopen: () => { log.reopen() }, end: () => releaseLog(file) }
}

async function releaseLog (file: string): Promise<void> {
  const shared = openLogs.get(file)
  if (shared === undefined || --shared.users > 0) return
  openLogs.delete(file)
  await shared.log.end()
}

function makeLog ({ file, maxSizeKb, maxFiles, switchTime, wrap }: Resolved, fastify: FastifyInstance): Log {
  const onFault = throttled(error => { fastify.log.error({ file, err: error }, 'access log') })
  if (file === '-' || file === 'stdout') {
    const output = standardOutput(onFault)
    return { write: line => { output.write(`${line}\n`) }, reopen: () => undefined, end: () => output.end() }
  }
  try {
    return new RotatingLog({
      template: file, maxBytes: maxSizeKb === null ? null : maxSizeKb * 1024, maxFiles, switchTime, wrap, files: logFilesOnDisk(onFault), now: Date.now, onFault
    })
  } catch (error) {
    if ((error as { code?: string }).code === 'POSTERN_ERR_ACCESS_LOG_FILE') throw error
    throw new errors.ACCESS_LOG_FILE(file, (error as Error).message, { cause: error })
  }
}

/** A full disk says so with every line; once a minute is enough. */
function throttled (report: (error: unknown) => void): (error: unknown) => void {
  let silentUntil = 0
  return error => {
    if (Date.now() < silentUntil) return
    silentUntil = Date.now() + 60_000
    report(error)
  }
}

/** IPv4 clients of an IPv6 socket as IPv4. */
function plainAddress (address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/i, '') ?? ''
}

const subjects = new WeakMap<Socket, string | null>()

/** Subject of the certificate that the handshake verified; read once per connection. */
function subjectOf (socket: Partial<TLSSocket> & Socket): string | null {
  let subject = subjects.get(socket)
  if (subject === undefined) {
    const certificate = socket.authorized === true ? socket.getPeerX509Certificate?.() : undefined
    subject = certificate === undefined ? null : parseCertificate(certificate.raw).subject
    subjects.set(socket, subject)
  }
  return subject
}

/** The logging plugin. */
export const accessLog = fp(plugin, { name: 'postern/access-log', fastify: '5.x' })
export default accessLog
