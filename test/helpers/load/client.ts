/**
 * The load client, a program: one argument, the JSON of `LoadJob`. It says `running` with its first good answer, and prints its report as
 * one line when it is done: after so many requests, after so much time, or when SIGTERM tells it to begin no more.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, Client, WebSocket, type Dispatcher } from 'undici'
import { echoBody, patternAt } from './payload.ts'
import type { Exchange, Outcome, Report, Stream } from './report.ts'

/** What the client is told. Files are PEM. */
export interface LoadJob {
  /** Of the gateway: scheme, host and port. */
  readonly origin: string
  /**
   * `get`: `/echo` with an answer of `bytes`; `post`: `/echo` with a body of `bytes`; `read`: `/bytes/<bytes>`, read at `bytesPerSecond`;
   * `socket`: WebSocket messages of `bytes` over one connection per worker.
   */
  readonly kind: 'get' | 'post' | 'read' | 'socket'
  readonly bytes: number
  /** Requests or messages at the same time. */
  readonly concurrency: number
  /** Ends after so many requests in all; without it, after `durationMs` or at SIGTERM. */
  readonly requests?: number
  readonly durationMs?: number
  /** `false`: each request on a connection of its own. */
  readonly keepAlive?: boolean
  /** Pause before each request of a worker. */
  readonly pauseMs?: number
  /** The back end waits so long with its answer. */
  readonly delayMs?: number
  /** A request that takes longer has failed. */
  readonly timeoutMs?: number
  /** How fast a reader takes its answer. */
  readonly bytesPerSecond?: number
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

const job = JSON.parse(process.argv[2] ?? '') as LoadJob
const { timeoutMs = 30_000, concurrency } = job
const connect = {
  timeout: timeoutMs,
  ...job.ca === undefined ? {} : { ca: readFileSync(job.ca) },
  ...job.cert === undefined || job.key === undefined ? {} : { cert: readFileSync(job.cert), key: readFileSync(job.key) }
}
const limits = { connect, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 } as const
const agent = new Agent({ ...limits, connections: concurrency, keepAliveTimeout: 60_000 })

const exchanges: Exchange[] = []
const streams: Stream[] = []
const over = new AbortController()
let left = job.requests ?? Infinity
let running = false

process.once('SIGTERM', () => { over.abort() })
if (job.durationMs !== undefined) setTimeout(() => { over.abort() }, job.durationMs).unref()
const worker = { get: request, post: request, read, socket }[job.kind]
await Promise.all(Array.from({ length: concurrency }, async () => { await worker() }))
process.stdout.write(`${JSON.stringify({ exchanges, streams } satisfies Report)}\n`, () => { process.exit(0) })

function said (outcome: Outcome): Outcome {
  if (outcome === 'ok' && !running) {
    running = true
    console.log('running')
  }
  return outcome
}

async function request (): Promise<void> {
  while (left-- > 0 && !over.signal.aborted) {
    if (job.pauseMs !== undefined) await delay(job.pauseMs, undefined, { signal: over.signal }).catch(() => {})
    const at = Date.now()
    const started = performance.now()
    const outcome = said(await exchange().catch(failed))
    exchanges.push({ at, ms: performance.now() - started, outcome })
  }
}

/** One request with a nonce of its own; the answer has to be the one that belongs to it. */
async function exchange (): Promise<Outcome> {
  const nonce = randomUUID()
  const expected = echoBody(nonce, job.bytes)
  const post = job.kind === 'post'
  const dispatcher: Dispatcher = job.keepAlive === false ? new Client(job.origin, limits) : agent
  try {
    const { statusCode, headers, body } = await dispatcher.request({
      origin: job.origin,
      path: post ? '/echo' : `/echo?bytes=${job.bytes}&delay=${job.delayMs ?? 0}`,
      method: post ? 'POST' : 'GET',
      headers: { 'x-nonce': nonce, ...post ? { 'content-type': 'text/plain' } : {} },
      body: post ? expected : null,
      signal: AbortSignal.timeout(timeoutMs)
    })
    const text = await body.text()
    if (statusCode !== 200) return `status ${statusCode}`
    return headers['x-nonce'] === nonce && text === expected ? 'ok' : 'wrong body'
  } finally {
    if (dispatcher !== agent) await dispatcher.destroy()
  }
}

/** Takes one long answer at a steady pace, and compares what it takes. The streams of undici buffer at most 64 KiB ahead of it. */
async function read (): Promise<void> {
  let taken = 0
  const started = performance.now()
  const outcome = await readAll(async chunk => {
    for (let offset = 0; offset < chunk.length;) {
      const expected = patternAt(taken + offset, chunk.length - offset)
      if (!expected.equals(chunk.subarray(offset, offset + expected.length))) return false
      offset += expected.length
    }
    taken += chunk.length
    said('ok')
    const due = started + taken / (job.bytesPerSecond ?? Infinity) * 1000
    if (due > performance.now()) await delay(due - performance.now(), undefined, { signal: over.signal }).catch(() => {})
    return true
  }).catch(failed)
  // who was told to stop has not been cut off
  streams.push({ bytes: taken, outcome: outcome === 'ok' && taken < job.bytes && !over.signal.aborted ? 'truncated' : outcome })
}

async function readAll (take: (chunk: Buffer) => Promise<boolean>): Promise<Outcome> {
  const { statusCode, body } = await agent.request({ origin: job.origin, path: `/bytes/${job.bytes}`, method: 'GET' })
  if (statusCode !== 200) {
    await body.dump()
    return `status ${statusCode}`
  }
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (over.signal.aborted) break
    if (!await take(chunk)) return 'wrong body'
  }
  return 'ok'
}

/** One WebSocket, one message at a time. */
async function socket (): Promise<void> {
  const connection = new WebSocket(`${job.origin.replace('http', 'ws')}/socket`, { dispatcher: agent })
  const next = (): Promise<string> => new Promise((resolve, reject) => {
    connection.addEventListener('message', ({ data }) => { resolve(String(data)) }, { once: true })
    connection.addEventListener('close', ({ code }) => { reject(Object.assign(new Error('closed'), { code: `close ${code}` })) }, { once: true })
  })
  let bytes = 0
  const exchangeMessage = async (): Promise<Outcome> => {
    const message = echoBody(randomUUID(), job.bytes)
    const answer = next()
    connection.send(message)
    if (await answer !== message) return 'wrong body'
    bytes += message.length
    return 'ok'
  }
  let outcome: Outcome = await opened(connection).catch(failed)
  while (outcome === 'ok' && left-- > 0 && !over.signal.aborted) {
    const at = Date.now()
    const started = performance.now()
    outcome = said(await exchangeMessage().catch(failed))
    exchanges.push({ at, ms: performance.now() - started, outcome })
  }
  streams.push({ bytes, outcome })
  connection.close()
}

async function opened (connection: WebSocket): Promise<Outcome> {
  return await new Promise((resolve, reject) => {
    connection.addEventListener('open', () => { resolve('ok') }, { once: true })
    connection.addEventListener('error', ({ error }) => { reject(error) }, { once: true })
    connection.addEventListener('close', ({ code }) => { reject(Object.assign(new Error('closed'), { code: `close ${code}` })) }, { once: true })
  })
}

/** The kind of a failure; an answer that ended early is one of its own. */
function failed (error: unknown): Outcome {
  const { name, code, message } = error as Error & { code?: string }
  if (name === 'TimeoutError' || code === 'UND_ERR_CONNECT_TIMEOUT') return 'timeout'
  if (name === 'TypeError' && message === 'terminated') return 'truncated'
  return `error ${code ?? message}`
}
