/**
 * `npm run demo`: the throw-away landscape. Mints a PKI, starts the back end and the gateway of `profiles/demo.pfl`, sends one request with and
 * one without a user certificate, opens a WebSocket, and keeps running; `--once` ends after that, with 1 if an expectation failed.
 *
 * `--host=<address>` and `--port=<port>` choose where the gateway listens (default 127.0.0.1:8443; a free port with `--once`).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runGateway } from '../gateway/run.ts'
import { rowsOf, startBackend, type Seen } from './backend.ts'
import { mintDemoPki, type DemoPki } from './pki.ts'
import { ask, askByWebSocket } from './request.ts'

/** What ends when the demo does, in this order. */
const undo: Array<() => Promise<unknown>> = []
let ending: Promise<void> | null = null

try {
  const args = options()
  // a terminal sends SIGINT to npm and to this process, and npm passes its own on: the second one must not cut the first short
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { end().then(() => process.exit(0), () => process.exit(1)) })
  const failures = await runDemo(args)
  if (args.once) {
    await end()
    process.exitCode = failures === 0 ? 0 : 1
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  await end()
  process.exit(1)
}

/** Ends everything once, the last started first. */
async function end (): Promise<void> {
  ending ??= (async () => { for (const step of undo.toReversed()) await step() })()
  await ending
}

function options (): { once: boolean, host: string, port: string | undefined } {
  const { values: { once, host, port } } = parseArgs({
    options: { once: { type: 'boolean', default: false }, host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string' } }
  })
  return { once, host, port }
}

/** @returns how many expectations failed */
async function runDemo ({ once, host, port: wanted }: ReturnType<typeof options>): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'postern-demo-'))
  undo.push(async () => { await rm(directory, { recursive: true }) })
  const pki = await mintDemoPki(directory)
  const backend = await startBackend(pki)
  undo.push(async () => { await backend.close() })
  const gateway = await runGateway({
    profile: demoProfile(),
    overrides: [`_DIR=${directory}`, `_HOST=${host}`, `_PORT=${wanted ?? (once ? '0' : '8443')}`, `_BACKEND=${backend.origin}`, ...adminPort()],
    traceFile: join(directory, 'trace.log'),
    traceLevel: null
  })
  undo.push(async () => { await gateway.stop('the demo ends') })
  const port = gateway.addresses.get('icm/server_port_0')?.port as number
  const failures = await show(port, pki, backend.origin)
  if (!once) printCurlLines(port, pki)
  return failures.length
}

/** Beside the sources in a checkout, beside `dist` in the package. */
function demoProfile (): string {
  const fromSources = new URL('../../profiles/demo.pfl', import.meta.url)
  const fromBuild = new URL('../../../profiles/demo.pfl', import.meta.url)
  return fileURLToPath(import.meta.url.endsWith('.ts') ? fromSources : fromBuild)
}

/** The container image watches the admin port. */
function adminPort (): string[] {
  const port = process.env['POSTERN_ADMIN_PORT']
  return port === undefined ? [] : [`postern/admin_port=PORT=${port}`]
}

async function show (port: number, pki: DemoPki, backend: string): Promise<string[]> {
  print('', `browser --TLS--> gateway (https://localhost:${port}) --TLS with client PSE--> back end (${backend})`, '')
  const user = { certificateFile: pki.userCertificateFile, keyFile: pki.userKeyFile }
  const withCertificate = await ask({ port, rootFile: pki.rootFile, user })
  printSeen('With a user certificate the back end saw:', withCertificate)
  const withoutCertificate = await ask({ port, rootFile: pki.rootFile, user: null })
  printSeen('Without one it saw:', withoutCertificate)
  const upgraded = await askByWebSocket({ port, rootFile: pki.rootFile, user })
  printSeen('Of a WebSocket with a user certificate it saw:', upgraded)
  const failures = [...faultsWith(withCertificate), ...faultsWithout(withoutCertificate), ...faultsWith(upgraded)]
  print(...(failures.length === 0 ? ['All of it as expected.'] : failures.map(text => `NOT AS EXPECTED: ${text}`)), '')
  return failures
}

function faultsWith ({ user, fields, predecessor }: Seen): string[] {
  return [
    ...(user?.subject === 'CN=ALICE, OU=Users, O=Postern Demo, C=DE' && user.source === 'header' ? [] : ['the user should be ALICE, from the header']),
    ...(predecessor === 'CN=gateway, OU=SSL CLIENT, O=Postern Demo, C=DE' ? [] : ['the request should come from the gateway']),
    ...missing(fields, ['SSL_CLIENT_CERT', 'SSL_CLIENT_CERT_CHAIN_1', 'SSL_CIPHER_SUITE', 'SSL_CIPHER_USEKEYSIZE'])
  ]
}

function faultsWithout ({ user, fields }: Seen): string[] {
  return [
    ...(user === null ? [] : ['nobody should be logged on without a certificate']),
    ...missing(fields, ['SSL_CIPHER_SUITE', 'SSL_CIPHER_USEKEYSIZE'])
  ]
}

function missing (fields: Seen['fields'], expected: readonly string[]): string[] {
  const names = Object.keys(fields)
  return names.length === expected.length && expected.every(name => names.includes(name)) ? [] : [`the SSL fields should be ${expected.join(', ')}, not ${names.join(', ')}`]
}

function printSeen (title: string, seen: Seen): void {
  const rows = rowsOf(seen)
  const width = Math.max(...rows.map(([label]) => label.length))
  print(title, ...rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`), '')
}

function printCurlLines (port: number, pki: DemoPki): void {
  const url = `https://localhost:${port}/sap/bc/ping`
  print(
    'To repeat it, from another terminal:',
    `  curl --cacert ${pki.rootFile} --cert ${pki.userCertificateFile} --key ${pki.userKeyFile} ${url}`,
    `  curl --cacert ${pki.rootFile} ${url}`,
    'And to see that a forged field does not arrive:',
    `  curl --cacert ${pki.rootFile} -H 'SSL_CLIENT_CERT: forged' ${url}`,
    '', 'Ctrl-C ends it.', ''
  )
}

function print (...lines: string[]): void {
  process.stdout.write(lines.map(line => `${line}\n`).join(''))
}
