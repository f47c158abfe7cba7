/** Writes identities in every format, and reads back what was written before it hands it out. */
import { createPublicKey } from 'node:crypto'
import { errors } from '../errors.ts'
import type { IdentityContent, IdentityFormat } from './identity.ts'
import { isBare, toBeSignedPart } from './pse-trust.ts'
import { readIdentity } from './read-identity.ts'
import { readTrustFile } from './trust-file.ts'
import { writePem, writePemTrust } from './write-pem.ts'
import { writePkcs12 } from './write-pkcs12.ts'
import { writePse, type PseWriteOptions } from './write-pse.ts'

/** How an identity is written. */
export interface IdentityWriteOptions extends Omit<PseWriteOptions, 'version'> {
  readonly format: IdentityFormat
}

/** A file to be written. */
export interface WrittenFile {
  /** `identity`: the key with its certificates, and the trust list if the format has one. `trust`: the trust list of a PEM identity. */
  readonly role: 'identity' | 'trust'
  readonly bytes: Buffer
}

/**
 * Writes an identity. PSE and PKCS#12 are one file; PEM is one for the key and its chain, and one for the trust list, where there are such.
 *
 * What was written is read again: a result is an identity with the same key, certificates and trust list.
 *
 * @throws POSTERN_ERR_IDENTITY_UNWRITABLE, IDENTITY_PIN_UNWRITABLE, IDENTITY_ITERATIONS, PSE_KEY_UNWRITABLE, and what the reader throws
 */
export function writeIdentity (identity: IdentityContent, options: IdentityWriteOptions): WrittenFile[] {
  const files = writers[options.format](identity, options)
  if (files.length === 0) throw new errors.IDENTITY_UNWRITABLE(options.format, 'it has neither a private key nor a trusted certificate')
  const difference = differenceBetween(identity, readWritten(files, options))
  if (difference !== null) throw new errors.IDENTITY_UNWRITABLE(options.format, `${difference} would be another one when it is read`)
  return files
}

const writers: Readonly<Record<IdentityFormat, (identity: IdentityContent, options: IdentityWriteOptions) => WrittenFile[]>> = {
  'pse-v2': (identity, options) => [{ role: 'identity', bytes: writePse(identity, { ...options, version: 2 }) }],
  'pse-v4': (identity, options) => [{ role: 'identity', bytes: writePse(identity, { ...options, version: 4 }) }],
  // readers take a file without any entry for a damaged one
  pkcs12: (identity, options) => identity.privateKey === null && identity.trusted.length === 0 ? [] : [{ role: 'identity', bytes: writePkcs12(identity, options) }],
  pem: (identity, options) => {
    const [key, trust] = [writePem(identity, options), writePemTrust(identity)]
    return [...key === null ? [] : [{ role: 'identity' as const, bytes: key }], ...trust === null ? [] : [{ role: 'trust' as const, bytes: trust }]]
  }
}

/**
 * Reads the files of an identity together.
 *
 * @throws what `readIdentity` and `readTrustFile` throw
 */
export function readWritten (files: readonly WrittenFile[], { pin, file = 'the new file' }: { readonly pin: string | null, readonly file?: string }): IdentityContent {
  const identities = files.filter(({ role }) => role === 'identity').map(({ bytes }) => readIdentity(bytes, { file, pin }))
  const [identity = { privateKey: null, certificate: null, chain: [], trusted: [] } satisfies IdentityContent] = identities
  const trust = files.filter(({ role }) => role === 'trust').flatMap(({ bytes }) => readTrustFile(bytes, file))
  return { ...identity, trusted: [...identity.trusted, ...trust.map(({ der }) => der)] }
}

/** The first thing that two identities differ in, in words; `null` when they are the same. The order of a trust list does not count. */
export function differenceBetween (a: IdentityContent, b: IdentityContent): string | null {
  if (publicKeyText(a) !== publicKeyText(b)) return 'its private key'
  if (text(a.certificate) !== text(b.certificate)) return 'its certificate'
  if (a.chain.map(text).join() !== b.chain.map(text).join()) return 'its chain'
  return trustText(a) === trustText(b) ? null : 'its trust list'
}

function publicKeyText ({ privateKey }: IdentityContent): string {
  return privateKey === null ? '' : createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString()
}

/** A bare anchor beside the complete certificate says the same, and a PSE keeps the certificate only. */
function trustText ({ trusted }: IdentityContent): string {
  const complete = new Set(trusted.filter(anchor => !isBare(anchor)).map(anchor => text(toBeSignedPart(anchor))))
  const distinct = trusted.filter(anchor => !isBare(anchor) || !complete.has(text(toBeSignedPart(anchor))))
  return [...new Set(distinct.map(text))].sort().join()
}

function text (der: Buffer | null): string {
  return der?.toString('base64') ?? ''
}
