/** `postern/ri/allow_<xx>`: which certificate may register which endpoints. Without a rule nobody registers anything. */
import { errors } from '../errors.ts'
import { compileNamePattern, type NamePattern } from '../x509/name-pattern.ts'
import { endpointText, parseEndpoint, type Endpoint } from './endpoint.ts'
import type { PeerCertificate, PeerMismatch } from './peer.ts'

/** A rule as it is configured. */
export interface AllowRuleOptions {
  readonly subject: string
  readonly issuer: string
  /** `host:port`, or `host:*` for all ports of a host. */
  readonly endpoints: readonly string[]
  readonly name?: string
}

/** What the rules say of a registration. */
export interface AllowVerdict {
  /** The first endpoint that no rule allows; `null`: all are allowed. */
  readonly refused: Endpoint | null
  /** Where the certificate leaves the rule that comes nearest; `null` when a rule fits the certificate, and not the endpoint. */
  readonly mismatch: PeerMismatch | null
  /** A sentence for the log. */
  readonly because: string
}

interface Rule {
  readonly name: string
  readonly subject: NamePattern
  readonly issuer: NamePattern
  readonly everybody: boolean
  readonly endpoints: ReadonlySet<string>
}

/** The rules. */
export class AllowRules {
  readonly #rules: readonly Rule[]

  /** @throws POSTERN_ERR_OPTIONS_INVALID for what is no endpoint */
  constructor (rules: readonly AllowRuleOptions[]) {
    this.#rules = rules.map((rule, index) => compileRule(rule, rule.name ?? `allow rule ${index}`))
  }

  get size (): number { return this.#rules.length }

  /**
   * All endpoints or none. Several rules may fit one certificate; their endpoints add up.
   *
   * @param certificate `null`: a connection without TLS, which only a rule with `*` for both names fits
   */
  judge (certificate: Pick<PeerCertificate, 'subject' | 'issuer'> | null, endpoints: readonly Endpoint[]): AllowVerdict {
    const fitting = this.#rules.filter(rule => fits(rule, certificate))
    const refused = endpoints.find(endpoint => !fitting.some(rule => allows(rule, endpoint))) ?? null
    if (refused === null) return { refused, mismatch: null, because: 'allowed' }
    if (this.#rules.length === 0) return { refused, mismatch: null, because: 'there is no allow rule' }
    if (fitting.length > 0) return { refused, mismatch: null, because: `${fitting.map(({ name }) => name).join(', ')}: the endpoint is not in the list` }
    if (certificate === null) return { refused, mismatch: null, because: 'without TLS there is no certificate that a rule could fit' }
    return { refused, mismatch: nearest(this.#rules, certificate), because: 'no rule fits the certificate' }
  }
}

function compileRule ({ subject, issuer, endpoints }: AllowRuleOptions, name: string): Rule {
  const everything = /^\*+$/
  return {
    name,
    subject: compileNamePattern(subject),
    issuer: compileNamePattern(issuer),
    everybody: everything.test(subject) && everything.test(issuer),
    endpoints: new Set(endpoints.map(text => normalised(text, name)))
  }
}

function normalised (text: string, rule: string): string {
  const allPorts = text.endsWith(':*')
  const endpoint = parseEndpoint(allPorts ? text.replace(/\*$/, '1') : text)
  if (endpoint === null) throw new errors.OPTIONS_INVALID('reverse-invoke-acceptor', `${rule}: "${text}" is no endpoint; expected host:port or host:*`)
  return allPorts ? anyPortOf(endpoint) : endpointText(endpoint)
}

function anyPortOf (endpoint: Endpoint): string {
  return endpointText(endpoint).replace(/:\d+$/, ':*')
}

function fits ({ subject, issuer, everybody }: Rule, certificate: Pick<PeerCertificate, 'subject' | 'issuer'> | null): boolean {
  return everybody || (certificate !== null && subject.matches(certificate.subject) && issuer.matches(certificate.issuer))
}

function allows ({ endpoints }: Rule, endpoint: Endpoint): boolean {
  return endpoints.has(endpointText(endpoint)) || endpoints.has(anyPortOf(endpoint))
}

/** The difference for the log: that of the rule which fits the certificate for longest. None of the rules fits. */
function nearest (rules: readonly Rule[], names: Pick<PeerCertificate, 'subject' | 'issuer'>): PeerMismatch | null {
  return rules.map(rule => mismatchOf(rule, names)).reduce((best, one) => progress(one) > progress(best) ? one : best, null)
}

function mismatchOf (rule: Rule, names: Pick<PeerCertificate, 'subject' | 'issuer'>): PeerMismatch | null {
  const part = rule.subject.matches(names.subject) ? 'issuer' : 'subject'
  const difference = rule[part].firstDifference(names[part])
  return difference === null ? null : { rule: rule.name, part, dnSeen: names[part], dnExpected: rule[part].text, ...difference }
}

/** A difference in the issuer means that the whole subject was right. */
function progress (mismatch: PeerMismatch | null): number {
  if (mismatch === null) return -1
  return mismatch.position + (mismatch.part === 'issuer' ? Number.MAX_SAFE_INTEGER / 2 : 0)
}
