/** What a gateway tells the back end about the client's connection. */
export interface ForwardedFieldsOptions {
  /** Append the client's address to `x-forwarded-for` (`wdisp/add_xforwardedfor_header`); `null`: leave the field as it came. */
  readonly clientAddress: string | null
  /** Value of `clientprotocol` (`wdisp/add_client_protocol_header`); `null`: leave the field as it came. */
  readonly clientProtocol: 'http' | 'https' | null
  /** Value of `X-SAP-WEBDISP-AP`, the gateway's access points (`wdisp/handle_webdisp_ap_header`); `null`: leave the field as it came. */
  readonly accessPoints: string | null
}

/**
 * Returns the header list with the gateway's own fields: `clientprotocol` and `X-SAP-WEBDISP-AP` take the place of every one that came,
 * in any case, with `_` for `-` too; the address is appended to the last `x-forwarded-for`.
 *
 * @param list names and values in turn
 * @see SAP Help, "What do I have to check when using a Reverse Proxy in my system landscape"
 */
export function withForwardedFields (list: readonly string[], { clientAddress, clientProtocol, accessPoints }: ForwardedFieldsOptions): string[] {
  const result: string[] = []
  let forwardedFor = -1
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index] as string
    const lower = name.length === 14 || name.length === 15 || name.length === 16 ? name.toLowerCase().replaceAll('_', '-') : ''
    if (lower === 'clientprotocol' && clientProtocol !== null) continue
    if (lower === 'x-sap-webdisp-ap' && accessPoints !== null) continue
    if (name.length === 15 && lower === 'x-forwarded-for') forwardedFor = result.length + 1
    result.push(name, list[index + 1] as string)
  }
  if (clientAddress !== null) {
    if (forwardedFor < 0) result.push('x-forwarded-for', plainAddress(clientAddress))
    else result[forwardedFor] = `${result[forwardedFor] as string}, ${plainAddress(clientAddress)}`
  }
  if (clientProtocol !== null) result.push('clientprotocol', clientProtocol)
  if (accessPoints !== null) result.push('X-SAP-WEBDISP-AP', accessPoints)
  return result
}

/** An IPv4 client of a socket that listens for both is shown by its IPv4 address. */
function plainAddress (address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
