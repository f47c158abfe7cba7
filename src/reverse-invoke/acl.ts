/**
 * `wdisp/ri/acl_<xx>`: who may register, as `P <host>` (permit) and `D <host>` (deny). The first entry that matches decides, and what none
 * matches is denied.
 *
 * A host is an address, a network (`10.18.0.0/24`), four groups of an IPv4 address of which each is a number, `*` or eight binary digits
 * with `x` for any (`10.18.1011xxxx.*`), `*` for everybody, or a host name that the certificate has to be for.
 */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { errors } from '../errors.ts'
import { normalizeServerName } from '../tls/server-name.ts'
import type { Peer } from './peer.ts'

/** One entry. */
export interface AclEntry {
  readonly text: string
  readonly permitted: boolean
  /** A host name, which only a certificate can match. */
  readonly needsCertificate: boolean
  matches (peer: Peer): boolean
}

/** What is wrong with an entry. */
export interface AclEntryFault {
  readonly message: string
  readonly expected: string
}

/** What the list says of somebody. */
export interface AclVerdict {
  readonly permitted: boolean
  /** The entry that decided; `null`: none matched, which denies. */
  readonly entry: string | null
}

const forms = 'P or D and a host: 10.18.0.2, 10.18.0.0/24, 10.18.*.*, 10.18.1011xxxx.*, 2001:db8::/32, * or a host name'

/** Reads one entry, for instance `P 10.18.0.2`. */
export function parseRegistrationAclEntry (text: string): AclEntry | AclEntryFault {
  const [action = '', host = '', ...rest] = text.trim().split(/\s+/)
  const permitted = action.toUpperCase() === 'P'
  if (!permitted && action.toUpperCase() !== 'D') return { message: 'starts with neither P nor D', expected: forms }
  if (rest.length > 0) return { message: 'has something behind the host', expected: forms }
  const matcher = readHost(host)
  return matcher === null ? { message: 'names no host', expected: forms } : { text: `${permitted ? 'P' : 'D'} ${host}`, permitted, ...matcher }
}

type Matcher = Pick<AclEntry, 'matches' | 'needsCertificate'>

function readHost (text: string): Matcher | null {
  const byAddress = text === '*' ? () => true : readNetwork(text) ?? readGroups(text)
  if (byAddress !== null) return { needsCertificate: false, matches: ({ address }) => byAddress(address) }
  const name = hostName(text)
  return name === null ? null : { needsCertificate: true, matches: ({ certificate }) => certificate !== null && certificate.isFor(name) }
}

/** A name whose last label is a number is an address that somebody misspelt. */
function hostName (text: string): string | null {
  const name = normalizeServerName(text)
  return name === null || /(?:^|\.)(?:\d+|[01x]{8})$/.test(name) ? null : name
}

type AddressTest = (address: string) => boolean

function readNetwork (text: string): AddressTest | null {
  const [, host = '', digits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(host)
  if (family === 0 || host.includes('%')) return null
  const width = family === 4 ? 32 : 128
  const bits = digits === undefined ? width : Number(digits)
  if (bits > width) return null
  let [network, length] = [ipaddr.parse(host), bits]
  if (network instanceof ipaddr.IPv6 && network.isIPv4MappedAddress() && bits >= 96) [network, length] = [network.toIPv4Address(), bits - 96]
  return address => {
    const client = parseAddress(address)
    return client !== null && client.kind() === network.kind() && client.match(network, length)
  }
}

/** Each group as the bits that count and their values. */
function readGroups (text: string): AddressTest | null {
  const groups = text.split('.').map(readGroup)
  if (groups.length !== 4 || groups.includes(null)) return null
  return address => {
    const client = parseAddress(address)
    return client instanceof ipaddr.IPv4 && client.octets.every((octet, index) => (octet & groups[index]!.mask) === groups[index]!.value)
  }
}

function readGroup (text: string): { mask: number, value: number } | null {
  if (text === '*') return { mask: 0, value: 0 }
  if (/^[01x]{8}$/i.test(text)) return { mask: parseInt(text.replace(/[01]/g, '1').replace(/x/gi, '0'), 2), value: parseInt(text.replace(/x/gi, '0'), 2) }
  return /^(?:0|[1-9]\d{0,2})$/.test(text) && Number(text) <= 255 ? { mask: 255, value: Number(text) } : null
}

function parseAddress (text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  const bare = text.replace(/%.*$/, '')
  return isIP(bare) === 0 ? null : ipaddr.process(bare)
}

/** The entries in their order. */
export class RegistrationAcl {
  readonly #entries: readonly AclEntry[]

  /**
   * @param texts entries by ascending index
   * @param tls without TLS there is no certificate, and entries with host names are refused: a denial that can never match would permit
   * @throws POSTERN_ERR_REVERSE_INVOKE_ACL
   */
  constructor (texts: readonly string[], { tls }: { readonly tls: boolean }) {
    this.#entries = texts.map((text, index) => {
      const entry = parseRegistrationAclEntry(text)
      if ('message' in entry) throw new errors.REVERSE_INVOKE_ACL(`acl entry ${index}`, text, `${entry.message}; expected ${entry.expected}`)
      if (entry.needsCertificate && !tls) throw new errors.REVERSE_INVOKE_ACL(`acl entry ${index}`, text, 'is a host name, which only a certificate can prove; expected an address or a network, or TLS on the registration port')
      return entry
    })
  }

  /** Decides on a peer. */
  decide (peer: Peer): AclVerdict {
    const entry = this.#entries.find(one => one.matches(peer))
    return { permitted: entry?.permitted ?? false, entry: entry?.text ?? null }
  }
}
