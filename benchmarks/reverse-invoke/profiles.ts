/** Profiles of the two gateways of a variant. All variants do the same at both ends; what is between them differs. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Landscape } from '../landscape.ts'

/** What every variant gets: its files and its ports, which no other variant uses. */
export interface Ground {
  readonly landscape: Landscape
  readonly name: string
  /** Where the browser connects to. */
  readonly dmzPort: number
  /** The inner gateway's port. */
  readonly innerPort: number
  /** The end of a tunnel in the DMZ. */
  readonly tunnelPort: number
  /** Where the inner side of a tunnel connects to. */
  readonly registrationPort: number
  /** Address of the DMZ as the client reaches it. */
  readonly dmzAddress: string
  /** Words before a command line that make it run in the DMZ or inside. */
  readonly dmz: readonly string[]
  readonly inner: readonly string[]
}

/** Name of the DMZ for the inner side, and the other way round; both are in the certificates. */
export const DMZ = 'dmz'
export const INNER = 'inner'

/** Writes the profile of the DMZ gateway; `lines` say how it reaches the inner one. */
export function dmzProfile (ground: Ground, lines: string): string {
  return profile(ground, 'dmz', `icm/server_port_0 = PROT=HTTPS, HOST=${ground.dmzAddress}, PORT=${ground.dmzPort}, VCLIENT=1, TIMEOUT=300, PROCTIMEOUT=300
${lines}`)
}

/** Writes the profile of the inner gateway, with the protocol of its port and how it believes the fields of the DMZ gateway. */
export function innerProfile (ground: Ground, protocol: 'HTTP' | 'HTTPS', lines: string): string {
  return profile(ground, 'inner', `icm/server_port_0 = PROT=${protocol}, PORT=${ground.innerPort}, TIMEOUT=300, PROCTIMEOUT=300${protocol === 'HTTPS' ? ', VCLIENT=1' : ''}
wdisp/system_0 = SID=ICM, EXTSRV=https://localhost:${ground.landscape.backEndPort}, SRCSRV=*:*, SRCURL=/
${lines}`)
}

/** Lines of an inner gateway that believes the DMZ gateway's certificate. */
export const trustsDmz = 'icm/trusted_reverse_proxy_0 = SUBJECT="CN=gateway, OU=Gateway, O=Example, C=DE", ISSUER="CN=Benchmark CA, O=Example, C=DE"\n'

function profile ({ landscape: { directory, pki }, name }: Ground, side: string, lines: string): string {
  const path = join(directory, `${name.replaceAll(/\W+/g, '-')}-${side}.pfl`)
  writeFileSync(path, `SAPSYSTEMNAME = BCH
SAPSYSTEM = 00
icm/HTTPS/forward_ccert_as_header = TRUE
icm/HTTP/max_request_size_KB = 204800
ssl/server_pse = ${pki.server.pem}
postern/trust_0 = PSE=${pki.server.pem}, CERTS=${pki.ca}
ssl/client_pse = ${pki.gateway.pem}
postern/trust_1 = PSE=${pki.gateway.pem}, CERTS=${pki.ca}
wdisp/ssl_auth = 1
${lines}`)
  return path
}
