/** The subpath `postern/pse`: identities from PSE, PKCS#12 and PEM. */
export { loadIdentity } from './load.ts'
export { readIdentity } from './read-identity.ts'
export type { Identity, IdentityFormat } from './identity.ts'
