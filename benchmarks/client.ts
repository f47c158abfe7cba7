/**
 * The load generator, a process of its own. Its parent sends a job; it connects, warms up, says `ready`, and measures when the
 * parent says `go`, so that the parent can read the CPU time of the peer on both sides of exactly the measured exchanges.
 */
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import tls from 'node:tls'
import { Connection, type Target } from './exchange.ts'
import { TRANSFER_BYTES, type Pki } from './landscape.ts'
import type { Bounds, Scenario } from './scenarios.ts'

export interface Job {
  readonly host?: string | undefined
  readonly port: number
  readonly pki: Pki
  readonly scenario: Scenario
}

export interface Measurement {
  readonly seconds: number
  /** One entry per exchange, sorted. */
  readonly latenciesMs: readonly number[]
}

const UPLOAD_BYTES = 4096

/** A worker does exchanges, one after the other, until the allowance is used up. */
type Worker = (allowance: Allowance) => Promise<void>

/** Waits until a worker is to begin its next exchange; gives back the time from which that one counts. */
type Start = (now: number) => Promise<number>

const atOnce: Start = async now => now

/** So many a second, evenly, by whoever is free. One that nobody was free for is late, and has waited since it was due. */
function evenly (perSecond: number): Start {
  let due = performance.now()
  return async now => {
    const mine = due
    due += 1000 / perSecond
    if (mine <= now) return mine
    await delay(mine - now)
    return performance.now()
  }
}

class Allowance {
  readonly latenciesMs: number[] = []
  readonly #deadline: number
  readonly #start: Start
  #left: number

  constructor ({ exchanges, seconds }: Bounds, start: Start) {
    this.#left = exchanges
    this.#deadline = performance.now() + seconds * 1000
    this.#start = start
  }

  async each (exchange: () => Promise<void>): Promise<void> {
    for (let started = await this.#start(performance.now()); this.#left-- > 0 && started < this.#deadline;) {
      await exchange()
      const ended = performance.now()
      this.latenciesMs.push(ended - started)
      started = await this.#start(ended)
    }
  }
}

function head (method: string, path: string, fields: readonly string[] = []): Buffer {
  return Buffer.from([`${method} ${path} HTTP/1.1`, 'Host: localhost', 'Accept: */*', 'User-Agent: bench', ...fields, '', ''].join('\r\n'))
}

function expectStatus (status: number, expected: number): void {
  if (status !== expected) throw new Error(`answered with ${status}, expected ${expected}`)
}

async function keepAliveWorker (target: Target, request: Buffer): Promise<Worker> {
  const connection = await Connection.open(target)
  return allowance => allowance.each(async () => { expectStatus((await connection.request(request)).status, 200) })
}

async function uploadWorker (target: Target): Promise<Worker> {
  const connection = await Connection.open(target)
  const request = head('POST', '/upload', ['Content-Type: application/octet-stream', `Content-Length: ${TRANSFER_BYTES}`])
  return allowance => allowance.each(async () => { expectStatus((await connection.upload(request, TRANSFER_BYTES)).status, 204) })
}

function handshakeWorker (target: Target): Worker {
  const request = head('GET', '/small')
  return allowance => allowance.each(async () => {
    const connection = await Connection.open(target)
    expectStatus((await connection.request(request)).status, 200)
    connection.close()
  })
}

/** Of ten requests seven small ones, two pages of 16 KiB and one upload of 4 KiB. */
async function mixedWorker (target: Target): Promise<Worker> {
  const connection = await Connection.open(target)
  const [small, page] = [head('GET', '/small'), head('GET', '/page')]
  const upload = head('POST', '/upload', ['Content-Type: application/octet-stream', `Content-Length: ${UPLOAD_BYTES}`])
  let turn = 0
  return allowance => allowance.each(async () => {
    turn = (turn + 1) % 10
    if (turn === 0) expectStatus((await connection.upload(upload, UPLOAD_BYTES)).status, 204)
    else expectStatus((await connection.request(turn % 5 === 2 ? page : small)).status, 200)
  })
}

async function workerFor (target: Target, { kind }: Scenario): Promise<Worker> {
  switch (kind) {
    case 'keep-alive': return await keepAliveWorker(target, head('GET', '/small'))
    case 'mix': return await mixedWorker(target)
    case 'gibibyte': return await keepAliveWorker(target, head('GET', '/gibibyte'))
    case 'download': return await keepAliveWorker(target, head('GET', '/download'))
    case 'upload': return await uploadWorker(target)
    case 'handshake': return handshakeWorker(target)
  }
}

async function measure (workers: readonly Worker[], bounds: Bounds): Promise<Measurement> {
  const allowance = new Allowance(bounds, scenario.rate === undefined ? atOnce : evenly(scenario.rate))
  const started = performance.now()
  await Promise.all(workers.map(worker => worker(allowance)))
  const seconds = (performance.now() - started) / 1000
  return { seconds, latenciesMs: allowance.latenciesMs.sort((a, b) => a - b) }
}

const [{ host, port, pki, scenario }] = await once(process, 'message') as [Job]
const context = tls.createSecureContext({
  ca: readFileSync(pki.ca), cert: readFileSync(pki.client.cert), key: readFileSync(pki.client.key), minVersion: 'TLSv1.3'
})
const workers = await Promise.all(Array.from({ length: scenario.connections }, () => workerFor({ host, port, context }, scenario)))
await measure(workers, scenario.warmUp)
process.send?.('ready')
await once(process, 'message')
process.send?.(await measure(workers, scenario.measured), () => { process.exit(0) })
