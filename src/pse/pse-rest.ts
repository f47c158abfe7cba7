import type { PseObject } from './pse-objects.ts'

/** What a PSE holds beside its identity. A rewrite keeps it, so that nothing is lost that another program understands. */
export interface PseRest {
  /** Objects of other kinds, as they are. */
  readonly objects: readonly PseObject[]
  /** Entries of PKList that no anchor could be made of, as they are. */
  readonly trustEntries: readonly Buffer[]
  /** Certificates of CertList that are neither the own one nor trusted. */
  readonly certificates: readonly Buffer[]
  /** The trust list has complete certificates in place of their to-be-signed parts, and keeps them. */
  readonly completeTrust: boolean
}

/** Nothing: a new file. */
export const noRest: PseRest = { objects: [], trustEntries: [], certificates: [], completeTrust: false }
