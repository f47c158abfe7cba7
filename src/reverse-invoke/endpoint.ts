/** Pseudo addresses: the `host:port` under which the acceptor's side calls what an initiator serves. Nothing listens there. */
import { isIPv6 } from 'node:net'

/** A pseudo address. Host names are lower case; IPv6 addresses are without brackets. */
export interface Endpoint {
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
}

const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/

/**
 * Reads `host:port` or `[ipv6]:port`.
 *
 * @returns `null` for what is none
 */
export function parseEndpoint (text: string): Endpoint | null {
  const [, bracketed, plain, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port < 1 || port > 65_535) return null
  const host = (bracketed ?? plain ?? '').toLowerCase()
  if (bracketed !== undefined) return isIPv6(host) ? { host, port } : null
  return host.length <= 253 && host.split('.').every(part => label.test(part)) ? { host, port } : null
}

/** The one written form of an endpoint: what is compared, logged and sent. */
export function endpointText ({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
