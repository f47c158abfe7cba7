/** Bounds, times and places that belong to no listener and no system. */
import { resolve } from 'node:path'
import { clientKeepAliveTimeout, connTimeout, maxHeaderSize } from '../../profile/parameters/icm.ts'
import { drainDelay, serverRetryTime, shutdownTimeout, stickyKeyFile, traceFile } from '../../profile/parameters/postern.ts'
import { clientCipherSuites } from '../../profile/parameters/ssl.ts'
import { traceLevel } from '../../profile/parameters/system.ts'
import { additionalConnClose, contextTimeout, maxClientAddresses, maxPooledHttp, maxPooledHttps, stickyMask } from '../../profile/parameters/wdisp.ts'
import type { Plan } from '../plan.ts'
import { cipherSettings } from './cipher-settings.ts'
import { milliseconds, type PlanInput } from './input.ts'

/** The longest time that a timer of Node can wait stands for "for ever" where a number is needed. */
const longest = milliseconds(Number.MAX_SAFE_INTEGER) as number

/** Bounds and times of connections to back ends. */
export function planUpstream ({ settings, findings }: PlanInput): Plan['upstream'] {
  const ciphers = settings.find(clientCipherSuites)
  return {
    connectTimeoutMs: settings.get(connTimeout),
    maxConnections: settings.get(maxPooledHttp),
    maxTlsConnections: settings.get(maxPooledHttps),
    ciphers: ciphers === null ? null : cipherSettings(ciphers.value, ciphers, { findings }),
    // 0 closes the connection after each answer, which is what the setting of its own for that says
    keepAliveTimeoutMs: milliseconds(settings.get(clientKeepAliveTimeout)) ?? longest,
    maxHeaderBytes: settings.get(maxHeaderSize),
    closeAfterResponse: settings.get(additionalConnClose) || settings.get(clientKeepAliveTimeout) === 0
  }
}

/** Choice among the servers of a system. */
export function planBalancing ({ settings, directories }: PlanInput): Plan['balancing'] {
  const key = settings.find(stickyKeyFile)
  return {
    stickyKey: key === null ? null : { file: resolve(directories.secudir, key.value), parameter: key.name, origin: key.origin },
    retryAfterMs: milliseconds(settings.get(serverRetryTime)) as number
  }
}

/** Stickiness of end-to-end TLS. */
export function planRouter ({ settings }: PlanInput): Plan['router'] {
  return {
    stickyMask: settings.get(stickyMask),
    maxClients: settings.get(maxClientAddresses),
    contextTimeoutMs: milliseconds(settings.get(contextTimeout)) as number
  }
}

/** Where the structured log goes, and how much of it. */
export function planLog ({ settings, directories }: PlanInput): Plan['log'] {
  const file = settings.get(traceFile)
  return {
    traceFile: file === null ? null : resolve(directories.logging, file),
    traceLevel: settings.get(traceLevel) as Plan['log']['traceLevel']
  }
}

/** How long running exchanges may take to end, in milliseconds. */
export function planShutdown ({ settings }: PlanInput): number {
  return milliseconds(settings.get(shutdownTimeout)) as number
}

const longestDrainMs = 3_600_000

/** How long either side of reverse invoke waits for the last exchange, in milliseconds. */
export function planDrainTimeout (input: PlanInput): number {
  return Math.min(planShutdown(input), longestDrainMs)
}

/** How long the ports stay open once the stop has begun, in milliseconds. */
export function planDrainDelay (input: PlanInput): number {
  const delay = input.settings.find(drainDelay)
  if (delay === null) return 0
  const timeout = planShutdown(input)
  if (delay.value > 0 && delay.value * 1000 >= timeout) {
    input.findings.report('POSTERN_ERR_PLAN_DRAIN_DELAY', delay, { message: `it leaves nothing of ${shutdownTimeout.name}, which is ${timeout / 1000} seconds`, expected: `less than ${shutdownTimeout.name}` })
  }
  return delay.value * 1000
}
