/** Parameters `postern/...`: what SAP Web Dispatcher has no parameter for. */
import { group, key } from './schema.ts'
import { choice, file, flag, host, integer, list, pattern, portOrService, routePrefix, word } from './value-types.ts'

const { plain, structured } = group('postern')

export const adminPort = structured({
  name: 'postern/admin_port',
  description: 'A port of its own for /live, /ready and /metrics. Without the parameter there is none.',
  example: 'postern/admin_port = PORT=9400, HOST=127.0.0.1',
  keys: {
    PORT: key({ type: portOrService, required: true, description: 'Port number, or the name of a service.' }),
    HOST: key({ type: host, default: '127.0.0.1', description: 'Address to listen on.' })
  }
})

export const acceptUnserved = plain({
  name: 'postern/accept_unserved',
  description: 'Parameters that restrict something, are not served, and shall not stop the start all the same. A sub-parameter is named behind its parameter, with a blank; <xx> stands for every index.',
  type: list(word, /[;,]/),
  example: 'postern/accept_unserved = icm/HTTP/auth_<xx>; icm/server_port_0 MIN_RECEIVE_RATE'
})

export const plugin = structured({
  name: 'postern/plugin_<xx>',
  description: 'Loads a Fastify plugin into a scope of its own on every HTTP and HTTPS port. It runs in this process and can read its keys: load only what you would trust with them. A plugin that forwards requests uses the gateway\'s own connections, with verified TLS, behind the gateway\'s header policy.',
  example: 'postern/plugin_0 = NAME=@fastify/http-proxy, PREFIX=/aux, OPTIONS=auxiliary-upstream.json',
  keys: {
    NAME: key({ type: word, required: true, description: 'npm package, or a path relative to the directory of the profile.' }),
    PREFIX: key({ type: routePrefix, required: true, description: 'URL path under which its routes are. It belongs to the plugin alone: requests below it never go to a system, and what the plugin has no route for gets 404.' }),
    OPTIONS: key({ type: file, description: 'JSON file with its options, relative to the directory of the profile.' }),
    SSL_CLIENT_PSE: key({ type: file, description: 'Identity for its connections; without it that of wdisp/ssl_auth, wdisp/ssl_cred and ssl/client_pse.' })
  }
})

export const trust = structured({
  name: 'postern/trust_<xx>',
  description: 'Adds certificates to the trust list of an identity.',
  example: 'postern/trust_0 = PSE=SAPSSLS.pse, CERTS=client-cas.pem',
  keys: {
    PSE: key({ type: file, required: true, description: 'The identity, written as where it is used. A relative name is looked up in SECUDIR.' }),
    CERTS: key({ type: file, required: true, description: 'File with certificates (PEM, DER or PKCS#7), or a directory with such files. A relative name is looked up in SECUDIR.' })
  }
})

export const pin = structured({
  name: 'postern/pin_<xx>',
  description: 'Where the PIN of an identity comes from, in place of cred_v2. The PIN itself never stands in a profile or on a command line.',
  example: 'postern/pin_0 = PSE=SAPSSLS.pse, FILE=/run/secrets/server-pin',
  keys: {
    PSE: key({ type: file, required: true, description: 'The identity, written as where it is used. A relative name is looked up in SECUDIR.' }),
    FILE: key({ type: file, description: 'File whose first line is the PIN. A relative name is looked up in SECUDIR.' }),
    ENV: key({ type: pattern(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable'), description: 'Environment variable that holds the PIN.' })
  }
})

export const credUser = plain({
  name: 'postern/cred_user',
  description: 'User whose entries of cred_v2 open the PSEs; without it the user of the process.',
  type: word,
  example: 'postern/cred_user = wdpadm'
})

export const untrustedFields = plain({
  name: 'postern/untrusted_fields',
  description: 'What is added in place of the SSL header fields of a sender that is not trusted: conninfo the cipher fields of its connection, none nothing, certificate also its own certificate. A sender of such fields is an intermediary, so with certificate a gateway can be taken for a user.',
  type: choice('conninfo', 'none', 'certificate'),
  default: 'conninfo',
  example: 'postern/untrusted_fields = conninfo'
})

export const trustedCertificateAsUser = plain({
  name: 'postern/trusted_certificate_as_user',
  description: 'Whether the certificate of a trusted predecessor that sends no SSL header fields is forwarded as a user\'s. For a Cloud Connector whose system certificate is to log on.',
  type: flag,
  default: 'FALSE',
  example: 'postern/trusted_certificate_as_user = FALSE'
})

export const cipherSuiteFormat = plain({
  name: 'postern/cipher_suite_format',
  description: 'How SSL_CIPHER_SUITE is written: hex 1302, hex_pair 13,02, decimal_pair 19,2, name TLS_AES_256_GCM_SHA384, off not at all.',
  type: choice('hex', 'hex_pair', 'decimal_pair', 'name', 'off'),
  default: 'hex',
  example: 'postern/cipher_suite_format = hex'
})

export const forwardFormat = plain({
  name: 'postern/forward_ccert_format',
  description: 'In which fields the client certificate is forwarded: sap the SSL header fields, rfc9440 Client-Cert and Client-Cert-Chain.',
  type: list(choice('sap', 'rfc9440')),
  default: 'sap',
  example: 'postern/forward_ccert_format = sap;rfc9440',
  source: 'https://www.rfc-editor.org/rfc/rfc9440'
})

export const errorStatus = plain({
  name: 'postern/error_status',
  description: 'Status numbers of the gateway\'s own errors: http 502, 503 and 504 by cause, sap the numbers of SAP Web Dispatcher (404 for a partner that is not reached, 500 for a time limit).',
  type: choice('http', 'sap'),
  default: 'http',
  example: 'postern/error_status = http'
})

export const redirectStatus = plain({
  name: 'postern/redirect_status',
  description: 'Status of icm/HTTP/redirect_<xx>.',
  type: { form: '301, 302, 307 or 308', read: value => /^30[1278]$/.test(value) ? { value: Number(value) as 301 | 302 | 307 | 308 } : null },
  default: '301',
  example: 'postern/redirect_status = 308'
})

export const shutdownTimeout = plain({
  name: 'postern/shutdown_timeout',
  description: 'How long running exchanges may take to end when the gateway is stopped; then they are cut.',
  type: integer({ min: 0, max: 86_400 }),
  default: '30',
  unit: 'seconds',
  example: 'postern/shutdown_timeout = 30'
})

export const drainDelay = plain({
  name: 'postern/drain_delay',
  description: 'How long the ports stay open after /ready has begun to answer 503, when the gateway is stopped: time for a balancer to notice. It is part of postern/shutdown_timeout.',
  type: integer({ min: 0, max: 3600 }),
  default: '0',
  unit: 'seconds',
  example: 'postern/drain_delay = 5'
})

export const stickyKeyFile = plain({
  name: 'postern/sticky_key_file',
  description: 'File with the key that signs the stickiness cookies, at least 32 bytes. Gateways that stand side by side need the same one; without it each start makes its own. A relative name is looked up in SECUDIR.',
  type: file,
  example: 'postern/sticky_key_file = /run/secrets/sticky-key'
})

export const serverRetryTime = plain({
  name: 'postern/server_retry_time',
  description: 'Time until a server that failed and was taken out gets one request again, as a probe.',
  type: integer({ min: 1, max: 3600 }),
  default: '10',
  unit: 'seconds',
  example: 'postern/server_retry_time = 10'
})

export const maxHeaderFields = plain({
  name: 'postern/max_header_fields',
  description: 'Most header fields of a request; one with more is refused with 431.',
  type: integer({ min: 1, max: 10_000 }),
  default: '1000',
  example: 'postern/max_header_fields = 1000'
})

export const traceFile = plain({
  name: 'postern/trace_file',
  description: 'File for the structured log; without it standard output. The argument -f wins. A relative name counts from DIR_LOGGING, else from the directory of the profile.',
  type: file,
  example: 'postern/trace_file = dev_webdisp'
})

export const revocationLists = plain({
  name: 'postern/crl_<xx>',
  description: 'Certificate revocation lists (CRLs), DER or PEM: a file, or a directory with nothing else in it. The certificates of clients and of back ends are checked with them, each with all its issuers. A relative name is looked up in SECUDIR.',
  type: file,
  example: 'postern/crl_0 = crls',
  source: 'https://www.rfc-editor.org/rfc/rfc5280#section-5'
})

export const revocationPolicy = plain({
  name: 'postern/crl_policy',
  description: 'What happens to certificates of which no list says whether they were revoked: soft lets them pass with a warning, hard refuses them. Revoked ones are refused under both. off checks nothing. Without the parameter: soft where there is a postern/crl_<xx>, else off.',
  type: choice('off', 'soft', 'hard'),
  example: 'postern/crl_policy = hard'
})

export const reloadInterval = plain({
  name: 'postern/reload_interval',
  description: 'How often the files of identities, trust lists and revocation lists are looked at; when one has changed, it is loaded without a restart, as SIGHUP does at once. 0: only SIGHUP does.',
  type: integer({ min: 0, max: 86_400 }),
  default: '10',
  unit: 'seconds',
  example: 'postern/reload_interval = 10'
})

export const expiryWarning = plain({
  name: 'postern/expiry_warning',
  description: 'A certificate in use that expires within this time is warned of at the start, when files are loaded again, and once a day; a revocation list likewise once its next one is due. 0: only what has expired.',
  type: integer({ min: 0, max: 3650 }),
  default: '30',
  unit: 'days',
  example: 'postern/expiry_warning = 30'
})
