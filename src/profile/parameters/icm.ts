/** Parameters `icm/...` and `is/...`: ports, time limits, sizes, redirects and logs. */
import { group, key } from './schema.ts'
import { choice, fieldName, file, flag, host, hostPattern, integer, list, pattern, portOrService, targetPort, text, urlHost, urlPrefix, word } from './value-types.ts'

const { plain, structured } = group('icm')

const sap = 'https://help.sap.com/'
const pages = {
  serverPort: `${sap}saphelp_ewm94/helpdata/en/48/3ae05299c172d0e10000000a42189c/content.htm`,
  sslConfig: `${sap}doc/683d6a1797a34730a6e005d1e8de6f22/7.4.27/en-US/ee93f09711374a43ba39de3a1081ddcb.html`,
  verifyClient: `${sap}saphelp_nw73/helpdata/en/48/3e87afca6b72d0e10000000a42189c/content.htm`,
  headerFields: `${sap}saphelp_nw73/helpdata/en/48/9ab5d73e6d062be10000000a42189d/content.htm`,
  acceptForwarded: 'https://consolut.com/saphelp-en?article=L-ICM$ACCEPT_FORWARDED_CERT_VIA_HTTP',
  trustedProxy: 'https://userapps.support.sap.com/sap/support/knowledge/en/3017609',
  redirect: `${sap}saphelp_ewm94/helpdata/en/48/3d993fb08c72d1e10000000a42189c/content.htm`,
  logging: `${sap}doc/bd78479f4da741a59f5e2a418bd37908/7.4.27/en-US/d1ab8a5b7d3140fe803d004e9a5518db.html`,
  limits: `${sap}saphelp_ewm900/helpdata/en/48/3d9f2504bb58d5e10000000a421937/content.htm`,
  timeouts: `${sap}saphelp_ewm94/helpdata/en/48/3d149ab08c72d1e10000000a42189c/content.htm`,
  connTimeout: `${sap}doc/saphelp_nw74/7.4.16/en-us/48/877df50e3f2722e10000000a42189d/content.htm`,
  errorPages: `${sap}saphelp_autoid2007/helpdata/EN/f6/3c0b0389cea34ba66f10d62b718a1a/content.htm`,
  urlFilter: `${sap}saphelp_nw73/helpdata/en/48/3edf38c10272d2e10000000a42189c/content.htm`,
  modification: `${sap}saphelp_nw73/helpdata/en/48/9266ffaa6b17cee10000000a421937/content.htm`,
  securityLog: `${sap}saphelp_nw73/helpdata/en/48/3d14a6b08c72d1e10000000a42189c/content.htm`,
  admin: `${sap}saphelp_snc700_ehp01/helpdata/en/48/7f579f7df935e1e10000000a42189c/content.htm`
} as const

const verifyClientValue = integer({ min: 0, max: 2 })
const slowReceiver = 'the rate at which a request is received is not limited'

export const serverPort = structured({
  name: 'icm/server_port_<xx>',
  description: 'A port that the gateway listens on. Each one is a server of its own: its own TLS, its own time limits, its own plugins.',
  example: 'icm/server_port_0 = PROT=HTTPS, PORT=443, TIMEOUT=60, PROCTIMEOUT=600',
  source: pages.serverPort,
  keys: {
    PROT: key({
      type: choice('HTTP', 'HTTPS', 'ROUTER'),
      required: true,
      description: 'Protocol. ROUTER passes the TLS byte stream untouched to a server of the system (end-to-end TLS): no URL, no header field and no log line exist there.'
    }),
    PORT: key({
      type: portOrService,
      required: true,
      description: 'Port number, or the name of a service. With 0 the operating system chooses a free port, which the log names.'
    }),
    HOST: key({ type: host, description: 'Address to listen on; all addresses without it.' }),
    TIMEOUT: key({
      type: integer({ min: 10, max: 32000, also: [-1, 0] }),
      unit: 'seconds',
      description: 'How long a client connection may be idle after a finished request. -1: for ever. 0 or left out: icm/keep_alive_timeout.'
    }),
    PROCTIMEOUT: key({
      type: integer({ min: 1, max: 9_999_999, also: [-1] }),
      unit: 'seconds',
      default: '60',
      description: 'How long the back end may take to answer; then the client gets an error. -1: for ever.'
    }),
    VCLIENT: key({
      type: verifyClientValue,
      description: 'As icm/HTTPS/verify_client, for this port. Where SSLCONFIG names a configuration with a VCLIENT of its own, that one wins.'
    }),
    SSLCONFIG: key({ type: word, description: 'The icm/ssl_config_<xx> of this port: its name without icm/, or its ID.' }),
    ACLFILE: key({
      type: file,
      description: 'File with the client addresses that may connect: lines "permit <address>[/<bits>]" and "deny <address>[/<bits>]", the first match counts, no match is a refusal. A relative name counts from the directory of the profile.'
    }),
    EXTBIND: key({ type: flag, status: 'without effect', because: 'ports below 1024 are opened by the process itself: give it the capability CAP_NET_BIND_SERVICE', description: 'The port is opened by the helper icmbnd.' }),
    URL: key({ type: text, status: 'without effect', because: 'a gateway has no ICF nodes', description: 'ICF node.' }),
    KEEPALIVE: key({ type: text, status: 'without effect', because: 'it is no documented sub-parameter; the idle time of a connection is TIMEOUT', warn: true, description: 'Not part of the documented syntax.' }),
    MIN_RECEIVE_RATE: key({ type: text, status: 'not served', because: slowReceiver, description: 'Lowest rate at which a request must be received.' }),
    CHECK_RECEIVE_RATE_AFTER: key({ type: text, status: 'not served', because: slowReceiver, description: 'When MIN_RECEIVE_RATE is looked at first.' }),
    MAX_RECEIVE_TIMEOUT: key({ type: text, status: 'not served', because: slowReceiver, description: 'Longest time for receiving a request.' })
  }
})

export const sslConfig = structured({
  name: 'icm/ssl_config_<xx>',
  description: 'TLS settings that ports take over with SSLCONFIG.',
  example: 'icm/ssl_config_0 = ID=public, CRED=SAPSSLS.pse, SNI_CREDS=shop.pse;portal.pse, VCLIENT=1',
  source: pages.sslConfig,
  keys: {
    ID: key({ type: word, description: 'Name for SSLCONFIG; without it the name is ssl_config_<xx>.' }),
    CRED: key({ type: file, required: true, description: 'PSE, PKCS#12 or PEM file with key, certificate and trust list. A relative name is looked up in SECUDIR.' }),
    SNI_CREDS: key({ type: list(file), description: 'Further identities; the name that the client asks for decides which one serves it.' }),
    VCLIENT: key({ type: verifyClientValue, description: 'As icm/HTTPS/verify_client, for the ports with this configuration.' }),
    CIPHERS: key({ type: word, description: 'As ssl/ciphersuites, for the ports with this configuration.' }),
    LIFETIME: key({ type: integer({ min: 1, max: 86_400 }), unit: 'seconds', description: 'How long a TLS session can be resumed.' }),
    CACHESIZE: key({ type: integer({ min: 0, max: 1_000_000_000 }), status: 'without effect', because: 'OpenSSL keeps sessions in tickets that the client holds', description: 'Entries of the TLS session cache.' })
  }
})

export const verifyClient = plain({
  name: 'icm/HTTPS/verify_client',
  description: 'Whether clients are asked for a certificate: 0 not asked, 1 asked, 2 refused without one. Only certificates that lead to the trust list of the port\'s identity count.',
  type: verifyClientValue,
  default: '1',
  dynamic: true,
  example: 'icm/HTTPS/verify_client = 1',
  source: pages.verifyClient
})

export const forwardClientCertificate = plain({
  name: 'icm/HTTPS/forward_ccert_as_header',
  description: 'Write the certificate of a client without SSL header fields into the fields of the forwarded request (SSL_CLIENT_CERT, SSL_CLIENT_CERT_CHAIN_n, SSL_CIPHER_SUITE, SSL_CIPHER_USEKEYSIZE).',
  type: flag,
  default: 'FALSE',
  example: 'icm/HTTPS/forward_ccert_as_header = TRUE',
  source: pages.headerFields
})

const dn = 'The whole name is compared as SAP prints it, most specific part first: CN=wd, OU=SSL CLIENT, O=Example, C=DE. * stands for any number of characters, ? for one; blanks after commas do not matter.'

export const trustIssuer = plain({
  name: 'icm/HTTPS/trust_client_with_issuer',
  description: `Issuer of the predecessor whose SSL header fields are believed; counts only together with icm/HTTPS/trust_client_with_subject. ${dn} * in both believes everybody, even without a certificate.`,
  type: word,
  example: 'icm/HTTPS/trust_client_with_issuer = CN=Example CA, O=Example, C=DE',
  source: pages.headerFields
})

export const trustSubject = plain({
  name: 'icm/HTTPS/trust_client_with_subject',
  description: `Subject of the predecessor whose SSL header fields are believed; counts only together with icm/HTTPS/trust_client_with_issuer. ${dn}`,
  type: word,
  example: 'icm/HTTPS/trust_client_with_subject = CN=wd-dmz, O=Example, C=DE',
  source: 'https://itsiti.com/icm-https-trust_client_with_subject/'
})

export const trustedReverseProxy = structured({
  name: 'icm/trusted_reverse_proxy_<xx>',
  description: `A predecessor whose SSL header fields are believed, by its TLS client certificate. One matching entry is enough. ${dn}`,
  example: 'icm/trusted_reverse_proxy_0 = SUBJECT="CN=wd-dmz, O=Example, C=DE", ISSUER="CN=Example CA, O=Example, C=DE"',
  source: pages.trustedProxy,
  keys: {
    SUBJECT: key({ type: word, required: true, description: 'Subject of the predecessor\'s certificate.' }),
    ISSUER: key({ type: word, required: true, description: 'Issuer of the predecessor\'s certificate.' })
  }
})

export const acceptForwardedOverHttp = plain({
  name: 'icm/accept_forwarded_cert_via_http',
  description: 'Believe SSL header fields that come over plain HTTP, from everybody. Whoever reaches such a port can log on as anybody.',
  type: flag,
  default: 'FALSE',
  example: 'icm/accept_forwarded_cert_via_http = FALSE',
  source: pages.acceptForwarded
})

const nameOf = (name: string, what: string, preset: string) => plain({
  name,
  description: `Name of the header field with ${what}. Both ends must use the same name. The default name is removed from requests even where it is changed here.`,
  type: fieldName,
  default: preset,
  example: `${name} = ${preset}`,
  source: pages.headerFields
})

export const certificateField = nameOf('icm/HTTPS/client_certificate_header_name', 'the client certificate', 'SSL_CLIENT_CERT')
export const chainFieldPrefix = nameOf('icm/HTTPS/client_certificate_chain_header_prefix', 'the issuers of the client certificate, without the number that follows it', 'SSL_CLIENT_CERT_CHAIN_')
export const keySizeField = nameOf('icm/HTTPS/client_key_size_header_name', 'the key bits of the connection', 'SSL_CIPHER_USEKEYSIZE')
export const cipherSuiteField = nameOf('icm/HTTPS/client_cipher_suite_header_name', 'the cipher suite of the connection', 'SSL_CIPHER_SUITE')

export const strictTransportSecurity = plain({
  name: 'icm/HTTP/strict_transport_security',
  description: 'Value of the field Strict-Transport-Security in all answers of HTTPS ports. Not sent without it.',
  type: pattern(/^(?=(?:[^;]*;)*\s*max-age\s*=\s*"?\d{1,10}"?\s*(?:;|$))[\x20-\x7e]+$/i, 'a value such as max-age=31536000;includeSubDomains'),
  example: 'icm/HTTP/strict_transport_security = max-age=31536000;includeSubDomains',
  source: 'https://www.rfc-editor.org/rfc/rfc6797'
})

const wildcard = 'with * for any number of characters and ? for one'

export const redirect = structured({
  name: 'icm/HTTP/redirect_<xx>',
  description: 'Answers requests with a redirect. The rule with the lowest index that fits wins. The status is postern/redirect_status.',
  example: 'icm/HTTP/redirect_0 = PREFIX=/, FROM=*, FROMPROT=http, PROT=https, HOST=www.example.com, PORT=443',
  dynamic: true,
  source: pages.redirect,
  keys: {
    PREFIX: key({ type: urlPrefix, required: true, description: 'Start of the URL path. Without FROM the path must equal it.' }),
    FROM: key({ type: word, description: `Pattern for the whole URL path, ${wildcard}.` }),
    FROMPROT: key({ type: choice('http', 'https'), description: 'Only requests that came by this protocol.' }),
    FOR: key({ type: hostPattern, description: `Pattern for the host:port that the request was sent to, ${wildcard}.` }),
    TO: key({ type: urlPrefix, description: 'What takes the place of PREFIX in the path; without it the path stays.' }),
    PROT: key({ type: choice('http', 'https'), description: 'New protocol; without it that of the request.' }),
    HOST: key({ type: urlHost, description: 'New host; without it that of the request.' }),
    PORT: key({ type: targetPort, description: 'New port; only together with HOST.' })
  }
})

export const logging = structured({
  name: 'icm/HTTP/logging_<xx>',
  description: 'An access log. Passwords, tickets and session ids are masked in every format.',
  example: 'icm/HTTP/logging_0 = PREFIX=/, LOGFILE=access-%y-%m-%d.log, SWITCHTF=day, LOGFORMAT=%t %a %u1 \\"%r\\" %s %b %Lms %{Host}i',
  source: pages.logging,
  toEnd: 'LOGFORMAT',
  keys: {
    PREFIX: key({ type: urlPrefix, default: '/', description: 'Start of the URL path of the requests that are logged.' }),
    LOGFILE: key({ type: file, required: true, description: 'File, with %d %m %y %h %t %s for day, month, year, hour, minute and second. A relative name counts from DIR_LOGGING, else from the directory of the profile; - is standard output.' }),
    LOGFORMAT: key({ type: word, default: 'CLF', description: 'CLF, CLFMOD, SAP, SAPSMD, SAPSMD2, or a format of one\'s own, which reaches to the end of the line.' }),
    FILTER: key({ type: choice('SAPSMD'), description: 'SAPSMD: only requests with the field X-CorrelationID are logged.' }),
    MAXSIZEKB: key({ type: integer({ min: 1, max: 1_000_000_000 }), unit: 'KiB', description: 'Size at which the next file is begun.' }),
    MAXFILES: key({ type: integer({ min: 1, max: 1_000_000 }), description: 'How many files are kept.' }),
    SWITCHTF: key({ type: choice('hour', 'day', 'month'), description: 'Begin a new file every hour, day or month.' }),
    FILEWRAP: key({ type: choice('on', 'off'), default: 'off', description: 'Write over the first file when all are full.' })
  }
})

export const keepAliveTimeout = plain({
  name: 'icm/keep_alive_timeout',
  description: 'How long a client connection may be idle after a finished request, where TIMEOUT of the port does not say. -1: for ever. 0: it is closed at once.',
  type: integer({ min: -1, max: 9_999_999 }),
  default: '60',
  unit: 'seconds',
  example: 'icm/keep_alive_timeout = 60',
  source: 'https://www.se80.co.uk/sap-profile-parameters/i/icm-/icm-fs-keep_alive_timeout.htm'
})

export const clientKeepAliveTimeout = plain({
  name: 'icm/HTTP/client/keep_alive_timeout',
  description: 'How long a connection to a back end may be idle before it is closed. Must be shorter than the keep-alive time of the back end, or requests meet connections that are just being closed. -1: until the back end closes it.',
  type: integer({ min: -1, max: 9_999_999 }),
  default: '10',
  unit: 'seconds',
  dynamic: true,
  example: 'icm/HTTP/client/keep_alive_timeout = 10',
  source: 'https://www.se80.co.uk/sap-profile-parameters/i/icm-/icm-fs-http-fs-client-fs-keep_alive_timeout.htm'
})

export const connTimeout = plain({
  name: 'icm/conn_timeout',
  description: 'How long connecting to a back end may take.',
  type: integer({ min: 1, max: 9_999_999 }),
  default: '5000',
  unit: 'milliseconds',
  example: 'icm/conn_timeout = 5000',
  source: pages.connTimeout
})

export const trafficControl = plain({
  name: 'icm/traffic_control',
  description: 'How long a client may stay silent while it sends a request; then its connection is closed. -1: for ever.',
  type: integer({ min: 1, max: 9_999_999, also: [-1] }),
  default: '500',
  unit: 'seconds',
  example: 'icm/traffic_control = 60',
  source: pages.timeouts
})

const requestSize = integer({ min: 0, max: 1_073_741_824, also: [-1] })

export const maxRequestSize = plain({
  name: 'icm/HTTP/max_request_size_KB',
  description: 'Largest body of a request, counted on chunked bodies too. -1: no limit.',
  type: requestSize,
  default: '102400',
  unit: 'KiB',
  example: 'icm/HTTP/max_request_size_KB = 102400',
  source: pages.limits
})

export const maxRequestSizeHttps = plain({
  name: 'icm/HTTPS/max_request_size_KB',
  description: 'As icm/HTTP/max_request_size_KB, for HTTPS ports; without it the value of that parameter counts for both.',
  type: requestSize,
  unit: 'KiB',
  example: 'icm/HTTPS/max_request_size_KB = 51200',
  source: pages.limits
})

export const maxHeaderSize = plain({
  name: 'icm/HTTP/max_request_header_size',
  description: 'Largest head of a request and of an answer, all header fields together. A certificate chain or many cookies easily pass 16 KiB.',
  type: integer({ min: 8192, max: 16_777_216 }),
  default: '65536',
  unit: 'bytes',
  example: 'icm/HTTP/max_request_header_size = 65536',
  source: pages.limits
})

export const maxConnections = plain({
  name: 'icm/max_conn',
  description: 'Most client connections of one port at the same time; further ones are closed at once. SAP\'s documentation names 500 as default, its current templates 2000.',
  type: integer({ min: 10, max: 32_000 }),
  default: '2000',
  example: 'icm/max_conn = 2000',
  source: pages.limits
})

export const authHandler = plain({
  name: 'icm/HTTP/auth_<xx>',
  description: 'URL filter: which URLs may be called, by whom, from where.',
  type: text,
  status: 'not served',
  because: 'URLs are not filtered',
  example: 'icm/HTTP/auth_0 = PREFIX=/, PERMFILE=permissions.txt',
  source: pages.urlFilter
})

export const modificationHandler = plain({
  name: 'icm/HTTP/mod_<xx>',
  description: 'Changes, redirects or refuses requests by the rules of an action file.',
  type: text,
  status: 'not served',
  because: 'requests are not changed or refused by action files',
  off: ['PREFIX=/,FILE=-'],
  example: 'icm/HTTP/mod_0 = PREFIX=/, FILE=actions.txt',
  source: pages.modification
})

const ignored = (name: string, description: string, because: string, { example = `${name} = ...`, source = pages.limits, warn = false }: { example?: string, source?: string, warn?: boolean } = {}) =>
  plain({ name, description, type: text, status: 'without effect', because, example, source, warn })

const threads = 'one event loop serves all connections'

export const icmWithoutEffect = [
  ignored('icm/host_name_full', 'Name of the host that the process uses for itself.', 'names come from the requests', { example: 'icm/host_name_full = wd.example.com' }),
  ignored('icm/min_threads', 'Worker threads at start.', threads, { example: 'icm/min_threads = 10' }),
  ignored('icm/max_threads', 'Most worker threads.', threads, { example: 'icm/max_threads = 250' }),
  ignored('icm/min_spare_threads', 'Worker threads kept free.', threads, { example: 'icm/min_spare_threads = 3' }),
  ignored('icm/req_queue_len', 'Requests that wait for a worker thread.', threads, { example: 'icm/req_queue_len = 1000' }),
  ignored('icm/listen_queue_len', 'Connections that wait for being accepted.', 'the operating system bounds them', { example: 'icm/listen_queue_len = 512' }),
  ignored('icm/max_services', 'Most ports.', 'every port of the profile is opened', { example: 'icm/max_services = 30' }),
  ignored('icm/max_sockets', 'Most sockets.', 'icm/max_conn bounds the connections of a port', { example: 'icm/max_sockets = 2048' }),
  ignored('icm/HTTP/server_cache_*', 'Response cache.', 'answers are not cached', { example: 'icm/HTTP/server_cache_0 = PREFIX=/, CACHEDIR=$(DIR_DATA)/cache' }),
  ignored('icm/HTTP/admin_<xx>', 'Web administration.', 'there is no administration page; see postern/admin_port for live, ready and metrics', { example: 'icm/HTTP/admin_0 = PREFIX=/sap/wdisp/admin, DOCROOT=./admin', source: pages.admin, warn: true }),
  ignored('icm/authfile', 'Users of the web administration.', 'there is no administration page', { example: 'icm/authfile = icmauth.txt', source: pages.admin }),
  ignored('icm/HTTP/file_access_<xx>', 'Serves files.', 'no files are served: such requests go to the back end', { example: 'icm/HTTP/file_access_0 = PREFIX=/files, DOCROOT=./files', warn: true }),
  ignored('icm/HTTP/error_templ_path', 'Directory with error pages.', 'error pages are built in', { example: 'icm/HTTP/error_templ_path = ./error_templ', source: pages.errorPages, warn: true }),
  ignored('icm/HTTP/logging_client_<xx>', 'Access log of outgoing requests.', 'icm/HTTP/logging_<xx> logs each exchange once', { example: 'icm/HTTP/logging_client_0 = PREFIX=/, LOGFILE=out.log', source: pages.logging, warn: true }),
  ignored('icm/security_log', 'Security log.', 'refusals are in the structured log', { example: 'icm/security_log = LOGFILE=dev_icm_sec, LEVEL=3', source: pages.securityLog, warn: true }),
  ignored('icm/HTTPS/client_sni_enabled', 'Name the server in outgoing TLS.', 'the server is always named', { example: 'icm/HTTPS/client_sni_enabled = TRUE', source: pages.verifyClient }),
  ignored('icm/HTTP/support_http2', 'HTTP/2.', 'clients are served with HTTP/1.1', { example: 'icm/HTTP/support_http2 = TRUE' }),
  ignored('icm/trace_secured_data', 'Show secrets in traces.', 'secrets are never written', { example: 'icm/trace_secured_data = FALSE' }),
  ignored('is/HTTP/show_detailed_errors', 'Whether built-in error pages show details.', 'error pages say status, code and request id, never more', { example: 'is/HTTP/show_detailed_errors = FALSE', source: pages.errorPages }),
  ignored('is/HTTP/show_server_header', 'Send the field Server in own answers.', 'own answers never carry the field Server', { example: 'is/HTTP/show_server_header = FALSE', source: pages.errorPages }),
  ignored('is/server_name', 'Name in the field Server.', 'own answers never carry the field Server', { example: 'is/server_name = wd', source: pages.errorPages }),
  ignored('is/server_version', 'Version in the field Server.', 'own answers never carry the field Server', { example: 'is/server_version = 1', source: pages.errorPages })
] as const
