/** The subpath `postern/client-cert`: the header policy as a pure function. */
export { compileTrustRule, decide, type Decision, type HeaderPolicy, type Inbound, type TrustMismatch, type TrustRule, type Verdict } from './policy.ts'
