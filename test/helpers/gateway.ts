/** A gateway in this process, from the text of a profile. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { ConnectionOptions } from 'node:tls'
import type { Test } from 'tap'
import { createGateway, type Gateway } from '../../src/gateway/compose.ts'
import type { Plan } from '../../src/gateway/plan.ts'
import { prepareGateway, type Prepared } from '../../src/gateway/prepare.ts'
import { findingsToText } from '../../src/profile/report.ts'
import { logSink, type LogSink } from './log-sink.ts'

type Files = Readonly<Record<string, string | Buffer>>

/** Writes files, readable by this user alone, into a directory that is removed after the test. */
export function buildDirectory (t: Test, files: Files): string {
  const directory = mkdtempSync(join(tmpdir(), 'postern-gateway-'))
  t.teardown(() => { rmSync(directory, { recursive: true, force: true }) })
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true, mode: 0o700 })
    writeFileSync(join(directory, name), content, { mode: 0o600 })
  }
  return directory
}

/** Prepares a profile, as the start and the check of the configuration do. */
export async function prepareText (t: Test, profile: string, { files = {}, overrides = [] }: { files?: Files, overrides?: readonly string[] } = {}): Promise<Prepared & { directory: string }> {
  const directory = buildDirectory(t, { 'test.pfl': profile, ...files })
  return { ...await prepareGateway(join(directory, 'test.pfl'), overrides), directory }
}

export interface TestGateway extends LogSink {
  readonly gateway: Gateway
  readonly prepared: Prepared
  readonly directory: string
  /** Port of a listener by the end of its parameter: `0` of `icm/server_port_0`. */
  port (index?: number): number
}

export interface GatewaySetup {
  /** Files beside the profile, by name. */
  readonly files?: Files
  readonly overrides?: readonly string[]
  /** `false`: nothing listens yet. */
  readonly listen?: boolean
  /** Changes the plan before the gateway is made from it, for what a profile cannot say on a machine that others share. */
  readonly change?: (plan: Plan) => Plan
}

/** Starts the gateway of a profile; ports should be 0. It is closed after the test. */
export async function buildGateway (t: Test, profile: string, { listen = true, change = plan => plan, ...setup }: GatewaySetup = {}): Promise<TestGateway> {
  const { directory, ...prepared } = await prepareText(t, profile, setup)
  const { plan, identities, revocationLists, stickyKey, findings } = prepared
  if (plan === null || findings.some(({ severity }) => severity === 'error')) throw new Error(findingsToText(findings))
  const sink = logSink()
  const gateway = await createGateway(change(plan), { identities, revocationLists, stickyKey, logger: sink.logger })
  if (listen) await gateway.listen()
  t.teardown(async () => { await gateway.close() })
  return { ...sink, gateway, prepared, directory, port: (index = 0) => gateway.addresses.get(`icm/server_port_${index}`)?.port as number }
}

export interface Question extends Pick<RequestOptions, 'method' | 'path' | 'headers' | 'agent'> {
  readonly port: number
  /** Set for HTTPS. */
  readonly tls?: ConnectionOptions
  readonly body?: string | Buffer
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Parsed body. */
  json (): any
}

/** Sends one request to a port of this machine, on a connection of its own. */
export async function ask ({ port, tls, body, ...options }: Question): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const all = { host: 'localhost', port, agent: false as const, ...options }
    const request = tls === undefined ? httpRequest(all) : httpsRequest({ ...all, ...tls } as RequestOptions)
    request.on('response', response => {
      text(response).then(body => {
        resolve({ status: response.statusCode as number, headers: response.headers, body, json: () => JSON.parse(body) })
      }, reject)
    }).on('error', reject).end(body)
  })
}
