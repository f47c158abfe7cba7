import t from 'tap'
import { brief, planOfLines } from '../../helpers/profile-plan.ts'

function policyOf (...lines: string[]) {
  const { plan, findings } = planOfLines(lines)
  const entry = plan?.listeners[0]?.plugins[0]
  t.ok(entry === undefined || entry.plugin === 'client-cert-headers', 'the header policy is the first plugin')
  return { options: entry?.options, findings: brief(findings) }
}

const oldPair = ['icm/HTTPS/trust_client_with_subject = CN=wd, O=Example, C=DE', 'icm/HTTPS/trust_client_with_issuer = CN=CA, O=Example, C=DE']
const entry = 'icm/trusted_reverse_proxy_0 = SUBJECT="CN=wd, O=Example, C=DE", ISSUER="CN=CA, O=Example, C=DE"'

t.test('defaults believe nobody and forward nothing', async t => {
  t.strictSame(policyOf(), {
    options: {
      forwardClientCertificate: false,
      formats: ['sap'],
      fieldNames: { certificate: 'SSL_CLIENT_CERT', chainPrefix: 'SSL_CLIENT_CERT_CHAIN_', keySize: 'SSL_CIPHER_USEKEYSIZE', cipherSuite: 'SSL_CIPHER_SUITE' },
      trustedProxies: [],
      acceptOverHttp: false,
      untrustedFields: 'conninfo',
      trustedCertificateAsUser: false,
      cipherSuiteFormat: 'hex',
      maxHeaderFields: 1000
    },
    findings: []
  })
})

t.test('each setting reaches the policy, and what opens something is warned about', async t => {
  const trusted = { subject: 'CN=wd, O=Example, C=DE', issuer: 'CN=CA, O=Example, C=DE' }
  const rows: Array<{ lines: string[], options: object, findings: string[] }> = [
    { lines: ['icm/HTTPS/forward_ccert_as_header = true'], options: { forwardClientCertificate: true }, findings: [] },
    { lines: [entry], options: { trustedProxies: [{ ...trusted, legacy: false, name: 'icm/trusted_reverse_proxy_0' }] }, findings: [] },
    { lines: oldPair, options: { trustedProxies: [{ ...trusted, legacy: true, name: 'icm/HTTPS/trust_client_with_subject' }] }, findings: [] },
    { lines: [entry, ...oldPair], options: { trustedProxies: [{ ...trusted, legacy: false, name: 'icm/trusted_reverse_proxy_0' }, { ...trusted, legacy: true, name: 'icm/HTTPS/trust_client_with_subject' }] }, findings: ['WARN_PLAN_TRUST_TWO_KINDS icm/HTTPS/trust_client_with_subject'] },
    { lines: [oldPair[0] as string], options: { trustedProxies: [] }, findings: ['WARN_PLAN_TRUST_HALF icm/HTTPS/trust_client_with_subject'] },
    { lines: [oldPair[1] as string], options: { trustedProxies: [] }, findings: ['WARN_PLAN_TRUST_HALF icm/HTTPS/trust_client_with_issuer'] },
    { lines: ['icm/HTTPS/trust_client_with_subject = *', 'icm/HTTPS/trust_client_with_issuer = *'], options: { trustedProxies: [{ subject: '*', issuer: '*', legacy: true }] }, findings: ['WARN_PLAN_TRUST_EVERYBODY icm/HTTPS/trust_client_with_subject'] },
    { lines: ['icm/HTTPS/trust_client_with_subject = *', oldPair[1] as string], options: {}, findings: [] },
    { lines: ['icm/trusted_reverse_proxy_4 = SUBJECT="*", ISSUER="*"'], options: { trustedProxies: [{ subject: '*', issuer: '*', legacy: false }] }, findings: ['WARN_PLAN_TRUST_EVERYBODY icm/trusted_reverse_proxy_4'] },
    { lines: ['icm/accept_forwarded_cert_via_http = TRUE'], options: { acceptOverHttp: true }, findings: ['WARN_PLAN_TRUST_OVER_HTTP icm/accept_forwarded_cert_via_http'] },
    { lines: ['icm/accept_forwarded_cert_via_http = FALSE'], options: { acceptOverHttp: false }, findings: [] },
    { lines: ['postern/untrusted_fields = none'], options: { untrustedFields: 'none' }, findings: ['WARN_PLAN_UNTRUSTED_FIELDS postern/untrusted_fields'] },
    { lines: ['postern/untrusted_fields = certificate'], options: { untrustedFields: 'certificate' }, findings: ['WARN_PLAN_UNTRUSTED_FIELDS postern/untrusted_fields'] },
    { lines: ['postern/untrusted_fields = conninfo'], options: { untrustedFields: 'conninfo' }, findings: [] },
    { lines: ['postern/trusted_certificate_as_user = TRUE'], options: { trustedCertificateAsUser: true }, findings: ['WARN_PLAN_CERTIFICATE_AS_USER postern/trusted_certificate_as_user'] },
    { lines: ['postern/cipher_suite_format = decimal_pair', 'postern/max_header_fields = 50', 'postern/forward_ccert_format = rfc9440;sap;sap'], options: { cipherSuiteFormat: 'decimal_pair', maxHeaderFields: 50, formats: ['rfc9440', 'sap'] }, findings: [] }
  ]
  for (const { lines, options, findings } of rows) {
    const made = policyOf(...lines)
    t.strictSame(made.findings, findings, lines.join('; '))
    t.match(made.options, options, lines.join('; '))
  }
})

t.test('names that cannot match as they are typed are reported', async t => {
  const form = 'WARN_PROFILE_NAME_FORM'
  const rows: Array<{ lines: string[], findings: string[] }> = [
    { lines: ['icm/trusted_reverse_proxy_0 = SUBJECT="CN=wd,O=Example", ISSUER="CN=CA, O=Example"'], findings: [`${form} icm/trusted_reverse_proxy_0 SUBJECT`] },
    { lines: ['icm/trusted_reverse_proxy_0 = SUBJECT="CN=wd, ST=x", ISSUER="C=DE, CN=CA"'], findings: [`${form} icm/trusted_reverse_proxy_0 SUBJECT`, `${form} icm/trusted_reverse_proxy_0 ISSUER`] },
    { lines: ['icm/HTTPS/trust_client_with_subject = CN=wd,O=Example', oldPair[1] as string], findings: [`${form} icm/HTTPS/trust_client_with_subject`] },
    { lines: ['icm/trusted_reverse_proxy_0 = SUBJECT=“CN=wd”, ISSUER="CN=CA"'], findings: ['ERR_PROFILE_TYPOGRAPHIC_QUOTES icm/trusted_reverse_proxy_0 SUBJECT'] }
  ]
  for (const { lines, findings } of rows) t.strictSame(policyOf(...lines).findings, findings, lines.join('; '))
})

t.test('one half of the old pair with a wrong value is one fault', async t => {
  t.strictSame(policyOf(oldPair[0] as string, 'icm/HTTPS/trust_client_with_issuer =').findings, ['ERR_PROFILE_VALUE icm/HTTPS/trust_client_with_issuer'])
})

t.test('names of fields are different, and are no names of HTTP', async t => {
  const rows: Array<{ lines: string[], findings: string[] }> = [
    { lines: ['icm/HTTPS/client_certificate_header_name = X-Cert'], findings: [] },
    { lines: ['icm/HTTPS/client_certificate_chain_header_prefix = SSL_CLIENT_CERT_CHAIN_1'], findings: ['WARN_PLAN_CHAIN_PREFIX icm/HTTPS/client_certificate_chain_header_prefix'] },
    { lines: ['icm/HTTPS/client_certificate_header_name = Authorization'], findings: ['ERR_PLAN_FIELD_NAME icm/HTTPS/client_certificate_header_name'] },
    { lines: ['icm/HTTPS/client_key_size_header_name = content_length'], findings: ['ERR_PLAN_FIELD_NAME icm/HTTPS/client_key_size_header_name'] },
    { lines: ['icm/HTTPS/client_key_size_header_name = ---'], findings: ['ERR_PLAN_FIELD_NAME icm/HTTPS/client_key_size_header_name'] },
    { lines: ['icm/HTTPS/client_key_size_header_name = ssl-cipher-suite'], findings: ['ERR_PLAN_FIELD_NAME icm/HTTPS/client_key_size_header_name'] },
    { lines: ['icm/HTTPS/client_cipher_suite_header_name = ssl-client-cert'], findings: ['ERR_PLAN_FIELD_NAME icm/HTTPS/client_cipher_suite_header_name'] },
    { lines: ['icm/HTTPS/client_certificate_header_name = SSL_CLIENT_CERT_CHAIN_7'], findings: ['ERR_PLAN_FIELD_NAME icm/HTTPS/client_certificate_header_name'] },
    { lines: ['icm/HTTPS/client_certificate_header_name = SSL_CLIENT_CERT_CHAIN_X'], findings: [] }
  ]
  for (const { lines, findings } of rows) t.strictSame(policyOf(...lines).findings, findings, lines.join('; '))
})
