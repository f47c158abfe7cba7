/**
 * `npm run demo`: the throw-away landscape. Mints a PKI, starts a back end and the gateways of `profiles/dmz.pfl` and `profiles/local.pfl`,
 * of which the second registers with the first, sends requests with and without a user certificate and a forged field, opens a WebSocket,
 * and keeps running; `--once` ends after that, with 1 if an expectation failed.
 *
 * `--host=<address>` and `--port=<port>` choose where the DMZ gateway listens for browsers (default 127.0.0.1:8443; a free port with
 * `--once`). All other ports are free ones of the loopback interface.
 */
import { parseArgs } from 'node:util'
import { startLandscape } from './landscape.ts'
import { showCommands, showConnections, showPicture, showRequests, showResult, showUnregistered } from './show.ts'

/** What ends when the demo does, in this order. */
const undo: Array<() => Promise<unknown>> = []
let ending: Promise<void> | null = null

try {
  const args = options()
  // a terminal sends SIGINT to npm and to this process, and npm passes its own on: the second one must not cut the first short
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { end().then(() => process.exit(0), () => process.exit(1)) })
  const faults = await runDemo(args)
  if (args.once) {
    await end()
    process.exitCode = faults === 0 ? 0 : 1
  }
} catch (error) {
  await fail(error as Error)
}

/** Ends everything once, the last started first. */
async function end (): Promise<void> {
  ending ??= (async () => { for (const step of undo.toReversed()) await step() })()
  await ending
}

/** While somebody's signal ends everything, what fails is no news. */
async function fail ({ message }: Error): Promise<void> {
  if (ending === null) {
    process.stderr.write(`${message}\n`)
    process.exitCode = 1
  }
  await end()
  process.exit()
}

function options (): { once: boolean, host: string, port: number } {
  const { values: { once, host, port } } = parseArgs({
    options: { once: { type: 'boolean', default: false }, host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string' } }
  })
  return { once, host, port: Number(port ?? (once ? 0 : 8443)) }
}

/** @returns how many expectations failed */
async function runDemo ({ once, host, port }: ReturnType<typeof options>): Promise<number> {
  // the container image watches the admin port
  const landscape = await startLandscape({ host, port, adminPort: process.env['POSTERN_ADMIN_PORT'] ?? null }, undo)
  const early = await showUnregistered(landscape)
  const local = await landscape.startLocal()
  for (const gateway of [landscape.dmz, local]) gateway.watch().catch(fail)
  showPicture(landscape, local)
  const faults = [...early, ...await showRequests(landscape), ...await showConnections(landscape, local)]
  showResult(faults)
  if (!once) showCommands(landscape)
  return faults.length
}
