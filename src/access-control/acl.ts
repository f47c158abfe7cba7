/** Access control lists of addresses: lines `permit <ip>[/<bits>]` and `deny <ip>[/<bits>]`, the first match counts. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** What was wrong with a line. */
export interface AclFault {
  readonly file: string
  /** 1-based. */
  readonly line: number
  readonly message: string
  readonly expected: string
}

/** What a list says of an address. */
export interface AclDecision {
  readonly permitted: boolean
  /** Line of the entry that matched; `null`: none did, which denies, or the address cannot be read. */
  readonly line: number | null
}

interface AclEntry {
  readonly permitted: boolean
  readonly network: Network
  readonly line: number
}

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Network = readonly [address: Address, bits: number]

/** The entries of an access control list, in their order. */
export class AccessControlList {
  readonly #entries: readonly AclEntry[]

  constructor (entries: readonly AclEntry[]) {
    this.#entries = entries
  }

  /** @param address of a client, as `socket.remoteAddress` gives it; IPv4 in IPv6 form counts as IPv4 */
  decide (address: string | undefined): AclDecision {
    // the zone of a link-local address says which interface it is of, not who it is
    const text = address?.replace(/%.*$/, '') ?? ''
    if (isIP(text) === 0) return { permitted: false, line: null }
    const client = ipaddr.process(text)
    const entry = this.#entries.find(({ network }) => contains(network, client))
    return { permitted: entry?.permitted ?? false, line: entry?.line ?? null }
  }
}

/**
 * Reads an access control list. Comments start with `#`, empty lines are ignored, and what no entry matches is denied. The number
 * that SAP's lists may have behind the network, a trace level, is read and has no effect. `::/0` is all of IPv6 and no IPv4 address, in whatever form it comes.
 *
 * @returns the list, and the faults in it: a list with faults is not to be used, since a line that was not understood may have denied
 * @see {@link https://help.sap.com/saphelp_ewm94/helpdata/en/48/3ae05299c172d0e10000000a42189c/content.htm} ACLFILE of icm/server_port_<xx>
 */
export function parseAcl (text: string, file: string): { list: AccessControlList, faults: AclFault[] } {
  const entries: AclEntry[] = []
  const faults: AclFault[] = []
  text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/).forEach((content, index) => {
    const words = content.replace(/#.*$/, '').trim().split(/\s+/)
    if (words[0] === '') return
    const entry = readEntry(words, index + 1)
    if ('network' in entry) entries.push(entry)
    else faults.push({ file, line: index + 1, ...entry })
  })
  return { list: new AccessControlList(entries), faults }
}

function readEntry (words: readonly string[], line: number): AclEntry | Pick<AclFault, 'message' | 'expected'> {
  const [action = '', target = '', level = '0', ...rest] = words
  const permitted = action.toLowerCase() === 'permit'
  if (!permitted && action.toLowerCase() !== 'deny') return { message: `"${action}" is no action`, expected: 'permit or deny' }
  if (rest.length > 0 || !/^\d$/.test(level)) return { message: `"${[words[2], ...rest].join(' ')}" behind the address`, expected: 'nothing, a trace level of one digit, or a comment behind #' }
  const network = readNetwork(target)
  return typeof network === 'string' ? { message: network, expected: '<ip> or <ip>/<bits>, for instance 10.1.0.0/16 or 2001:db8::/32' } : { permitted, network, line }
}

/** The network, or what is wrong with it. Short and octal forms of addresses, which mean different things to different programs, are none. */
function readNetwork (text: string): Network | string {
  const [, host = '', digits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(host)
  if (family === 0 || host.includes('%')) return text === '' ? 'the address is missing' : `"${text}" is no address or network`
  const width = family === 4 ? 32 : 128
  const bits = digits === undefined ? width : Number(digits)
  return bits > width ? `"${text}": an address of this kind has ${width} bits` : unmapped([ipaddr.parse(host), bits])
}

/** A network of IPv4 addresses in IPv6 form as a network of IPv4 addresses, since that is what clients are compared as. */
function unmapped ([address, bits]: Network): Network {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96 ? [address.toIPv4Address(), bits - 96] : [address, bits]
}

function contains ([address, bits]: Network, client: Address): boolean {
  return address.kind() === client.kind() && client.match(address, bits)
}
