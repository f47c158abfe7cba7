import type { KeyObject } from 'node:crypto'
import type { PseRest } from './pse-rest.ts'

/** The container format an identity was read from. */
export type IdentityFormat = 'pse-v2' | 'pse-v4' | 'pkcs12' | 'pem'

/**
 * All that the rest of the program knows of a PSE, whatever its format: a key with its certificates, and the certificates it trusts.
 *
 * A *verify PSE* has trust only: `privateKey` and `certificate` are `null` and `chain` is empty.
 */
export interface Identity {
  /** The private key, or `null` for a verify PSE. */
  readonly privateKey: KeyObject | null
  /** The own certificate, DER. */
  readonly certificate: Buffer | null
  /** Issuers that lead up from `certificate`, next issuer first, the root last when it is known. Never trust anchors by themselves. */
  readonly chain: readonly Buffer[]
  /** Trust anchors (SAP: PKRoot and PKList), DER. */
  readonly trusted: readonly Buffer[]
  /** Where it came from, for messages. */
  readonly source: { readonly file: string, readonly format: IdentityFormat }
}

/** What an identity is, without where it came from: what a file is written from. */
export type IdentityContent = Omit<Identity, 'source'>

/** Something about an identity that somebody should act on, though it works. */
export interface IdentityWarning {
  /** `POSTERN_WARN_...` */
  readonly code: string
  /** With the name of the file; never a secret. */
  readonly message: string
}

/** What a reader made of a file. */
export interface ReadIdentity {
  readonly identity: Identity
  readonly warnings: readonly IdentityWarning[]
  /** Of a PSE: what else it holds, for a rewrite that loses nothing. */
  readonly rest?: PseRest
}
