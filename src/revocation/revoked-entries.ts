/**
 * The entries of a list, in place: beside the bytes of the list there is one table of positions, four bytes for each slot. A `Map` of
 * objects would take twenty times that.
 */
import { randomBytes } from 'node:crypto'
import { errors } from '../errors.ts'
import { tags } from '../x509/der.ts'
import { crlTags, DerScan } from './der-scan.ts'
import { extensionOids, readExtensions, type Extension } from './extensions.ts'
import { readTime } from './time.ts'

/** Reasons by their number, RFC 5280 section 5.3.1. */
const reasons = [
  'unspecified', 'keyCompromise', 'cACompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation', 'certificateHold', null,
  'removeFromCRL', 'privilegeWithdrawn', 'aACompromise'
] as const

/** Why a certificate was revoked, in the words of RFC 5280. */
export type RevocationReason = Exclude<typeof reasons[number], null>

/** What a list says of a certificate. */
export interface RevokedEntry {
  readonly date: Date
  readonly reason: RevocationReason
}

const understood: ReadonlySet<string> = new Set([extensionOids.reasonCode, extensionOids.invalidityDate])

/** So that nobody can make a list whose serial numbers all fall into one slot. */
const seed = randomBytes(4).readInt32LE()

/** The entries of one list, by serial number. */
export class RevokedEntries {
  /** A critical extension of an entry that is not understood: the whole list must not be used then. */
  readonly problem: string | null = null
  /** Number of entries that revoke a certificate. */
  readonly size: number
  readonly #der: Buffer
  /** Position of an entry, 0 for a free slot. At least half of the slots are free. */
  readonly #slots: Uint32Array

  /**
   * @param revokedCertificates at the SEQUENCE of entries; `null` for a list without any
   * @throws POSTERN_ERR_X509_DER_INVALID
   */
  constructor (revokedCertificates: DerScan | null) {
    this.#der = revokedCertificates?.der ?? Buffer.alloc(0)
    const positions: number[] = []
    const entries = revokedCertificates?.inside()
    const seen = new Map<string, EntryMeaning>()
    while (entries?.next() === true) {
      const { reason, problem } = readEntry(entries, seen)
      this.problem ??= problem
      // said by a list of changes only, of a certificate that the list before it named
      if (reason !== 'removeFromCRL') positions.push(entries.begin)
    }
    this.size = positions.length
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(positions.length * 2 + 1)))
    for (const position of positions) {
      const [from, to] = serialNumberAt(this.#der, position)
      this.#slots[this.#slotOf(this.#der, from, to)] = position
    }
  }

  /** @param serialNumber content bytes of the INTEGER in the certificate */
  find (serialNumber: Uint8Array): RevokedEntry | null {
    const position = this.#slots[this.#slotOf(serialNumber, 0, serialNumber.length)] as number
    if (position === 0) return null
    const { date, reason } = readEntry(new DerScan(this.#der, position).take(tags.sequence), new Map())
    return { date, reason }
  }

  /** The slot of the serial number in `bytes`, or the free one where it belongs. */
  #slotOf (bytes: Uint8Array, from: number, to: number): number {
    const last = this.#slots.length - 1
    let slot = hash(bytes, from, to) & last
    for (;;) {
      const position = this.#slots[slot] as number
      if (position === 0) return slot
      const [start, end] = serialNumberAt(this.#der, position)
      if (end - start === to - from && this.#der.compare(bytes, from, to, start, end) === 0) return slot
      slot = (slot + 1) & last
    }
  }
}

/** Where the content of the serial number of the entry at `position` begins and ends; {@link readEntry} has seen to the form of both. */
function serialNumberAt (der: Buffer, position: number): [start: number, end: number] {
  const first = der[position + 1] as number
  const integer = position + 2 + (first < 0x80 ? 0 : first & 0x7f)
  const start = integer + 2
  return [start, start + (der[integer + 1] as number)]
}

/** What the extensions of an entry come to. */
interface EntryMeaning {
  readonly reason: RevocationReason
  readonly problem: string | null
}

const withoutExtensions: EntryMeaning = { reason: 'unspecified', problem: null }
/** Longest serial number whose length is one byte; RFC 5280 allows 20. */
const maxSerialNumberBytes = 127
/** Extensions that are a reason and nothing else have 14 bytes. */
const maxKnownBytes = 16

/**
 * Reads the current element: serial number, time, extensions (RFC 5280 section 5.1.2.6).
 *
 * @param seen meanings of extensions by their bytes: the entries of a list have the same few
 */
function readEntry (entry: DerScan, seen: Map<string, EntryMeaning>): RevokedEntry & EntryMeaning {
  if (entry.tag !== tags.sequence) throw new errors.X509_DER_INVALID('an entry that is no sequence')
  const fields = entry.inside()
  const serialNumberBytes = fields.take(tags.integer).end - fields.start
  if (serialNumberBytes === 0 || serialNumberBytes > maxSerialNumberBytes) throw new errors.X509_DER_INVALID('a serial number that is none')
  const date = readTime(fields.take(crlTags.utcTime, crlTags.generalizedTime))
  if (!fields.next()) return { date, ...withoutExtensions }
  const known = fields.end - fields.begin <= maxKnownBytes ? fields.der.toString('latin1', fields.begin, fields.end) : null
  let meaning = known === null ? undefined : seen.get(known)
  if (meaning === undefined) meaning = meaningOf(readExtensions(fields))
  if (known !== null) seen.set(known, meaning)
  fields.finish()
  return { date, ...meaning }
}

function meaningOf (extensions: ReadonlyMap<string, Extension>): EntryMeaning {
  const unknown = [...extensions.values()].find(({ oid, critical }) => critical && !understood.has(oid))
  return { reason: reasonOf(extensions.get(extensionOids.reasonCode)?.value), problem: unknown === undefined ? null : problemOf(unknown) }
}

function problemOf ({ oid }: Extension): string {
  return oid === extensionOids.certificateIssuer ? 'it is an indirect list' : 'an entry has a critical extension that is not understood'
}

/** A number that has no name revokes as well. */
function reasonOf (value: Buffer | undefined): RevocationReason {
  if (value === undefined) return 'unspecified'
  const { content } = new DerScan(value).take(crlTags.enumerated)
  return content.length === 1 ? reasons[content[0] as number] ?? 'unspecified' : 'unspecified'
}

/** FNV-1a, and a mixing step because only the low bits are used. */
function hash (bytes: Uint8Array, from: number, to: number): number {
  let state = seed
  for (let at = from; at < to; at++) state = Math.imul(state ^ (bytes[at] as number), 0x01000193)
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
  return state ^ (state >>> 13)
}
