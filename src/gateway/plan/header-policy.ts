/** Options of the plugin `client-cert-headers`: whom the gateway believes, and what it writes. */
import { foldFieldName } from '../../client-cert/managed-fields.ts'
import { lintNameText } from '../../profile/name-text.ts'
import {
  acceptForwardedOverHttp, certificateField, chainFieldPrefix, cipherSuiteField, forwardClientCertificate, keySizeField, trustedReverseProxy, trustIssuer, trustSubject
} from '../../profile/parameters/icm.ts'
import { cipherSuiteFormat, forwardFormat, maxHeaderFields, trustedCertificateAsUser, untrustedFields } from '../../profile/parameters/postern.ts'
import type { Setting } from '../../profile/parameters/settings.ts'
import type { PlanInput } from './input.ts'

/** A predecessor whose SSL header fields are believed. */
export interface TrustedProxy {
  readonly subject: string
  readonly issuer: string
  /** The old pair of parameters: in it, `*` and `*` believe a client without certificate as well. */
  readonly legacy: boolean
  /** What the log calls the entry. */
  readonly name: string
}

/** Options of the plugin `client-cert-headers`. */
export interface HeaderPolicyOptions {
  readonly forwardClientCertificate: boolean
  readonly formats: ReadonlyArray<'sap' | 'rfc9440'>
  readonly fieldNames: { readonly certificate: string, readonly chainPrefix: string, readonly keySize: string, readonly cipherSuite: string }
  readonly trustedProxies: readonly TrustedProxy[]
  readonly acceptOverHttp: boolean
  readonly untrustedFields: 'conninfo' | 'none' | 'certificate'
  readonly trustedCertificateAsUser: boolean
  readonly cipherSuiteFormat: 'hex' | 'hex_pair' | 'decimal_pair' | 'name' | 'off'
  readonly maxHeaderFields: number
}

/** Plans the header policy, which is the same for all listeners, and warns of what it opens. */
export function planHeaderPolicy (input: PlanInput): HeaderPolicyOptions {
  const { settings } = input
  warnOfOpenings(input)
  return {
    forwardClientCertificate: settings.get(forwardClientCertificate),
    formats: [...new Set(settings.get(forwardFormat))],
    fieldNames: planFieldNames(input),
    trustedProxies: planTrust(input),
    acceptOverHttp: settings.get(acceptForwardedOverHttp),
    untrustedFields: settings.get(untrustedFields),
    trustedCertificateAsUser: settings.get(trustedCertificateAsUser),
    cipherSuiteFormat: settings.get(cipherSuiteFormat),
    maxHeaderFields: settings.get(maxHeaderFields)
  }
}

function planTrust (input: PlanInput): TrustedProxy[] {
  const { settings, findings } = input
  const proxies = settings.all(trustedReverseProxy).map(setting => {
    const { SUBJECT: subject, ISSUER: issuer } = setting.value
    lint(setting, [subject, 'SUBJECT'], input)
    lint(setting, [issuer, 'ISSUER'], input)
    if (subject === '*' && issuer === '*') {
      findings.report('POSTERN_WARN_PLAN_TRUST_EVERYBODY', setting, { message: 'everybody with a certificate that leads to the trust list can log on as anybody', expected: 'subject and issuer of the predecessor\'s certificate' })
    }
    return { subject, issuer, legacy: false, name: setting.name }
  })
  const old = planOldTrust(input)
  if (old !== null && proxies.length > 0) {
    findings.report('POSTERN_WARN_PLAN_TRUST_TWO_KINDS', settings.find(trustSubject), { message: 'icm/trusted_reverse_proxy_<xx> is set too: a predecessor that matches either is believed', expected: 'one kind, icm/trusted_reverse_proxy_<xx>' })
  }
  return old === null ? proxies : [...proxies, old]
}

/** The old pair counts only when both are set. */
function planOldTrust (input: PlanInput): TrustedProxy | null {
  const { settings, findings } = input
  const subject = settings.find(trustSubject)
  const issuer = settings.find(trustIssuer)
  for (const setting of [subject, issuer]) if (setting !== null) lint(setting, [setting.value], input)
  if (subject === null || issuer === null) {
    const [alone, missing] = subject === null ? [issuer, trustSubject] : [subject, trustIssuer]
    // a value that cannot be used is an error of its own
    if (alone !== null && !settings.isAttempted(missing)) findings.report('POSTERN_WARN_PLAN_TRUST_HALF', alone, { message: `nobody is believed, because ${missing.name} is not set`, expected: 'both, or icm/trusted_reverse_proxy_<xx>' })
    return null
  }
  if (subject.value === '*' && issuer.value === '*') {
    findings.report('POSTERN_WARN_PLAN_TRUST_EVERYBODY', subject, { message: 'subject and issuer are *: everybody can log on as anybody, even without a certificate', expected: 'subject and issuer of the predecessor\'s certificate' })
  }
  return { subject: subject.value, issuer: issuer.value, legacy: true, name: subject.name }
}

function lint ({ name, origin }: Setting<unknown>, [text, key]: [text: string, key?: string], { findings }: PlanInput): void {
  findings.list.push(...lintNameText({ ...origin, parameter: key === undefined ? name : `${name} ${key}` }, text))
}

function warnOfOpenings ({ settings, findings }: PlanInput): void {
  const overHttp = settings.find(acceptForwardedOverHttp)
  if (overHttp?.value === true) {
    findings.report('POSTERN_WARN_PLAN_TRUST_OVER_HTTP', overHttp, { message: 'SSL header fields are believed over plain HTTP: whoever reaches such a port can log on as anybody', expected: 'FALSE, and HTTPS from the predecessor' })
  }
  const untrusted = settings.find(untrustedFields)
  if (untrusted !== null && untrusted.value !== 'conninfo') {
    findings.report('POSTERN_WARN_PLAN_UNTRUSTED_FIELDS', untrusted, {
      message: untrusted.value === 'none'
        ? 'requests of untrusted senders of SSL fields reach the back end without any: it could take the gateway\'s certificate for the user\'s'
        : 'the certificate of an untrusted sender of SSL fields, which is an intermediary, is forwarded as a user\'s',
      expected: 'conninfo'
    })
  }
  const asUser = settings.find(trustedCertificateAsUser)
  if (asUser?.value === true) {
    findings.report('POSTERN_WARN_PLAN_CERTIFICATE_AS_USER', asUser, { message: 'a trusted predecessor that sends no SSL fields is logged on with its own certificate', expected: 'FALSE, unless that certificate is meant to be a user\'s' })
  }
}

/** Fields that carry something else in HTTP, folded. */
const taken = new Set([
  'accept', 'acceptencoding', 'acceptlanguage', 'authorization', 'cachecontrol', 'clientprotocol', 'connection', 'contentencoding', 'contentlength', 'contenttype', 'cookie',
  'date', 'expect', 'forwarded', 'host', 'ifmatch', 'ifmodifiedsince', 'ifnonematch', 'keepalive', 'location', 'origin', 'proxyauthorization', 'range', 'referer',
  'secwebsocketkey', 'secwebsocketversion', 'setcookie', 'te', 'trailer', 'transferencoding', 'upgrade', 'useragent', 'via', 'xforwardedfor'
])

function planFieldNames (input: PlanInput): HeaderPolicyOptions['fieldNames'] {
  const { settings, findings } = input
  const prefix = settings.find(chainFieldPrefix)
  if (prefix !== null && /\d$/.test(prefix.value)) {
    findings.report('POSTERN_WARN_PLAN_CHAIN_PREFIX', prefix, { message: `the prefix "${prefix.value}" ends in a digit: the first field is ${prefix.value}1`, expected: 'a prefix without number, such as SSL_CLIENT_CERT_CHAIN_' })
  }
  const entries = [certificateField, keySizeField, cipherSuiteField, chainFieldPrefix] as const
  const chain = foldFieldName(settings.get(chainFieldPrefix))
  for (const [index, entry] of entries.entries()) {
    const name = foldFieldName(settings.get(entry))
    const twin = entries.slice(0, index).find(other => isTaken(foldFieldName(settings.get(other)), { name, chain: entry === chainFieldPrefix ? chain : null }))
    if (name === '' || taken.has(name)) {
      findings.report('POSTERN_ERR_PLAN_FIELD_NAME', settings.find(entry), { message: `the field "${settings.get(entry)}" belongs to HTTP itself`, expected: 'a name that only SSL header fields have' })
    } else if (twin !== undefined) {
      findings.report('POSTERN_ERR_PLAN_FIELD_NAME', settings.find(entry) ?? settings.find(twin), { message: `${entry.name} and ${twin.name} name the same field`, expected: 'different names' })
    }
  }
  return {
    certificate: settings.get(certificateField),
    chainPrefix: settings.get(chainFieldPrefix),
    keySize: settings.get(keySizeField),
    cipherSuite: settings.get(cipherSuiteField)
  }
}

/** Whether a field has the same name, or is one of the numbered fields of the chain. */
function isTaken (other: string, { name, chain }: { name: string, chain: string | null }): boolean {
  return other === name || (chain !== null && other.startsWith(chain) && /^\d+$/.test(other.slice(chain.length)))
}
