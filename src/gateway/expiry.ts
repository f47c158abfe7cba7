/** When the certificates in use expire, and when the next revocation lists are due. */
import type { Identity } from '../pse/identity.ts'
import { parseCertificate, type Certificate } from '../x509/certificate.ts'
import type { Plan } from './plan.ts'

/** A certificate that something is done with. */
export interface CertificateInUse {
  /** File of the identity. */
  readonly identity: string
  /** The parameter that named it. */
  readonly parameter: string
  /** The identity's own, one of its issuers, or one of its trust list. */
  readonly kind: 'own' | 'chain' | 'trusted'
  readonly subject: string
  readonly notAfter: Date
}

const dayMs = 24 * 60 * 60 * 1000

/** Whole days until a time; negative once it has passed. */
export function daysUntil (time: Date, now: Date): number {
  return Math.floor((time.getTime() - now.getTime()) / dayMs)
}

/** All certificates of the identities, those that expire soonest first. */
export function certificatesInUse ({ identities: plans }: Pick<Plan, 'identities'>, identities: ReadonlyMap<string, Identity>): CertificateInUse[] {
  const found = Object.entries(plans).flatMap(([name, { file, parameter }]) => {
    const identity = identities.get(name)
    return identity === undefined ? [] : certificatesOf(identity).map(({ kind, certificate: { subject, notAfter } }) => ({ identity: file, parameter, kind, subject, notAfter }))
  })
  return found.sort((one, other) => one.notAfter.getTime() - other.notAfter.getTime())
}

interface Found { readonly kind: CertificateInUse['kind'], readonly certificate: Certificate }

const known = new WeakMap<Identity, readonly Found[]>()

/** Each certificate once; of its issuers and its trust list, a root is often in both. */
function certificatesOf (identity: Identity): readonly Found[] {
  let found = known.get(identity)
  if (found === undefined) {
    const { certificate, chain, trusted } = identity
    const all = [...certificate === null ? [] : [['own', certificate] as const], ...chain.map(der => ['chain', der] as const), ...trusted.map(der => ['trusted', der] as const)]
    found = [...new Map(all.map(([kind, der]) => ({ kind, certificate: parseCertificate(der) })).reverse().map(one => [one.certificate.fingerprint256, one])).values()].reverse()
    known.set(identity, found)
  }
  return found
}

/** All certificates of identities, as issuers that have signed revocation lists. */
export function issuersAmong (identities: ReadonlyMap<string, Identity>): Certificate[] {
  return [...identities.values()].flatMap(identity => certificatesOf(identity).map(({ certificate }) => certificate))
}
