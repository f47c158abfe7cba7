/** The TLS handshakes of one identity. */
import { createSecureContext, Server, type SecureContext, type TlsOptions } from 'node:tls'
import type { Duplex } from 'node:stream'
import { errors } from '../errors.ts'
import type { Identity } from '../pse/identity.ts'
import { secureContextOptions, verificationOptions, type TlsSettings } from './secure-context.ts'

/**
 * A TLS server that never listens: connections are handed to it, from a listening socket or from anywhere else.
 *
 * Each identity has a server of its own, and with it a context, ticket keys and a session id context of its own. A session made with one
 * identity can therefore not be resumed with another, and it is known for every handshake, resumed ones too, which trust list it
 * was verified against. One server for all, with `SNICallback` or `addContext`, cannot give that: some Node versions resume a session
 * there whatever the name, and with TLS 1.2 the name is not readable on a resumed session.
 */
export class IdentityServer extends Server {
  /** @throws POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY, POSTERN_ERR_TLS_CONTEXT when OpenSSL refuses key, certificate or settings */
  constructor (identity: Identity, { handshakeTimeoutMs, ...settings }: TlsSettings & { readonly handshakeTimeoutMs: number }) {
    super({
      secureContext: contextOf(identity, settings),
      ...verificationOptions(settings.verifyClient),
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: handshakeTimeoutMs
    })
  }

  /** Starts the handshake on a connection. Bytes that were read and put back with `unshift` are the first ones. */
  handshake (connection: Duplex): void {
    this.emit('connection', connection)
  }

  /**
   * Called by the constructor of `tls.Server`, which would make a context of its own from some of the options and drop the others,
   * `allowPartialTrustChain` among them. If a later Node ignored the property set here, there would be no certificate, and every
   * handshake would fail.
   */
  override setSecureContext (options: TlsOptions): void {
    Object.assign(this, { _sharedCreds: options.secureContext ?? createSecureContext(options) })
  }
}

function contextOf (identity: Identity, settings: TlsSettings): SecureContext {
  const options = secureContextOptions(identity, settings)
  try {
    return createSecureContext(options)
  } catch (cause) {
    throw new errors.TLS_CONTEXT(identity.source.file, opensslReason(cause as Error), { cause })
  }
}

/** OpenSSL's words without its numbers and source lines. */
function opensslReason (error: Error & { reason?: string }): string {
  return error.reason ?? error.message
}
