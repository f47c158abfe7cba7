import { errors } from '../errors.ts'
import type { Certificate } from '../x509/certificate.ts'
import { distinct, issuersAmong, readCertificate } from './certificates.ts'
import type { DerValue } from './der-value.ts'
import type { ReadIdentity, IdentityWarning } from './identity.ts'
import { openPse, type PseOptions } from './pse-container.ts'
import { readObjects, type PseObjects } from './pse-objects.ts'
import { readPrivateKey } from './pse-private-key.ts'
import type { PseRest } from './pse-rest.ts'
import { readCertificateSet, readPath, readRoot, readTrustList, type TrustEntry } from './pse-trust.ts'

/**
 * Reads a PSE of version 2 or 4.
 *
 * PKRoot and PKList are its trust, as SAP counts them; FCPath leads up from the own certificate and is not trusted for that.
 *
 * @param outer the whole file
 * @throws POSTERN_ERR_PSE_NO_CERTIFICATE, PSE_TWO_KEY_PAIRS, IDENTITY_CHAIN and what `openPse` and `readPrivateKey` throw
 */
export function readPse (outer: DerValue, options: PseOptions): ReadIdentity {
  const { version, content } = openPse(outer, options)
  const objects = readObjects(content)
  const certificates = readCertificates(objects)
  const { trusted, entries, warnings } = readTrust(objects, certificates, options.file)
  const source = { file: options.file, format: `pse-v${version}` } as const
  const key = objects.get('SKnew')?.value
  const rest = restOf(objects, certificates, { trusted, entries })
  const secondKey = ['SignSK', 'DecSKnew'].find(name => objects.has(name))
  if (key === undefined && secondKey !== undefined) throw new errors.PSE_TWO_KEY_PAIRS(options.file, secondKey)
  if (key === undefined) return { identity: { privateKey: null, certificate: null, chain: [], trusted, source }, warnings, rest }
  const [own] = certificates.own
  if (own === undefined) throw new errors.PSE_NO_CERTIFICATE(options.file)
  const privateKey = readPrivateKey(key, own, options.file)
  const chain = issuersAmong(own, [...certificates.path, ...certificates.root], options.file).chain.map(certificate => certificate.der)
  return { identity: { privateKey, certificate: own.der, chain, trusted, source }, warnings, rest }
}

/** Objects that are written anew from an identity. Without a key there is no own certificate, and what the file has in its place stays. */
const trustObjects = new Set(['PKRoot', 'PKList', 'CertList'])
const ownObjects = new Set(['SKnew', 'Cert', 'FCPath'])

function restOf (objects: PseObjects, { own, list }: PseCertificates, { trusted, entries }: { trusted: readonly Buffer[], entries: readonly TrustEntry[] }): PseRest {
  const hasKey = objects.has('SKnew')
  const isWritten = (name: string) => trustObjects.has(name) || (hasKey && ownObjects.has(name))
  const written = new Set([...hasKey ? own : [], ...trusted.map(der => ({ der }))].map(({ der }) => der.toString('latin1')))
  return {
    objects: [...objects.values()].filter(({ name }) => !isWritten(name)),
    trustEntries: entries.filter(({ certificate }) => certificate === null).map(({ encoded }) => encoded),
    certificates: list.filter(({ der }) => !written.has(der.toString('latin1'))).map(({ der }) => der),
    completeTrust: entries.some(({ complete }) => complete)
  }
}

/** The complete certificates of a PSE. Of `own` and `root` there is one or none. */
interface PseCertificates {
  readonly own: readonly Certificate[]
  readonly root: readonly Certificate[]
  readonly path: readonly Certificate[]
  readonly list: readonly Certificate[]
}

function readCertificates (objects: PseObjects): PseCertificates {
  return {
    own: read(objects, 'Cert', value => [readCertificate(value.encoded, what => value.fault(`Cert: ${what}`))]),
    root: read(objects, 'PKRoot', value => [readRoot(value)]),
    path: read(objects, 'FCPath', readPath),
    list: read(objects, 'CertList', value => readCertificateSet(value, 'CertList'))
  }
}

function readTrust (objects: PseObjects, { own, root, path, list }: PseCertificates, file: string): { trusted: Buffer[], entries: TrustEntry[], warnings: IdentityWarning[] } {
  const entries = read(objects, 'PKList', value => readTrustList(value, [...root, ...list, ...path, ...own]))
  const listed = entries.flatMap(({ certificate }) => certificate ?? [])
  const warnings = entries.flatMap((entry): IdentityWarning[] => warningAbout(entry, file))
  return { trusted: distinct([...root, ...listed]).map(certificate => certificate.der), entries, warnings }
}

function warningAbout ({ subject, certificate, bare }: TrustEntry, file: string): IdentityWarning[] {
  if (certificate === null) {
    return [{
      code: 'POSTERN_WARN_PSE_TRUST_UNUSABLE',
      message: `${file}: the trust list has ${subject} without its signature, and it is no root: it is not trusted; postern/trust_<xx> can add the certificate`
    }]
  }
  return bare ? [{ code: 'POSTERN_WARN_PSE_TRUST_BARE', message: `${file}: the trust list has ${subject} without its signature; it is trusted by its name and key` }] : []
}

function read<T> (objects: PseObjects, name: string, reader: (value: DerValue) => T[]): T[] {
  const object = objects.get(name)
  return object === undefined ? [] : reader(object.value)
}
