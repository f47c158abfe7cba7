import type { Identity } from '../pse/identity.ts'
import { IdentityServer } from './identity-server.ts'
import { PeerPaths } from './peer-path.ts'
import type { TlsSettings } from './secure-context.ts'

/** One identity of a port with what is made from it: its TLS server, whose ticket keys are its own, and the paths of its clients. */
export class PortIdentity {
  readonly identity: Identity
  readonly server: IdentityServer
  readonly paths: PeerPaths

  /**
   * @param previous whose place this one takes
   * @throws POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY, POSTERN_ERR_TLS_CONTEXT
   */
  constructor (identity: Identity, settings: TlsSettings & { readonly handshakeTimeoutMs: number }, previous?: PortIdentity) {
    this.identity = identity
    this.server = new IdentityServer(identity, settings)
    this.paths = previous?.identity === identity ? previous.paths : new PeerPaths(identity, previous?.paths)
  }
}
