/**
 * Cipher strings of `ssl/ciphersuites` in OpenSSL's terms.
 *
 * Form: `<sum>:<class>[:<class>...][::<curve>[:<curve>...]]`, for instance `135:PFS:HIGH::EC_X25519:EC_P256:EC_HIGH`. The sum adds up
 * bits for protocol versions and options (SAP Note 510007, quoted in many places); without it the versions are the usual ones.
 */

/** A protocol version as `node:tls` names it. */
export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'

/** A cipher string in the words of `node:tls`. */
export interface CipherSettings {
  /** Option `ciphers`: OpenSSL cipher list, with the names of TLS 1.3 suites where that version is on. */
  readonly ciphers: string
  /** Option `ecdhCurve`; `null` for the default. */
  readonly groups: string | null
  readonly minVersion: TlsVersion
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3'
}

/** What reading a cipher string came to. */
export interface CipherString {
  /** `null` when there are `faults`. */
  readonly settings: CipherSettings | null
  /** Parts without a counterpart, which are left out: each as written, and why. */
  readonly unmapped: ReadonlyArray<{ readonly part: string, readonly why: string }>
  /** What makes the string unusable: leaving it out would allow more than the string does, or leave nothing. */
  readonly faults: readonly string[]
}

/** Bits that mean nothing to OpenSSL and whose loss opens nothing: old client hello, blind sending of the client certificate, strict versions. */
const ignoredBits = 1 | 16 | 32
const upToNewest = 2
const noGap = 4
const ssl3 = 64
const versionBits: ReadonlyArray<readonly [bit: number, version: TlsVersion]> = [[128, 'TLSv1'], [256, 'TLSv1.1'], [512, 'TLSv1.2'], [2048, 'TLSv1.3']]
const versions: readonly TlsVersion[] = versionBits.map(([, version]) => version)
const knownBits = ignoredBits | upToNewest | noGap | ssl3 | 128 | 256 | 512 | 2048

const suitesOfTls13 = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256'

/** Classes and algorithms. Elements of OpenSSL's own language that say the same are taken over as they are. */
const classes = new Map([
  ['PFS', 'ECDHE:DHE'], ['HIGH', 'HIGH'], ['MEDIUM', 'MEDIUM'], ['ALL', 'ALL'],
  ['ECDHE', 'ECDHE'], ['KECDHE', 'kECDHE'], ['DHE', 'DHE'], ['EDH', 'DHE'], ['RSA', 'kRSA'], ['KRSA', 'kRSA'], ['ARSA', 'aRSA'], ['AECDSA', 'aECDSA'],
  ['AES', 'AES'], ['AESGCM', 'AESGCM'], ['EAES128', 'AES128'], ['AES128', 'AES128'], ['EAES256', 'AES256'], ['AES256', 'AES256'],
  ['CHACHA20', 'CHACHA20'], ['ECHACHA20', 'CHACHA20'], ['E3DES', '3DES'], ['3DES', '3DES'], ['ERC4', 'RC4'], ['RC4', 'RC4'],
  ['ANULL', 'aNULL'], ['ENULL', 'eNULL'], ['NULL', 'eNULL'], ['SHA1', 'SHA1'], ['MSHA1', 'SHA1'], ['SHA', 'SHA1'], ['SHA256', 'SHA256'], ['MSHA256', 'SHA256'],
  ['SHA384', 'SHA384'], ['MSHA384', 'SHA384'], ['MD5', 'MD5'], ['MMD5', 'MD5'], ['LOW', 'LOW'], ['EXPORT', 'EXPORT'], ['EXP', 'EXPORT']
])

/** Classes that must never be offered: no authentication, no encryption. */
const never = new Set(['aNULL', 'eNULL'])
/** Classes that OpenSSL no longer has. To exclude them is done already. */
const gone = new Set(['LOW', 'EXPORT', 'RC4'])

const curves = new Map([
  ['EC_X25519', 'X25519'], ['EC_X448', 'X448'], ['EC_P256', 'P-256'], ['EC_P384', 'P-384'], ['EC_P521', 'P-521'], ['EC_HIGH', 'X25519:P-256:P-384:P-521']
])

/** Reads a cipher string. Never throws. */
export function readCipherString (text: string): CipherString {
  const unmapped: Array<{ part: string, why: string }> = []
  const faults: string[] = []
  const [head = '', ...rest] = text.trim().split('::')
  const parts = head.split(':').map(part => part.trim()).filter(part => part !== '')
  const sum = /^\d{1,9}$/.test(parts[0] ?? '') ? Number(parts.shift()) : 0
  const range = readVersions(sum, unmapped, faults)
  const suites = readClasses(parts, unmapped, faults)
  const groups = readCurves(rest.join(':'), unmapped, faults)
  if (faults.length > 0) return { settings: null, unmapped, faults }
  const ciphers = [
    ...range.maxVersion === 'TLSv1.3' ? [suitesOfTls13] : [], ...suites, '!aNULL:!eNULL:!PSK:!SRP',
    // OpenSSL's default level refuses the signatures that versions below 1.2 use
    ...range.minVersion === 'TLSv1' || range.minVersion === 'TLSv1.1' ? ['@SECLEVEL=0'] : []
  ]
  return { settings: { ciphers: ciphers.join(':'), groups, ...range }, unmapped, faults }
}

type Unmapped = Array<{ part: string, why: string }>

function readVersions (sum: number, unmapped: Unmapped, faults: string[]): Pick<CipherSettings, 'minVersion' | 'maxVersion'> {
  const named = versionBits.filter(([bit]) => (sum & bit) !== 0).map(([, version]) => version)
  if ((sum & ssl3) !== 0) unmapped.push({ part: String(ssl3), why: 'SSL 3.0 is not built in' })
  const unknown = sum & ~knownBits
  if (unknown !== 0) unmapped.push({ part: String(unknown), why: 'the meaning of these bits is not known' })
  const first = named[0] ?? ((sum & ssl3) !== 0 && (sum & upToNewest) !== 0 ? 'TLSv1' : 'TLSv1.2')
  const last = (sum & upToNewest) !== 0 || named.length === 0 ? 'TLSv1.3' : named.at(-1) as TlsVersion
  if (last === 'TLSv1' || last === 'TLSv1.1') faults.push(`the sum ${sum} ends with ${last}; the newest version must be TLS 1.2 or 1.3`)
  const between = versions.slice(versions.indexOf(first), versions.indexOf(last) + 1).filter(version => !named.includes(version))
  if ((sum & (noGap | upToNewest)) === 0 && named.length > 0 && between.length > 0) {
    unmapped.push({ part: String(sum), why: `OpenSSL knows no gap between versions: ${between.join(', ')} is on as well` })
  }
  return { minVersion: first, maxVersion: last as 'TLSv1.2' | 'TLSv1.3' }
}

function readClasses (parts: readonly string[], unmapped: Unmapped, faults: string[]): string[] {
  const elements: string[] = []
  for (const part of parts) {
    const [, sign = '', name = ''] = /^([!+-]?)(.*)$/s.exec(part) as RegExpExecArray
    const element = classes.get(name.toUpperCase()) ?? null
    const excludes = sign === '!' || sign === '-'
    if (element === null) {
      if (excludes) faults.push(`"${part}" excludes something that is not known here; without it more would be allowed`)
      else unmapped.push({ part, why: 'there is no such class of cipher suites' })
    } else if (!excludes && never.has(element)) {
      unmapped.push({ part, why: 'suites without authentication or encryption are never offered' })
    } else if (gone.has(element)) {
      if (!excludes) unmapped.push({ part, why: 'OpenSSL has no such suites any more' })
    } else {
      elements.push(...element.split(':').map(single => sign + single))
    }
  }
  if (!elements.some(element => !/^[!+-]/.test(element))) {
    if (parts.length > 0) faults.push('no class of cipher suites is left')
    else elements.push('HIGH')
  }
  return elements
}

function readCurves (text: string, unmapped: Unmapped, faults: string[]): string | null {
  const parts = text.split(':').map(part => part.trim()).filter(part => part !== '')
  if (parts.length === 0) return null
  const groups = new Set<string>()
  for (const part of parts) {
    const found = curves.get(part.toUpperCase())
    if (found === undefined) unmapped.push({ part, why: 'there is no such curve' })
    else for (const group of found.split(':')) groups.add(group)
  }
  if (groups.size === 0) faults.push('no curve is left')
  return [...groups].join(':')
}
