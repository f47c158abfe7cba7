/**
 * Runs the gateway of a profile: prepares it, stops at the first stage that has errors, listens, and hands out what signals act on.
 */
import { pino, type Logger } from 'pino'
import { errors } from '../errors.ts'
import { levelOfTrace, loggerOptions } from '../logger.ts'
import type { Finding } from '../profile/finding.ts'
import { findingsToText } from '../profile/report.ts'
import { checkPlatform } from '../tls/platform-check.ts'
import type { Arguments } from './arguments.ts'
import { createGateway, type Gateway } from './compose.ts'
import { occupiedPorts, type WantedAddress } from './ports.ts'
import type { Plan } from './plan.ts'
import { prepareGateway } from './prepare.ts'
import { openTrace, type Trace } from './trace.ts'

/** A gateway that serves. */
export interface RunningGateway {
  readonly addresses: Gateway['addresses']
  /** Stops in order; see {@link Gateway.close}. */
  stop (reason: string): Promise<void>
  /** Lets names be resolved again, tries servers that were taken out, and loads identities and revocation lists anew (SIGHUP). */
  refresh (): void
  /** Moves the trace level by one, within 0 to 3. */
  changeTraceLevel (by: 1 | -1): void
}

type RunArguments = Pick<Arguments, 'profile' | 'overrides' | 'traceFile' | 'traceLevel'>

/**
 * @throws POSTERN_ERR_GATEWAY_CONFIGURATION with one line per fault; nothing listens then
 */
export async function runGateway (args: RunArguments): Promise<RunningGateway> {
  const { plan, identities, revocationLists, stickyKey, findings } = await prepareGateway(args.profile, args.overrides)
  refuseErrors(findings)
  const checked = plan as Plan
  refuseErrors(await occupiedPorts([...checked.listeners, ...registrationAddress(checked), ...adminAddress(checked)]))
  const trace = openTrace(args.traceFile ?? checked.log.traceFile)
  const logger = pino({ ...loggerOptions, level: levelOfTrace[args.traceLevel ?? checked.log.traceLevel] }, trace.stream)
  for (const { severity, message, ...where } of findings) logger[severity === 'warning' ? 'warn' : 'info'](where, message)
  for (const line of await checkPlatform()) logger.info(line)
  const gateway = await createGateway(checked, { identities, revocationLists, stickyKey, logger })
  await gateway.listen()
  return new Running(gateway, logger, trace)
}

class Running implements RunningGateway {
  readonly addresses: Gateway['addresses']
  readonly #gateway: Gateway
  readonly #logger: Logger
  readonly #trace: Trace
  #stopped: Promise<void> | null = null

  constructor (gateway: Gateway, logger: Logger, trace: Trace) {
    this.#gateway = gateway
    this.#logger = logger
    this.#trace = trace
    this.addresses = gateway.addresses
  }

  /** The second reason changes nothing: the trace has ended by then. */
  async stop (reason: string): Promise<void> {
    this.#stopped ??= this.#stop(reason)
    await this.#stopped
  }

  async #stop (reason: string): Promise<void> {
    this.#logger.info({ reason }, 'stopping')
    await this.#gateway.close()
    this.#logger.info('stopped')
    await this.#trace.end()
  }

  refresh (): void {
    this.#logger.info('names are resolved again, servers that were taken out are tried again')
    this.#gateway.refresh()
    // what cannot be loaded is said in the log
    this.#gateway.reload('SIGHUP').catch(() => {})
  }

  changeTraceLevel (by: 1 | -1): void {
    const level = levelOfTrace.indexOf(this.#logger.level as typeof levelOfTrace[number]) + by
    this.#logger.level = levelOfTrace[level] ?? this.#logger.level
    this.#logger[this.#logger.level === 'error' ? 'error' : 'info']({ traceLevel: levelOfTrace.indexOf(this.#logger.level as typeof levelOfTrace[number]) }, 'trace level')
  }
}

function refuseErrors (findings: readonly Finding[]): void {
  // with the warnings: one of them often says why
  if (findings.some(({ severity }) => severity === 'error')) throw new errors.GATEWAY_CONFIGURATION(findingsToText(findings))
}

function registrationAddress ({ reverseInvoke: { acceptor } }: Plan): WantedAddress[] {
  return acceptor === null ? [] : [acceptor]
}

function adminAddress ({ admin }: Plan): WantedAddress[] {
  return admin === null ? [] : [{ name: 'postern/admin_port', origin: { file: null, line: null }, ...admin }]
}
