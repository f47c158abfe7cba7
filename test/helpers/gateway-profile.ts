/** Profiles for tests of the gateway: identities as PEM bundles with their trust. */
import type { Pki } from './pki.ts'

/** One HTTP port. */
export const httpPort = 'icm/server_port_0 = PROT=HTTP, HOST=127.0.0.1, PORT=0\n'

/** One HTTPS port that asks for a client certificate and forwards it. */
export const httpsPort = 'icm/server_port_0 = PROT=HTTPS, HOST=127.0.0.1, PORT=0\nicm/HTTPS/forward_ccert_as_header = TRUE\n'

/** One system for all requests. */
export function systemAt (origins: string, more = ''): string {
  return `wdisp/system_0 = SID=ABC, EXTSRV=${origins}, SRCSRV=*:*${more}\n`
}

/** Server PSE and client PSE, both of which trust the root. */
export function identityLines ({ file, server, gateway, root }: Pki): string {
  const [ca, own, client] = [file('root.pem', root.certPem), file('server.pem', server.keyPem + server.chainPem), file('client.pem', gateway.keyPem + gateway.chainPem)]
  return `ssl/server_pse = ${own}
postern/trust_0 = PSE=${own}, CERTS=${ca}
ssl/client_pse = ${client}
postern/trust_1 = PSE=${client}, CERTS=${ca}
`
}
