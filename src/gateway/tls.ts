import type { TlsIdentity, TlsServerOptions } from '../../plugins/tls-termination.ts'
import type { Identity } from '../pse/identity.ts'
import type { IssuerSource } from '../tls/connection.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { IssuerCache } from '../x509/chain.ts'
import type { Shared } from './compose.ts'
import type { ListenerPlan, TlsPlan } from './plan.ts'

type ListenerTls = Pick<ListenerPlan, 'tls'>

/** What the TLS server of an HTTPS listener is made from. */
export function tlsOptionsOf (listener: ListenerTls, shared: Pick<Shared, 'identities'>): TlsServerOptions {
  const { identities: _names, ...settings } = listener.tls as TlsPlan
  return { ...settings, identities: identitiesOf(listener, shared) }
}

/** Issuers that the listener knows: those that its identities trust or were issued by. */
export function issuersOf (listener: ListenerTls, shared: Pick<Shared, 'identities'>): IssuerSource {
  const known = identitiesOf(listener, shared).flatMap(({ identity }) => [...identity.trusted, ...identity.chain])
  return { known: known.map(der => parseCertificate(der)), cache: new IssuerCache() }
}

function identitiesOf ({ tls }: ListenerTls, { identities }: Pick<Shared, 'identities'>): TlsIdentity[] {
  return (tls?.identities ?? []).map(name => ({ name, identity: identities.get(name) as Identity }))
}
