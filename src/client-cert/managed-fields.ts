/**
 * Which header fields belong to the gateway and not to whoever sends them, in every spelling that some server behind might take for
 * them.
 */

/** The configurable names of the SSL header fields. */
export interface FieldNames {
  /** `icm/HTTPS/client_certificate_header_name` */
  readonly certificate: string
  /** `icm/HTTPS/client_certificate_chain_header_prefix`, the number follows it. */
  readonly chainPrefix: string
  /** `icm/HTTPS/client_key_size_header_name` */
  readonly keySize: string
  /** `icm/HTTPS/client_cipher_suite_header_name` */
  readonly cipherSuite: string
}

/** SAP's names. */
export const defaultFieldNames: FieldNames = {
  certificate: 'SSL_CLIENT_CERT',
  chainPrefix: 'SSL_CLIENT_CERT_CHAIN_',
  keySize: 'SSL_CIPHER_USEKEYSIZE',
  cipherSuite: 'SSL_CIPHER_SUITE'
}

/** In which forms the certificate is passed on: SAP's fields, the fields of RFC 9440, or both. */
export type FieldFormat = 'sap' | 'rfc9440'

/**
 * What a managed field is for. `certificate` stands for everything that tells of a client's TLS connection: who sends such a field is
 * an intermediary. `routing` fields speak between gateways (`clientprotocol`, `x-sap-webdisp-...`); `connection` fields name other
 * fields (`Connection`, `Trailer`).
 */
export type FieldRole = 'certificate' | 'routing' | 'connection'

/** A field that the policy looks at. */
export interface ManagedField {
  readonly role: FieldRole
  /** Whether the name is spelt as configured (letter case apart): only such fields can be kept. */
  readonly exact: boolean
  /** Whether two of it are a contradiction. */
  readonly single: boolean
}

const twin: ManagedField = { role: 'certificate', exact: false, single: false }
const exactField: ManagedField = { role: 'certificate', exact: true, single: true }
const exactList: ManagedField = { role: 'certificate', exact: true, single: false }
const routing: ManagedField = { role: 'routing', exact: true, single: false }
const routingTwin: ManagedField = { role: 'routing', exact: false, single: false }
const connection: ManagedField = { role: 'connection', exact: true, single: false }

/** Names that are remembered. Clients choose names, so the number has to be bounded; a browser uses a few dozen. */
const maxRememberedNames = 500
/** Longer names are read anew each time: some hundred of the longest that a header can hold would be tens of megabytes. */
const maxRememberedLength = 100

/**
 * Folds a field name to what all its spellings share: letters and digits, lower case. `HTTP_` in front goes too, because CGI and its
 * descendants keep `Ssl-Client-Cert` and a field that is called `HTTP_SSL_CLIENT_CERT` in variables of similar names.
 */
export function foldFieldName (name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '').replace(/^(?:http)+/, '')
}

/** Fields of HTTP itself, folded: a gateway that removed one of them would break every request. */
const reservedNames = new Set(['', 'host', 'connection', 'trailer', 'te', 'upgrade', 'expect', 'contentlength', 'contenttype', 'transferencoding',
  'cookie', 'authorization', 'proxyauthorization'])

/** What is wrong with a choice of names, or `null`. Names that differ in case and punctuation only are the same name. */
export function faultOfFieldNames ({ certificate, chainPrefix, keySize, cipherSuite }: FieldNames): string | null {
  const folded = [certificate, chainPrefix, keySize, cipherSuite].map(foldFieldName)
  const reserved = folded.find(name => reservedNames.has(name))
  if (reserved !== undefined) return `fieldNames: "${reserved}" belongs to HTTP itself`
  return new Set(folded).size === folded.length ? null : 'fieldNames: two names are the same but for case and punctuation'
}

/** Recognises managed fields by name. */
export class ManagedFields {
  readonly #remembered = new Map<string, ManagedField | null>()
  /** Lower-case names that are spelt as configured. */
  readonly #exact: ReadonlyMap<string, ManagedField>
  readonly #exactChain: RegExp | null
  /** Folded names of all managed fields, the defaults even where others are configured. */
  readonly #folded: ReadonlySet<string>
  readonly #foldedChainPrefixes: readonly string[]

  constructor (names: FieldNames, formats: readonly FieldFormat[]) {
    const sap = formats.includes('sap') ? [names.certificate, names.keySize, names.cipherSuite] : []
    // where both forms are in use SAP's is the one that is believed, and the other one is made from it
    const rfc9440: Array<[string, ManagedField]> = formats.includes('rfc9440') && !formats.includes('sap') ? [['client-cert', exactField], ['client-cert-chain', exactList]] : []
    this.#exact = new Map<string, ManagedField>([
      ['connection', connection],
      ['trailer', connection],
      ['clientprotocol', routing],
      ...sap.map((name): [string, ManagedField] => [name.toLowerCase(), exactField]),
      ...rfc9440
    ])
    this.#exactChain = formats.includes('sap') ? new RegExp(`^${escapeRegExp(names.chainPrefix.toLowerCase())}(?:0|[1-9][0-9]*)$`) : null
    const all = [names, defaultFieldNames]
    this.#folded = new Set([
      ...all.flatMap(({ certificate, keySize, cipherSuite }) => [certificate, keySize, cipherSuite]),
      'Client-Cert', 'Client-Cert-Chain', 'X-Forwarded-Client-Cert'
    ].map(foldFieldName))
    this.#foldedChainPrefixes = [...new Set(all.map(({ chainPrefix }) => foldFieldName(chainPrefix)))]
  }

  /** Tells what a field is, or `null` for one that is none of our business. */
  identify (name: string): ManagedField | null {
    let field = this.#remembered.get(name)
    if (field === undefined) {
      field = this.#identify(name)
      if (name.length > maxRememberedLength) return field
      if (this.#remembered.size >= maxRememberedNames) this.#remembered.clear()
      this.#remembered.set(name, field)
    }
    return field
  }

  #identify (name: string): ManagedField | null {
    const lowerCase = name.toLowerCase()
    const exact = this.#exact.get(lowerCase)
    if (exact !== undefined) return exact
    if (this.#exactChain?.test(lowerCase) === true) return exactField
    const folded = foldFieldName(name)
    if (this.#folded.has(folded) || this.#isChainField(folded)) return twin
    if (folded === 'clientprotocol') return routingTwin
    if (folded.startsWith('xsapwebdisp')) return /^x-sap-webdisp-[a-z0-9-]+$/.test(lowerCase) ? routing : routingTwin
    return null
  }

  /** A prefix with any number behind it, or none. */
  #isChainField (folded: string): boolean {
    return this.#foldedChainPrefixes.some(prefix => folded.startsWith(prefix) && /^[0-9]*$/.test(folded.slice(prefix.length)))
  }
}

function escapeRegExp (text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
