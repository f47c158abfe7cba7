/** Whether an identity can take the place of another one, for everything that uses it. */
import type { Identity } from '../pse/identity.ts'
import { PortIdentity } from '../tls/port-identity.ts'
import { tlsClientOptions } from '../upstream/tls-client.ts'
import type { Plan, TlsPlan } from './plan.ts'

/** A port waits so long for nobody here: no handshake is made. */
const noHandshake = 1

/**
 * Builds what the start would build.
 *
 * @throws POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY, POSTERN_ERR_TLS_CONTEXT, POSTERN_ERR_X509_CERTIFICATE_INVALID, or what OpenSSL says
 */
export function checkIdentity (name: string, identity: Identity, plan: Plan): void {
  for (const tls of portsOf(plan)) {
    if (tls.identities.includes(name)) checkPort(identity, tls)
  }
  const { ciphers } = plan.upstream
  // whoever uses it as a client: its certificate is read even where it is not shown
  tlsClientOptions({ host: '', tls: { identity, presentCertificate: true, serverName: null, ignoreHostMismatch: false, ...ciphers !== null && { settings: ciphers } } })
}

function portsOf ({ listeners, reverseInvoke: { acceptor } }: Plan): TlsPlan[] {
  return [...listeners, ...acceptor === null ? [] : [acceptor]].map(({ tls }) => tls).filter(tls => tls !== null)
}

/** What it returns is not kept: the port makes its own, with ticket keys of its own. */
function checkPort (identity: Identity, tls: TlsPlan): PortIdentity {
  return new PortIdentity(identity, { ...tls, handshakeTimeoutMs: noHandshake })
}
