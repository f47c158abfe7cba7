/**
 * Subject alternative names (RFC 5280 section 4.2.1.6), as sapgenpse's option `-k` has them: `GN-dNSName:<host>`, `GN-iPAddress:<address>`.
 */
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import * as asn1js from 'asn1js'
import ipaddr from 'ipaddr.js'
import * as pkijs from 'pkijs'
import { errors } from '../errors.ts'

/** The object identifier of the extension. */
export const subjectAltNameOid = '2.5.29.17'

/** Numbers of the forms in `GeneralName`. */
const forms = { dNSName: 2, iPAddress: 7 } as const

/** A host name, with `*` as its first label at most; underscores are no host names by RFC 1123, yet in use. */
const hostName = /^(\*\.)?(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*$/i

/**
 * Encodes the value of the extension.
 *
 * @param names `GN-dNSName:<host>` or `GN-iPAddress:<address>`; other scripts than Latin are written in their ASCII form (RFC 5891)
 * @throws POSTERN_ERR_X509_ALTERNATIVE_NAME
 */
export function encodeAlternativeNames (names: readonly string[]): Buffer {
  return Buffer.from(new pkijs.GeneralNames({ names: names.map(generalName) }).toSchema().toBER())
}

function generalName (text: string): pkijs.GeneralName {
  const [, form, value = ''] = /^GN-(\w+):(.*)$/.exec(text) ?? []
  if (form === 'dNSName') return new pkijs.GeneralName({ type: forms.dNSName, value: checkedHost(value, text) })
  if (form !== 'iPAddress') throw new errors.X509_ALTERNATIVE_NAME(text, 'GN-dNSName:<host> or GN-iPAddress:<address>')
  if (isIP(value) === 0) throw new errors.X509_ALTERNATIVE_NAME(text, 'an IP address')
  return new pkijs.GeneralName({ type: forms.iPAddress, value: new asn1js.OctetString({ valueHex: Uint8Array.from(ipaddr.parse(value).toByteArray()) }) })
}

function checkedHost (value: string, text: string): string {
  if (isIP(value) !== 0) throw new errors.X509_ALTERNATIVE_NAME(text, `GN-iPAddress:${value}`)
  const host = hostName.test(value) ? value : domainToASCII(value)
  if (!hostName.test(host)) throw new errors.X509_ALTERNATIVE_NAME(text, 'a host name')
  return host
}

/** The value of the extension in a certificate, as it stands there; `null` where there is none. */
export function alternativeNamesOf (certificate: Uint8Array): Buffer | null {
  const extension = pkijs.Certificate.fromBER(Uint8Array.from(certificate)).extensions?.find(({ extnID }) => extnID === subjectAltNameOid)
  return extension === undefined ? null : Buffer.from(extension.extnValue.valueBlock.valueHexView)
}
