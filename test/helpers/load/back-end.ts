/**
 * The back end of load tests, a program: one argument, the JSON of `BackEndJob`; says `listening on <port>` and serves until it is ended.
 *
 * | target | answer |
 * | --- | --- |
 * | `GET /echo?bytes=<n>&delay=<ms>` | the field X-Nonce as it came, and a body of n bytes made of it |
 * | `POST /echo` | the body that came, as it comes |
 * | `GET /bytes/<n>` | n bytes of `patternAt`, as fast as they are taken |
 * | `GET /headers` | JSON of what arrived: `rawHeaders`, method, target, address, and the subject of the TLS client certificate |
 * | `GET /socket`, WebSocket | every message back |
 */
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { TLSSocket } from 'node:tls'
import websocket from '@fastify/websocket'
import { fastify, type FastifyInstance, type FastifyRequest } from 'fastify'
import { echoBody, PATTERN } from './payload.ts'

/** What the back end is told. Files are PEM; with a key it speaks TLS, with `ca` it demands a client certificate. */
export interface BackEndJob {
  readonly host: string
  readonly port: number
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
}

/** The answer of `/headers`. */
export interface SeenRequest {
  readonly method: string
  readonly target: string
  readonly rawHeaders: readonly string[]
  readonly remoteAddress: string
  /** Common name of the TLS client's certificate; `null` without one. */
  readonly tlsClient: string | null
}

const job = JSON.parse(process.argv[2] ?? '') as BackEndJob
const app = build(job)
await routes(app)
await app.listen({ host: job.host, port: job.port })
console.log(`listening on ${(app.server.address() as AddressInfo).port}`)
process.once('SIGTERM', () => { process.exit(0) })

function build ({ cert, key, ca }: BackEndJob): FastifyInstance {
  const common = { keepAliveTimeout: 300_000, bodyLimit: 2 ** 31 }
  if (cert === undefined || key === undefined) return fastify(common)
  const client = ca === undefined ? {} : { ca: readFileSync(ca), requestCert: true, rejectUnauthorized: true }
  return fastify({ ...common, https: { cert: readFileSync(cert), key: readFileSync(key), ...client } }) as unknown as FastifyInstance
}

async function routes (app: FastifyInstance): Promise<void> {
  await app.register(websocket)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => { done(null, payload) })
  app.get<{ Querystring: { bytes?: string, delay?: string } }>('/echo', async (request, reply) => {
    const nonce = String(request.headers['x-nonce'] ?? '')
    const { bytes = '0', delay: ms = '0' } = request.query
    if (ms !== '0') await delay(Number(ms))
    return await reply.header('x-nonce', nonce).send(echoBody(nonce, Number(bytes)))
  })
  app.post('/echo', async (request, reply) => {
    return await reply.header('x-nonce', request.headers['x-nonce']).header('content-length', request.headers['content-length']).send(request.body)
  })
  app.get<{ Params: { bytes: string } }>('/bytes/:bytes', async (request, reply) => {
    const bytes = Number(request.params.bytes)
    return await reply.header('content-length', bytes).send(Readable.from(chunks(bytes), { objectMode: false, highWaterMark: PATTERN.length }))
  })
  app.get('/headers', async request => seen(request))
  app.get('/socket', { websocket: true }, socket => {
    socket.on('message', (data: Buffer, isBinary) => { socket.send(data, { binary: isBinary }) })
  })
}

function * chunks (bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= PATTERN.length) yield left < PATTERN.length ? PATTERN.subarray(0, left) : PATTERN
}

function seen ({ raw, ip }: FastifyRequest): SeenRequest {
  const peer = raw.socket instanceof TLSSocket ? raw.socket.getPeerX509Certificate() : undefined
  return { method: raw.method ?? '', target: raw.url ?? '', rawHeaders: raw.rawHeaders, remoteAddress: ip, tlsClient: peer === undefined ? null : peer.toLegacyObject().subject.CN as string }
}
