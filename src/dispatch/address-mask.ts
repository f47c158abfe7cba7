import ipaddr from 'ipaddr.js'

/** How many leading bits of a client address count. */
export interface AddressMask {
  /** For IPv4, from a netmask such as 255.255.240.0. */
  readonly ipv4: readonly number[]
  /** For IPv6: 0 to 128. */
  readonly ipv6Bits: number
}

/**
 * @param ipv4 four decimal bytes; any bits may be set, as SAP ANDs address and mask
 * @returns `null` for what is no IPv4 mask
 */
export function parseAddressMask (ipv4: string, ipv6Bits: number): AddressMask | null {
  return ipaddr.IPv4.isValidFourPartDecimal(ipv4) ? { ipv4: ipaddr.IPv4.parse(ipv4).octets, ipv6Bits } : null
}

/** The masked address as a key: clients with the same key belong together. IPv4 in IPv6 counts as IPv4. */
export function maskAddress (text: string, mask: AddressMask): string {
  const bare = text.split('%')[0] ?? ''
  if (!ipaddr.isValid(bare)) return ''
  const address = ipaddr.process(bare)
  if (address instanceof ipaddr.IPv4) return address.octets.map((byte, index) => byte & (mask.ipv4[index] ?? 0)).join('.')
  return address.toByteArray().map((byte, index) => {
    const bits = Math.min(8, Math.max(0, mask.ipv6Bits - index * 8))
    return (byte & (0xff00 >> bits) & 0xff).toString(16)
  }).join(':')
}
