import { defaultPort } from '../http/host.ts'
import { follow, locationOf, meets, type RedirectFacts, type RedirectRule } from './rule.ts'

/** Outcome of the rules for one request. */
export type RedirectDecision =
  | { readonly kind: 'none' }
  | { readonly kind: 'redirect', readonly location: string }
  /** A rule wants to build the Location from the Host field, which is missing or not valid. */
  | { readonly kind: 'no-host', readonly parameter: string }
  /** A client that follows the rules would come back to where it was, for ever: it is not sent on that way. */
  | { readonly kind: 'loop', readonly parameter: string }

/** The first rule that a request meets decides (`icm/HTTP/redirect_<xx>` in the order of their index). */
export function decideRedirect (rules: readonly RedirectRule[], facts: RedirectFacts): RedirectDecision {
  const rule = rules.find(candidate => meets(candidate, facts))
  if (rule === undefined) return { kind: 'none' }
  const next = follow(rule, facts)
  if (next === null) return { kind: 'no-host', parameter: rule.options.parameter }
  if (isSame(next, facts)) return { kind: 'none' }
  return settles(rules, next) ? { kind: 'redirect', location: locationOf(next, rule.to?.fragment) } : { kind: 'loop', parameter: rule.options.parameter }
}

/** Whether the way through the rules ends, as seen from this gateway. */
function settles (rules: readonly RedirectRule[], start: RedirectFacts): boolean {
  let facts = start
  for (let hops = 0; hops <= rules.length; hops++) {
    const rule = rules.find(candidate => meets(candidate, facts))
    const next = rule === undefined ? null : follow(rule, facts)
    if (next === null || isSame(next, facts)) return true
    facts = next
  }
  return false
}

function isSame (a: RedirectFacts, b: RedirectFacts): boolean {
  return a.protocol === b.protocol && a.path === b.path && a.query === b.query && a.host?.name === b.host?.name && portOf(a) === portOf(b)
}

function portOf ({ protocol, host }: RedirectFacts): number {
  return host?.port ?? defaultPort(protocol)
}
