/**
 * `postern pf=<profile> [name=value ...]`, `postern pse <command> ...`: arguments, signals, exit codes, nothing else.
 *
 * Exit codes: 0 orderly end, 1 errors in arguments or configuration, or a port that cannot be opened. The commands of `pse` have more: see
 * docs/reference/pse-commands.md.
 */
import { runGateway, type RunningGateway } from './gateway/run.ts'
import { checkConfiguration } from './gateway/check-configuration.ts'
import { letHeapGrow } from './gateway/heap.ts'
import { parseArguments, usage, type Arguments } from './gateway/arguments.ts'
import { versionText } from './gateway/version.ts'

const [first, ...others] = process.argv.slice(2)
if (first === 'pse') await runPse(others)
else await runArguments(parseArguments(process.argv.slice(2)))

async function runArguments (parsed: Arguments): Promise<void> {
  if (parsed.faults.length > 0) fail([...parsed.faults, usage].join('\n'))
  await run(parsed)
}

/** Loaded on demand: a gateway needs nothing of it. */
async function runPse (argv: readonly string[]): Promise<void> {
  const [{ runPseTool }, { processIo }] = await Promise.all([import('./pse-tool/main.ts'), import('./pse-tool/process-io.ts')])
  // a PIN on the command line is in the list of processes until here, and no longer
  process.title = 'postern pse'
  process.exitCode = await runPseTool(argv, processIo())
}

async function run (args: Arguments): Promise<void> {
  switch (args.command) {
    case 'help': process.stdout.write(`${usage}\n`); return
    case 'version': process.stdout.write(await versionText()); return
    case 'checkconfig': {
      const { report, errors } = await checkConfiguration(args)
      process.stdout.write(report)
      process.exitCode = errors ? 1 : 0
      return
    }
    case 'start': {
      letHeapGrow()
      try {
        stopOnSignals(await runGateway(args))
      } catch (error) {
        // a fault of the configuration or of the environment; the message says which. A stack trace would help nobody.
        fail((error as Error).message)
      }
    }
  }
}

/** SIGINT, SIGTERM: orderly stop. SIGUSR1, SIGUSR2: trace level minus, plus one. SIGHUP: resolve names, try servers and load identities anew. */
function stopOnSignals (gateway: RunningGateway): void {
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      gateway.stop(signal).then(() => { process.exit(0) }, error => { fail((error as Error).message) })
    })
  }
  process.on('SIGUSR1', () => { gateway.changeTraceLevel(-1) })
  process.on('SIGUSR2', () => { gateway.changeTraceLevel(1) })
  process.on('SIGHUP', () => { gateway.refresh() })
}

function fail (message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
