import { lookup } from 'node:dns/promises'
import { createServer } from 'node:net'
import type { Finding } from '../profile/finding.ts'
import type { Origin } from './plan.ts'

/** An address that a listener wants. */
export interface WantedAddress {
  /** The parameter, for messages. */
  readonly name: string
  readonly origin: Origin
  /** `null`: all addresses. */
  readonly host: string | null
  /** 0 is always free. */
  readonly port: number
}

/** All addresses, IPv4 and IPv6; falls back to IPv4 where the machine has no IPv6. */
const anyAddresses = ['::', '0.0.0.0'] as const

/** The address to bind for a HOST value. A name is resolved here, so that one listener is one socket. */
export async function addressOf (host: string | null): Promise<string> {
  if (host !== null && host !== '*') return (await lookup(host)).address
  for (const address of anyAddresses) {
    if (await bindFault(address, 0) === null) return address
  }
  return '0.0.0.0'
}

/**
 * Tries every wanted address once and lets it go again, so that an occupied port ends the start before the first listener accepts
 * anything. Between this check and the listening another process may still take a port: listening itself then fails, and ends the start.
 */
export async function occupiedPorts (wanted: readonly WantedAddress[]): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { name, origin, host, port } of wanted) {
    const fault = await faultOf(host, port)
    if (fault !== null) {
      findings.push({
        severity: 'error',
        code: 'POSTERN_ERR_GATEWAY_LISTEN',
        file: origin.file,
        line: origin.line,
        parameter: name,
        message: `${host ?? '*'}:${port} ${fault}`,
        expected: 'an address of this host and a port that is free and that this user may bind'
      })
    }
  }
  return findings
}

async function faultOf (host: string | null, port: number): Promise<string | null> {
  try {
    return await bindFault(await addressOf(host), port)
  } catch (error) {
    return listenFaultText(error)
  }
}

function bindFault (host: string, port: number): Promise<string | null> {
  return new Promise(resolve => {
    const server = createServer(socket => { socket.destroy() })
    server.once('error', error => { resolve(listenFaultText(error)) })
    server.listen({ host, port, exclusive: true }, () => { server.close(() => { resolve(null) }) })
  })
}

/** Why listening failed, in words for the administrator. */
export function listenFaultText (error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  switch (code) {
    case 'EADDRINUSE': return 'is in use by another process'
    case 'EACCES': return 'may not be bound by this user'
    case 'EADDRNOTAVAIL': return 'is no address of this host'
    case 'ENOTFOUND': case 'EAI_AGAIN': return 'is a host name that cannot be resolved'
    default: return `cannot be bound (${String(code ?? 'unknown reason')})`
  }
}
