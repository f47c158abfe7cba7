/** Parameters `wdisp/...`: systems behind the gateway, TLS towards them, end-to-end TLS, further header fields. */
import { group, key } from './schema.ts'
import { addressMask, choice, file, flag, host, hostPattern, integer, list, meanings, pathPrefix, pattern, serverUrl, targetPort, text, word } from './value-types.ts'

const { plain, structured } = group('wdisp')

const sap = 'https://help.sap.com/'
const pages = {
  system: `${sap}doc/683d6a1797a34730a6e005d1e8de6f22/7.4.27/en-US/1bb0fd8a12344c4ca89b7a1c5d1d7310.html`,
  ssl: `${sap}doc/saphelp_em92/9.2/en-US/36/fd39eacf4cde4a8fe32d7f29b3db16/content.htm`,
  endToEnd: `${sap}doc/683d6a1797a34730a6e005d1e8de6f22/7.4.27/en-US/48957c6494cc73eae10000000a42189b.html`,
  pool: `${sap}doc/saphelp_nw74/7.4.16/en-us/48/996b4bec0973e9e10000000a42189b/content.htm`,
  clientProtocol: `${sap}saphelp_erp2005/helpdata/en/42/d5491930b6473ce10000000a114e5d/content.htm`,
  forwardedFor: `${sap}saphelp_nwce72/helpdata/en/48/9266ffaa6b17cee10000000a421937/content.htm`,
  permissionTable: 'https://www.se80.co.uk/sap-profile-parameters/w/wdis/wdisp-fs-permission_table.htm',
  overview: `${sap}saphelp_nw73/helpdata/en/48/877df50e3f2722e10000000a42189d/content.htm`,
  connClose: 'https://blogs.sap.com/2022/02/11/remediation-of-cve-2022-22536-request-smuggling-and-request-concatenation-in-sap-netweaver-sap-content-server-and-sap-web-dispatcher/'
} as const

const messageServer = 'it belongs to the message server, which is not asked yet'
const encryption = integer({ min: 0, max: 2 })

export const system = structured({
  name: 'wdisp/system_<xx>',
  description: 'A system that requests are sent to: its servers, and which requests are for it. A system without SRCSRV, SRCURL and SRCVHOST is for all.',
  example: 'wdisp/system_0 = SID=ABC, EXTSRV=https://app1.example.com:44300;https://app2.example.com:44300, SRCSRV=*:*, SRCURL=/',
  dynamic: true,
  source: pages.system,
  keys: {
    SID: key({ type: pattern(/^[A-Za-z0-9_]{1,8}$/, 'a system id such as ABC'), required: true, description: 'System id. Need not be unique.' }),
    EXTSRV: key({ type: list(serverUrl), description: 'Servers of the system, http://host:port or https://host:port. Requests are spread over them; one that fails is taken out and tried again.' }),
    STICKY: key({ type: flag, default: 'TRUE', description: 'Whether the requests of one client go to the same server, by a cookie of the gateway. It is set only where there are several servers.' }),
    SRCSRV: key({ type: list(hostPattern), description: 'Addresses that the request arrived on, with * as wildcard: *:*, *:4300.' }),
    SRCURL: key({ type: list(pathPrefix), description: 'Starts of the URL path.' }),
    SRCVHOST: key({ type: list(hostPattern), description: 'host:port of the field Host; without port, any port.' }),
    SSL_ENCRYPT: key({ type: encryption, description: 'As wdisp/ssl_encrypt. The scheme of EXTSRV decides; what contradicts it is an error.' }),
    SSL_CLIENT_PSE: key({ type: file, description: 'Identity towards this system, in place of wdisp/ssl_cred and ssl/client_pse. Its own certificate is presented.' }),
    SSL_CERTHOST: key({ type: host, description: 'As wdisp/ssl_certhost.' }),
    SSL_IGNORE_HOST_MISMATCH: key({ type: flag, description: 'As wdisp/ssl_ignore_host_mismatch.' }),
    RUNLEVEL: key({ type: choice('running', 'stopped', 'internal'), default: 'running', description: 'stopped: requests get an error. internal: reachable for the gateway\'s own purposes only.' }),
    MSHOST: key({ type: host, description: 'Host of the message server. Accepted, but message servers are not asked yet: requests for such a system get an error.' }),
    MSPORT: key({ type: targetPort, description: 'HTTP port of the message server.' }),
    MSSPORT: key({ type: targetPort, description: 'HTTPS port of the message server.' }),
    XSSRV: key({ type: word, description: 'HANA XS servers. Accepted, but not served yet: requests for such a system get an error.' }),
    SILOC: key({ type: word, description: 'File with server information. Accepted, but not served yet: requests for such a system get an error.' }),
    NR: key({ type: text, status: 'without effect', because: messageServer, description: 'Number of the Java central services.' }),
    SCSHOST: key({ type: text, status: 'without effect', because: messageServer, description: 'Host of the Java central services.' }),
    CLIENT: key({ type: text, status: 'without effect', because: messageServer, description: 'Client of the ABAP system.' }),
    CONFIG_PROTOCOL: key({ type: text, status: 'without effect', because: messageServer, description: 'Protocol for reading the configuration of the system.' }),
    PINGURL: key({ type: text, status: 'without effect', because: 'servers are judged by the requests they answer', description: 'Path that is called to see whether a server is alive.' }),
    CACHE_INFO_URL: key({ type: text, status: 'without effect', because: 'answers are not cached', description: 'Where cache information is read.' }),
    CACHE_INFO_POLL_INTERVAL: key({ type: text, status: 'without effect', because: 'answers are not cached', description: 'How often cache information is read.' }),
    PROXY: key({ type: text, status: 'not served', because: 'servers are reached directly, not through a forward proxy', description: 'Forward proxy on the way to EXTSRV.' }),
    STANDARD_COOKIE_FILTER: key({ type: text, status: 'not served', because: 'cookies are not filtered', description: 'Which cookies reach the system.' })
  }
})

export const conflictResolution = plain({
  name: 'wdisp/system_conflict_resolution',
  description: 'Which system gets a request that several are for: FIRST_MATCH (1) the one with the lowest index, BEST_MATCH (2) the one with the longest SRCURL and the most specific host. ERROR (0): such systems stop the start.',
  type: meanings({ ERROR: 'ERROR', 0: 'ERROR', FIRST_MATCH: 'FIRST_MATCH', 1: 'FIRST_MATCH', BEST_MATCH: 'BEST_MATCH', 2: 'BEST_MATCH' } as const),
  default: 'ERROR',
  example: 'wdisp/system_conflict_resolution = BEST_MATCH',
  source: pages.system
})

export const sslEncrypt = plain({
  name: 'wdisp/ssl_encrypt',
  description: 'TLS to the back ends: 0 never, 1 for clients that came by HTTPS, 2 always. For systems with EXTSRV the scheme of the URL decides; what contradicts it is warned about.',
  type: encryption,
  example: 'wdisp/ssl_encrypt = 2',
  source: pages.ssl
})

export const sslAuth = plain({
  name: 'wdisp/ssl_auth',
  description: 'Which certificate is presented to the back ends: 0 none, 1 that of ssl/client_pse, 2 that of wdisp/ssl_cred. Without it: 2 where wdisp/ssl_cred is set, else 0.',
  type: integer({ min: 0, max: 2 }),
  example: 'wdisp/ssl_auth = 2',
  source: pages.ssl
})

export const sslCred = plain({
  name: 'wdisp/ssl_cred',
  description: 'Identity towards the back ends with wdisp/ssl_auth = 2: PSE, PKCS#12 or PEM. A relative name is looked up in SECUDIR.',
  type: file,
  example: 'wdisp/ssl_cred = SAPSSLC.pse',
  source: pages.ssl
})

export const sslCertHost = plain({
  name: 'wdisp/ssl_certhost',
  description: 'Name that is expected in the certificates of all back ends instead of their host names; also sent as server name.',
  type: host,
  example: 'wdisp/ssl_certhost = app.example.com',
  source: pages.ssl
})

export const ignoreHostMismatch = plain({
  name: 'wdisp/ssl_ignore_host_mismatch',
  description: 'Do not compare names of back ends with their certificates. The certificate must still lead to the trust list of the client PSE.',
  type: flag,
  default: 'FALSE',
  example: 'wdisp/ssl_ignore_host_mismatch = FALSE',
  source: pages.ssl
})

const poolSize = integer({ min: 1, max: 65_535 })

export const maxPooledHttp = plain({
  name: 'wdisp/HTTP/max_pooled_con',
  description: 'Most connections to one HTTP server of a back end, idle and busy ones.',
  type: poolSize,
  default: '32768',
  example: 'wdisp/HTTP/max_pooled_con = 500',
  source: pages.pool
})

export const maxPooledHttps = plain({
  name: 'wdisp/HTTPS/max_pooled_con',
  description: 'Most connections to one HTTPS server of a back end (for each identity), idle and busy ones.',
  type: poolSize,
  default: '32768',
  example: 'wdisp/HTTPS/max_pooled_con = 500',
  source: pages.endToEnd
})

export const additionalConnClose = plain({
  name: 'wdisp/additional_conn_close',
  description: 'One request per connection to a back end: a protection for back ends that can be led to mix up requests (CVE-2022-22536).',
  type: flag,
  default: 'FALSE',
  example: 'wdisp/additional_conn_close = TRUE',
  source: pages.connClose
})

export const stickyMask = plain({
  name: 'wdisp/HTTPS/sticky_mask',
  description: 'End-to-end TLS: clients whose addresses agree under this mask go to the same server.',
  type: addressMask,
  default: '255.255.240.0',
  example: 'wdisp/HTTPS/sticky_mask = 255.255.255.0',
  source: pages.endToEnd
})

export const maxClientAddresses = plain({
  name: 'wdisp/HTTPS/max_client_ip_entries',
  description: 'End-to-end TLS: how many client addresses are remembered with their server.',
  type: integer({ min: 1, max: 10_000_000 }),
  default: '50000',
  example: 'wdisp/HTTPS/max_client_ip_entries = 100000',
  source: pages.endToEnd
})

export const contextTimeout = plain({
  name: 'wdisp/HTTPS/context_timeout',
  description: 'End-to-end TLS: how long an unused entry is remembered.',
  type: integer({ min: 1, max: 9_999_999 }),
  default: '3600',
  unit: 'seconds',
  example: 'wdisp/HTTPS/context_timeout = 3600',
  source: pages.endToEnd
})

export const addClientProtocol = plain({
  name: 'wdisp/add_client_protocol_header',
  description: 'Send the field clientprotocol with http or https, the protocol of the client\'s connection, so that the back end builds right absolute URLs.',
  type: flag,
  default: 'FALSE',
  example: 'wdisp/add_client_protocol_header = TRUE',
  source: pages.clientProtocol
})

export const addClientProtocolOld = plain({
  name: 'wdisp/add_clientprotocol_header',
  description: 'Older spelling of wdisp/add_client_protocol_header, which wins where both are set.',
  type: flag,
  example: 'wdisp/add_clientprotocol_header = TRUE',
  source: pages.clientProtocol
})

export const addForwardedFor = plain({
  name: 'wdisp/add_xforwardedfor_header',
  description: 'Append the address of the client to the field X-Forwarded-For. Without it a field of the client is passed on as it is.',
  type: flag,
  default: 'FALSE',
  example: 'wdisp/add_xforwardedfor_header = TRUE',
  source: pages.forwardedFor
})

export const handleAccessPoints = plain({
  name: 'wdisp/handle_webdisp_ap_header',
  description: 'Send the field X-SAP-WEBDISP-AP with the ports of the gateway, for instance HTTP=80,HTTPS=443, so that applications can build URLs for the other protocol. A field of the client is always removed. The vendor\'s values were not found; here TRUE (or 1) sends it.',
  type: flag,
  default: 'FALSE',
  example: 'wdisp/handle_webdisp_ap_header = TRUE'
})

export const wdispNotServed = [
  plain({ name: 'wdisp/permission_table', description: 'URL filter: a file with permitted and denied URL patterns.', type: text, status: 'not served', because: 'URLs are not filtered', off: [''], example: 'wdisp/permission_table = permissions.txt', source: pages.permissionTable }),
  plain({ name: 'wdisp/max_permitted_uri_len', description: 'Longest URL.', type: text, status: 'not served', because: 'URLs are not filtered', example: 'wdisp/max_permitted_uri_len = 2048', source: pages.permissionTable }),
  plain({ name: 'wdisp/permitted_uri_char_range', description: 'Characters that a URL may hold.', type: text, status: 'not served', because: 'URLs are not filtered', example: 'wdisp/permitted_uri_char_range = 32-126', source: pages.permissionTable })
] as const

const ignored = (name: string, description: string, because: string, example: string, source: string = pages.overview) =>
  plain({ name, description, type: text, status: 'without effect', because, example: `${name} = ${example}`, source })

const tables = 'tables grow as they need'
const pooled = 'connections to a back end are opened when they are needed and shared by all clients'

export const wdispWithoutEffect = [
  ignored('wdisp/HTTP/min_pooled_con', 'Fewest connections to HTTP servers.', pooled, '10', pages.pool),
  ignored('wdisp/HTTPS/min_pooled_con', 'Fewest connections to HTTPS servers.', pooled, '10', pages.endToEnd),
  ignored('wdisp/HTTP/use_pool_for_new_conn', 'Share connections to back ends between clients.', pooled, '1', pages.pool),
  ignored('wdisp/HTTP/esid_support', 'Table of session ids.', 'stickiness is a cookie of the gateway', 'FALSE'),
  ignored('wdisp/HTTPS/dest_logon_group', 'End-to-end TLS: logon group.', messageServer, 'HTTPS', pages.endToEnd),
  ignored('wdisp/auto_refresh', 'How often server tables are read again.', messageServer, '25'),
  ignored('wdisp/info_timeout', 'How long reading server tables may take.', messageServer, '180'),
  ignored('wdisp/server_info_location', 'Where the server table is read.', messageServer, '/msgserver/text/logon'),
  ignored('wdisp/group_info_location', 'Where the logon groups are read.', messageServer, '/sap/public/icf_info/icr_groups'),
  ignored('wdisp/url_map_location', 'Where the URL prefixes are read.', messageServer, '/sap/public/icf_info/icr_urlprefix'),
  ignored('wdisp/server_info_protocol', 'Protocol of the server table.', messageServer, 'https'),
  ignored('wdisp/group_info_protocol', 'Protocol of the logon groups.', messageServer, 'https'),
  ignored('wdisp/url_map_protocol', 'Protocol of the URL prefixes.', messageServer, 'https'),
  ignored('wdisp/ping_protocol', 'Protocol of the alive check.', messageServer, 'https'),
  ignored('wdisp/max_systems', 'Size of the system table.', tables, '64', pages.system),
  ignored('wdisp/max_server_name_len', 'Longest server name.', tables, '64'),
  ignored('wdisp/max_server_groups', 'Size of the group table.', tables, '128'),
  ignored('wdisp/max_server_group_name_len', 'Longest group name.', tables, '20'),
  ignored('wdisp/max_url_map_entries', 'Size of the URL table.', tables, '300'),
  ignored('wdisp/max_permission_table_size', 'Size of the permission table.', tables, '300'),
  ignored('wdisp/max_permission_table_entry_size', 'Longest entry of the permission table.', tables, '256')
] as const
