/**
 * The header policy: who is believed, and what happens to the SSL header fields of a request. Pure and total; the rules are those of
 * `docs/reference/header-policy.md`.
 */
import { compileNamePattern, type NameDifference, type NamePattern } from '../x509/name-pattern.ts'

/** A predecessor that is believed: both of its names must match. */
export interface TrustRule {
  /** What configured it, for the log: a parameter or a position in the options. */
  readonly name: string
  readonly subject: NamePattern
  readonly issuer: NamePattern
  /** The older pair `icm/HTTPS/trust_client_with_subject` and `_issuer`: with `*` for both it trusts clients without certificate too. */
  readonly legacy: boolean
}

/** The part of the configuration that decisions depend on. */
export interface HeaderPolicy {
  /** `icm/HTTPS/forward_ccert_as_header` */
  readonly forwardClientCertificate: boolean
  readonly trustRules: readonly TrustRule[]
  /** `icm/accept_forwarded_cert_via_http` */
  readonly acceptOverHttp: boolean
  /** What is added for a sender of fields that is not believed: the cipher fields, nothing, or all with its own certificate. */
  readonly untrustedFields: 'conninfo' | 'none' | 'certificate'
  /** Whether the certificate of a trusted predecessor that sends no fields is a user's. */
  readonly trustedCertificateAsUser: boolean
}

/** What is known of a request. */
export interface Inbound {
  readonly transport: 'http' | 'https'
  /** Names of the verified client certificate of the TLS connection. */
  readonly certificate: { readonly subject: string, readonly issuer: string } | null
  /** The connection was opened from here (reverse invoke): its certificate is the other gateway's, whatever the rules say of it. */
  readonly reversed: boolean
  /** SSL fields in the request: none, only ones in another spelling than the configured one, or at least one spelt as configured. */
  readonly fields: 'absent' | 'misspelt' | 'present'
  /** Whether a field that may occur once occurs more than once. */
  readonly duplicates: boolean
}

/** Where a certificate of a sender differs from the rule that comes nearest. */
export interface TrustMismatch {
  readonly rule: string
  readonly part: 'subject' | 'issuer'
  /** The name in the certificate. */
  readonly nameSeen: string
  /** The pattern of the rule. */
  readonly nameExpected: string
  readonly difference: NameDifference
}

/** The judgement on a connection; the same for all requests on it. */
export interface Verdict {
  readonly trusted: boolean
  /** The certificate is one that a rule names (and not only `*` with `*`): it is a gateway's. */
  readonly gateway: boolean
  /** The rule that matched, or `null`. */
  readonly rule: string | null
  readonly mismatch: TrustMismatch | null
  /** Both names of a certificate that no rule was there to be compared with: for whoever writes the first rule. */
  readonly unmatched: Names | null
  /** A sentence for the log. */
  readonly because: string
}

export interface Decision {
  readonly predecessor: 'trusted' | 'untrusted'
  /** `keep`: fields that are spelt as configured stay as they came. `remove`: all managed fields go. Misspelt ones go in both cases. */
  readonly action: 'keep' | 'remove'
  /** What is added from the TLS connection: nothing, the cipher fields, or the certificate, its chain and the cipher fields. */
  readonly add: 'nothing' | 'conninfo' | 'certificate'
  /** The request cannot be passed on. */
  readonly refusal: 'duplicate' | null
  /** A sentence for the log. */
  readonly because: string
  readonly verdict: Verdict
}

/** Compiles a rule. */
export function compileTrustRule (name: string, { subject, issuer, legacy }: { subject: string, issuer: string, legacy: boolean }): TrustRule {
  return { name, legacy, subject: compileNamePattern(subject), issuer: compileNamePattern(issuer) }
}

/** Decides on the SSL header fields of one request. */
export function decide (policy: HeaderPolicy, inbound: Inbound): Decision {
  return decideFor(policy, judge(policy, inbound), inbound)
}

/** The same with a judgement made before, for further requests on a connection. */
export function decideFor (policy: HeaderPolicy, verdict: Verdict, inbound: Inbound): Decision {
  const { add, because } = inbound.reversed ? reversedAddition(policy, verdict, inbound) : addition(policy, verdict, inbound)
  return {
    predecessor: verdict.trusted ? 'trusted' : 'untrusted',
    action: verdict.trusted ? 'keep' : 'remove',
    add: inbound.transport === 'https' && policy.forwardClientCertificate ? add : 'nothing',
    refusal: verdict.trusted && inbound.duplicates ? 'duplicate' : null,
    because: `${verdict.because}; ${because}`,
    verdict
  }
}

/** What the connection would add if it is TLS and if adding is switched on. */
function addition (policy: HeaderPolicy, { trusted, gateway }: Verdict, { fields, certificate }: Inbound): Pick<Decision, 'add' | 'because'> {
  if (fields === 'present' && trusted) return { add: 'nothing', because: 'its fields are kept' }
  if (fields !== 'absent' && trusted) return { add: 'conninfo', because: 'its fields are misspelt and removed' }
  if (fields !== 'absent') return untrustedAddition(policy)
  if (certificate === null) return { add: 'conninfo', because: 'no fields, no certificate' }
  if (gateway && !policy.trustedCertificateAsUser) return { add: 'conninfo', because: 'no fields, and its certificate is a gateway\'s' }
  return { add: 'certificate', because: 'no fields, so its certificate is a user\'s' }
}

/** The certificate of a reversed connection is a gateway's, also where no rule names it or a switch would make it a user's. */
function reversedAddition (policy: HeaderPolicy, verdict: Verdict, inbound: Inbound): Pick<Decision, 'add' | 'because'> {
  const found = addition(policy, verdict, inbound)
  return found.add === 'certificate' ? { add: 'conninfo', because: 'the connection is reversed: its certificate is a gateway\'s' } : found
}

function untrustedAddition ({ untrustedFields }: HeaderPolicy): Pick<Decision, 'add' | 'because'> {
  const add = untrustedFields === 'none' ? 'nothing' : untrustedFields
  return { add, because: 'its fields are removed' }
}

/** Judges the sender of a connection: whether fields from there are believed. */
export function judge (policy: Pick<HeaderPolicy, 'trustRules' | 'acceptOverHttp'>, { transport, certificate }: Pick<Inbound, 'transport' | 'certificate'>): Verdict {
  if (transport === 'http') return judgeHttp(policy.acceptOverHttp)
  const named = certificate === null ? undefined : policy.trustRules.find(rule => !isForEverybody(rule) && matches(rule, certificate))
  if (named !== undefined) return { trusted: true, gateway: true, rule: named.name, mismatch: null, unmatched: null, because: `the certificate matches ${named.name}` }
  const open = policy.trustRules.find(rule => isForEverybody(rule) && (rule.legacy || certificate !== null))
  if (open !== undefined) return { trusted: true, gateway: false, rule: open.name, mismatch: null, unmatched: null, because: `${open.name} trusts everybody` }
  if (certificate === null) return distrusted('the client sent no certificate')
  if (policy.trustRules.length === 0) return { ...distrusted('no trusted predecessor is configured'), unmatched: namesOf(certificate) }
  const mismatch = nearestMismatch(policy.trustRules, certificate)
  return { ...distrusted(`the certificate differs from ${mismatch.rule} in its ${mismatch.part}`), mismatch }
}

function judgeHttp (acceptOverHttp: boolean): Verdict {
  if (!acceptOverHttp) return distrusted('plain HTTP')
  return { trusted: true, gateway: false, rule: null, mismatch: null, unmatched: null, because: 'fields are accepted over plain HTTP' }
}

function distrusted (because: string): Verdict {
  return { trusted: false, gateway: false, rule: null, mismatch: null, unmatched: null, because }
}

/** `*` for both names. */
export function isForEverybody ({ subject, issuer }: Pick<TrustRule, 'subject' | 'issuer'>): boolean {
  return /^\*+$/.test(subject.text) && /^\*+$/.test(issuer.text)
}

type Names = NonNullable<Inbound['certificate']>

/** The names only: whoever calls may hand in a whole certificate, which does not belong in a log. */
function namesOf ({ subject, issuer }: Names): Names {
  return { subject, issuer }
}

function matches (rule: TrustRule, { subject, issuer }: Names): boolean {
  return rule.subject.matches(subject) && rule.issuer.matches(issuer)
}

/** The difference for the log: that of the rule which fits the certificate for longest. None of the rules matches. */
function nearestMismatch (rules: readonly TrustRule[], names: Names): TrustMismatch {
  return rules.map(rule => mismatchOf(rule, names)).reduce((best, one) => progress(one) > progress(best) ? one : best)
}

function mismatchOf (rule: TrustRule, names: Names): TrustMismatch {
  const part = rule.subject.matches(names.subject) ? 'issuer' : 'subject'
  const pattern = rule[part]
  // there is a difference: the rule does not match, and if the subject does, the issuer does not
  const difference = pattern.firstDifference(names[part])!
  return { rule: rule.name, part, nameSeen: names[part], nameExpected: pattern.text, difference }
}

/** A difference in the issuer means that the whole subject was right. */
function progress ({ part, difference }: TrustMismatch): number {
  return difference.position + (part === 'issuer' ? Number.MAX_SAFE_INTEGER / 2 : 0)
}
