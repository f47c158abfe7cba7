import type { SecureVersion } from 'node:tls'
import type { Identity } from '../pse/identity.ts'

/** How TLS to a back-end server is done. The server's certificate is verified against `identity.trusted`, always. */
export interface UpstreamTls {
  /** The client PSE: its trust list verifies the back end. May become another object at any time, when the PSE is renewed. */
  readonly identity: Identity
  /** Whether the identity's own certificate is offered to the back end (`wdisp/ssl_auth`). */
  readonly presentCertificate: boolean
  /** The name expected in the certificate instead of the host (`wdisp/ssl_certhost`). Also sent as SNI. */
  readonly serverName: string | null
  /** Skip the name check, not the chain check (`wdisp/ssl_ignore_host_mismatch`). */
  readonly ignoreHostMismatch: boolean
  /** Protocol versions, suites and groups (`ssl/client_ciphersuites`); left out for the default. */
  readonly settings?: TlsClientSettings
}

/** Protocol versions, suites and groups in the words of `node:tls`. */
export interface TlsClientSettings {
  readonly ciphers: string | null
  readonly groups: string | null
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
}

/** One back-end server that requests can be sent to. */
export interface UpstreamServer {
  /** `http://host:port` or `https://host:port`; unique among the servers of a gateway together with `tls`. */
  readonly origin: string
  readonly host: string
  readonly port: number
  /** `null` for plain HTTP. */
  readonly tls: UpstreamTls | null
}
