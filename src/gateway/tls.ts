import type { TlsIdentity, TlsServerOptions } from '../../plugins/tls-termination.ts'
import type { Identity } from '../pse/identity.ts'
import type { IssuerSource } from '../tls/connection.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { IssuerCache } from '../x509/chain.ts'
import type { Shared } from './compose.ts'
import type { ListenerPlan, TlsPlan } from './plan.ts'

type ListenerTls = Pick<ListenerPlan, 'tls'>

/** What a listener's TLS is made from. */
type TlsParts = Pick<Shared, 'identities'> & Partial<Pick<Shared, 'revocation'>>

/** What the TLS server of an HTTPS listener is made from. */
export function tlsOptionsOf (listener: ListenerTls, { identities, revocation }: TlsParts): TlsServerOptions {
  const { identities: names, ...settings } = listener.tls as TlsPlan
  return { ...settings, identities: identitiesOf(names, identities).map((identity, index): TlsIdentity => ({ name: names[index] as string, identity })), revocation: revocation ?? null }
}

/** Issuers that the listener knows: those that its identities trust or were issued by, as they are at the time they are asked for. */
export function issuersOf ({ tls }: ListenerTls, { identities }: Pick<Shared, 'identities'>): IssuerSource {
  const names = tls?.identities ?? []
  let made = sourceOf(identitiesOf(names, identities))
  const present = (): IssuerSource => {
    const used = identitiesOf(names, identities)
    if (used.some((identity, index) => identity !== made.used[index])) made = sourceOf(used)
    return made.source
  }
  return { get known () { return present().known }, get cache () { return present().cache } }
}

/** A renewed identity begins with an empty cache: its sessions are new, so that each client shows its chain once more. */
function sourceOf (used: readonly Identity[]): { readonly used: readonly Identity[], readonly source: IssuerSource } {
  const known = used.flatMap(({ trusted, chain }) => [...trusted, ...chain])
  return { used, source: { known: known.map(der => parseCertificate(der)), cache: new IssuerCache() } }
}

function identitiesOf (names: readonly string[], identities: ReadonlyMap<string, Identity>): Identity[] {
  return names.map(name => identities.get(name) as Identity)
}
