/**
 * The certificates of a PSE that are not stored as certificates: the root in parts (PKRoot), and trusted certificates without
 * their signature (PKList).
 */
import { errors } from '../errors.ts'
import type { Certificate } from '../x509/certificate.ts'
import { readCertificate } from './certificates.ts'
import { encodeDer, readAlgorithm, readDer, tag, type DerValue } from './der-value.ts'
import { derSequence } from './der-write.ts'

/**
 * Rebuilds the root certificate, byte for byte, from SEQUENCE { Name, key, old key OPTIONAL, [0] extensions OPTIONAL }, where key is
 * SEQUENCE { [0] { version }, serial, SubjectPublicKeyInfo, [1] { validity }, [2] { signature algorithm }, signature }.
 */
export function readRoot (value: DerValue): Certificate {
  const name = value.expect(tag.sequence, 'PKRoot').child(0)
  const key = value.child(1)
  const [version, serial, publicKey, validity, algorithm, signature] = [0, 1, 2, 3, 4, 5].map(index => key.child(index)) as
    [DerValue, DerValue, DerValue, DerValue, DerValue, DerValue]
  const signatureAlgorithm = algorithm.child(0)
  const extensions = value.children.slice(2).find(isExtensionList)
  const toBeSigned = encodeDer(tag.sequence,
    version.encoded, serial.encoded, signatureAlgorithm.encoded, name.encoded, validity.child(0).encoded, name.encoded, publicKey.encoded,
    extensions === undefined ? Buffer.alloc(0) : encodeDer(tag.context3, extensions.child(0).encoded))
  const certificate = encodeDer(tag.sequence, toBeSigned, signatureAlgorithm.encoded, signature.encoded)
  return readCertificate(certificate, what => value.fault(`PKRoot: ${what}`))
}

/**
 * Takes a root certificate apart, the way PKRoot has it.
 *
 * @returns `null` for a certificate that would not be the same when it is rebuilt: of version 1, with unique identifiers, or not self-issued
 */
export function encodeRoot (certificate: Buffer): Buffer | null {
  const complete = readDer(certificate, invalid)
  try {
    const encoded = takeApart(complete)
    return readRoot(readDer(encoded, invalid)).der.equals(certificate) ? encoded : null
  } catch {
    return null
  }
}

function takeApart (certificate: DerValue): Buffer {
  const [body, algorithm, signature] = [0, 1, 2].map(index => certificate.child(index)) as [DerValue, DerValue, DerValue]
  const [version, serial, name, validity, publicKey] = [0, 1, 3, 4, 6].map(index => body.child(index).encoded) as [Buffer, Buffer, Buffer, Buffer, Buffer]
  const extensions = body.children[7]
  return derSequence(name,
    derSequence(version, serial, publicKey, encodeDer(tag.context0 + 1, validity), encodeDer(tag.context0 + 2, algorithm.encoded), signature.encoded),
    ...extensions === undefined ? [] : [encodeDer(tag.context0, extensions.content)])
}

function invalid (what: string): Error {
  return new errors.X509_CERTIFICATE_INVALID(what)
}

/** An old key may carry the same tag; only a list of extensions is a SEQUENCE of a SEQUENCE that starts with an identifier. */
function isExtensionList (value: DerValue): boolean {
  if (value.tag !== tag.context0) return false
  const [list] = value.children
  if (list?.tag !== tag.sequence) return false
  const [extension] = list.children
  return extension?.tag === tag.sequence && extension.children[0]?.tag === tag.objectIdentifier
}

/** One entry of PKList, as far as it can be used. */
export interface TrustEntry {
  readonly subject: string
  /** `null` when there is no certificate that the list's part could be found in, and none can be made. */
  readonly certificate: Certificate | null
  /** The certificate is a bare anchor: name and key are the list's, the signature is empty. */
  readonly bare: boolean
  /** The entry as it is in the list. */
  readonly encoded: Buffer
  /** The entry is a complete certificate. */
  readonly complete: boolean
}

/**
 * Reads PKList, SET OF (to-be-signed part of a certificate, or certificate).
 *
 * A to-be-signed part is looked for in the `complete` certificates of the PSE. If it is in none of them and it is a root, a
 * certificate with an empty signature is made of it: the signature of a trust anchor proves nothing, since it is the
 * anchor's own, and OpenSSL does not look at it. An intermediate CA cannot be used that way: its signature is verified.
 */
export function readTrustList (value: DerValue, complete: readonly Certificate[]): TrustEntry[] {
  const known = new Map(complete.map(certificate => [toBeSignedPart(certificate.der).toString('latin1'), certificate]))
  return value.expect(tag.set, 'PKList').children.map(entry => {
    const { encoded } = entry
    if (entry.child(0).tag === tag.sequence) {
      const certificate = readCertificate(encoded, what => entry.fault(`PKList: ${what}`))
      return { subject: certificate.subject, certificate, bare: false, encoded, complete: true }
    }
    const found = known.get(encoded.toString('latin1'))
    const usable = found === undefined ? bareAnchor(entry) : { subject: found.subject, certificate: found, bare: false }
    return { ...usable, encoded, complete: false }
  })
}

function bareAnchor (toBeSigned: DerValue): Pick<TrustEntry, 'subject' | 'certificate' | 'bare'> {
  const afterVersion = toBeSigned.child(0).tag === tag.context0 ? 1 : 0
  const [algorithm, issuer, subject] = [1, 2, 4].map(index => toBeSigned.child(afterVersion + index)) as [DerValue, DerValue, DerValue]
  readAlgorithm(algorithm)
  const emptySignature = encodeDer(tag.bitString, Buffer.from([0]))
  const certificate = readCertificate(encodeDer(tag.sequence, toBeSigned.encoded, algorithm.encoded, emptySignature), what => toBeSigned.fault(`PKList: ${what}`))
  const bare = issuer.encoded.equals(subject.encoded)
  return { subject: certificate.subject, certificate: bare ? certificate : null, bare }
}

/** Whether a certificate is a bare anchor: its signature is empty. */
export function isBare (certificate: Buffer): boolean {
  return readDer(certificate, invalid).child(2).bits('signature').length === 0
}

/** The part of a certificate that is signed (RFC 5280 section 4.1). */
export function toBeSignedPart (certificate: Buffer): Buffer {
  return readDer(certificate, invalid).child(0).encoded
}

/** Certificates of FCPath, SEQUENCE OF SET OF Certificate, the lowest level first. */
export function readPath (value: DerValue): Certificate[] {
  return value.expect(tag.sequence, 'FCPath').children.flatMap(level => readCertificateSet(level, 'FCPath'))
}

/** Certificates of a SET OF Certificate. */
export function readCertificateSet (value: DerValue, object: string): Certificate[] {
  return value.expect(tag.set, object).children.map(entry => readCertificate(entry.encoded, what => entry.fault(`${object}: ${what}`)))
}
