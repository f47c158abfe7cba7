/**
 * Reverse invoke: `wdisp/ri/...` for what SAP Web Dispatcher has too, `postern/ri/...` for the rest. Where SAProuter's file of the
 * option -i has a key for the same, the description names it. Times are milliseconds.
 */
import { parseRegistrationAclEntry } from '../../reverse-invoke/acl.ts'
import { endpointText, parseEndpoint } from '../../reverse-invoke/endpoint.ts'
import { isPathPattern } from '../../reverse-invoke/paths.ts'
import { group, key, type ValueType } from './schema.ts'
import { file, flag, host, integer, list, pattern, portOrService, targetPort, word } from './value-types.ts'

const wdisp = group('wdisp')
const postern = group('postern')

const source = 'https://help.sap.com/doc/af8bcf35778c4d098ba482cc0b59f339/7.4.27/en-US/46d58e246a1065dde10000000a155369.html'
const unit = 'milliseconds'
const acceptor = 'DMZ side'
const initiator = 'inner side'

/** A pseudo address, in its one written form. */
const endpoint: ValueType<string> = {
  form: 'host:port (IPv6 in brackets)',
  read: value => {
    const parsed = parseEndpoint(value)
    return parsed === null ? null : { value: endpointText(parsed) }
  }
}

/** A pseudo address, or all of one host. */
const allowedEndpoint: ValueType<string> = {
  form: 'host:port or host:*',
  read: value => {
    if (!value.endsWith(':*')) return endpoint.read(value)
    const read = endpoint.read(`${value.slice(0, -1)}1`)
    return read === null ? null : { value: read.value.replace(/1$/, '*') }
  }
}

/** A pseudo address and where its requests go. */
const servedEndpoint: ValueType<{ readonly endpoint: string, readonly target: string | null }> = {
  form: '<pseudo host>:<pseudo port>[=<host>:<port>]',
  read: value => {
    const at = value.indexOf('=')
    const [pseudo, target] = at < 0 ? [value, null] : [value.slice(0, at), value.slice(at + 1)]
    const [served, local] = [endpoint.read(pseudo.trim()), target === null ? { value: null } : endpoint.read(target.trim())]
    return served === null || local === null ? null : { value: { endpoint: served.value, target: local.value } }
  }
}

const path: ValueType<string> = {
  form: 'a path such as /exact or a prefix such as /sap/*, of characters that need no escape',
  read: value => isPathPattern(value) ? { value } : null
}

const aclEntry: ValueType<{ readonly text: string, readonly needsCertificate: boolean }> = {
  form: 'P or D, a blank, and an address, a network or a host name',
  read: value => {
    const entry = parseRegistrationAclEntry(value)
    return 'message' in entry ? null : { value: { text: entry.text, needsCertificate: entry.needsCertificate } }
  }
}

export const reverseInvoke = wdisp.plain({
  name: 'wdisp/reverse_invoke',
  description: `Reverse invoke, ${acceptor}: open no connection to back ends; take those that inner gateways open to the port wdisp/ri/client_serv. EXTSRV of a system then names pseudo addresses, under which the inner gateways have registered; their names are not resolved. SAProuter: exclusive = yes.`,
  type: flag,
  default: 'FALSE',
  example: 'wdisp/reverse_invoke = TRUE',
  source
})

export const registrationPort = wdisp.plain({
  name: 'wdisp/ri/client_serv',
  description: `Reverse invoke, ${acceptor}: the port on which inner gateways register. SAProuter: client_service of the client.`,
  type: portOrService,
  example: 'wdisp/ri/client_serv = 7010',
  source
})

export const registrationHost = wdisp.plain({
  name: 'wdisp/ri/client_host',
  description: `Reverse invoke, ${acceptor}: local address of the registration port; without it all addresses. Name the address that the inner network reaches. SAProuter: client_hostname of the client.`,
  type: host,
  example: 'wdisp/ri/client_host = 10.18.0.1',
  source
})

export const poolSize = wdisp.plain({
  name: 'wdisp/ri/pool_size',
  description: `Reverse invoke, ${acceptor}: idle connections that are kept ready for each registration and endpoint; a taken one is replaced at once. More are opened as they are needed. SAProuter: conn_pool_size, 3.`,
  type: integer({ min: 0, max: 1000 }),
  default: '5',
  example: 'wdisp/ri/pool_size = 5',
  source
})

export const registrationAcl = wdisp.plain({
  name: 'wdisp/ri/acl_<xx>',
  description: `Reverse invoke, ${acceptor}: P (permit) or D (deny) and the hosts that this is for; the first entry that matches counts, and who matches none is denied. Forms: 10.18.0.2, 10.18.0.0/24, 10.18.*.*, groups of bits such as 10.18.1011xxxx.*, 2001:db8::/32, * for everybody, and with TLS host names, which are compared with the certificate of who registers. What an entry permits still needs a postern/ri/allow_<xx>. SAProuter: ACE.`,
  type: aclEntry,
  example: 'wdisp/ri/acl_0 = P 10.18.0.0/24',
  source
})

export const registrationTls = wdisp.plain({
  name: 'wdisp/ri/use_ssl',
  description: `Reverse invoke, ${acceptor}: TLS with certificates of both sides on the registration port. SAP's default is FALSE; here it is TRUE. With FALSE everybody between the two gateways can read and change what passes, nothing but the address says who registers, and the requests count as plain HTTP for the header policy of the inner gateway.`,
  type: flag,
  default: 'TRUE',
  example: 'wdisp/ri/use_ssl = TRUE',
  source
})

export const maxServers = wdisp.plain({
  name: 'wdisp/max_servers',
  description: `Reverse invoke, ${acceptor}: most registrations at the same time. Without reverse invoke it has no effect: tables grow as they need. SAProuter: max_servers, 1.`,
  type: integer({ min: 1, max: 10_000 }),
  default: '128',
  example: 'wdisp/max_servers = 128',
  source
})

export const registrationPse = postern.plain({
  name: 'postern/ri/pse',
  description: `Reverse invoke, ${acceptor}: identity of the registration port in place of ssl/server_pse. Its trust list says whose certificates are accepted. A relative name is looked up in SECUDIR.`,
  type: file,
  example: 'postern/ri/pse = SAPSSLR.pse'
})

export const allow = postern.structured({
  name: 'postern/ri/allow_<xx>',
  description: `Reverse invoke, ${acceptor}: which certificate may register which endpoints. Without any entry nobody registers anything. Several entries for one certificate add up.`,
  example: 'postern/ri/allow_0 = SUBJECT="CN=wd-inner, O=Example, C=DE", ISSUER="CN=Example CA, O=Example, C=DE", ENDPOINTS=app.inner:44300;portal.inner:*',
  keys: {
    SUBJECT: key({ type: word, required: true, description: 'Subject of the certificate, as SAP prints it; * stands for any characters, ? for one.' }),
    ISSUER: key({ type: word, required: true, description: 'Its issuer, in the same form.' }),
    ENDPOINTS: key({ type: list(allowedEndpoint), required: true, description: 'Pseudo addresses that may be registered; host:* stands for all ports of a host.' })
  }
})

export const client = postern.structured({
  name: 'postern/ri/client_<xx>',
  description: `Reverse invoke, ${initiator}: registers endpoints with a gateway in the DMZ, by connections that this gateway opens. Every address that HOST has is registered with. What ENDPOINTS does not name cannot be reached. SAProuter: client_hostname, client_service (HOST, PORT), reg_hostname, reg_service (ENDPOINTS), conn_pool_size (POOL) and connect_timeout (postern/ri/dial_timeout).`,
  example: 'postern/ri/client_0 = HOST=dmz.example.com, PORT=7010, ENDPOINTS=app.inner:44300;files.inner:8080=files.example.com:8080',
  keys: {
    HOST: key({ type: host, required: true, description: 'Host of the registration port.' }),
    PORT: key({ type: targetPort, required: true, description: 'The registration port (wdisp/ri/client_serv over there).' }),
    ENDPOINTS: key({ type: list(servedEndpoint), required: true, description: 'Pseudo addresses, under which the other side calls. Without = the requests are for the icm/server_port_<xx> of the same port number; with =host:port they go to that server, and bytes of a stream pass untouched.' }),
    PSE: key({ type: file, description: 'Identity: its certificate is presented, its trust list verifies the other side. Without it ssl/client_pse. A relative name is looked up in SECUDIR.' }),
    POOL: key({ type: integer({ min: 0, max: 10_000 }), description: 'Idle connections for each endpoint; without it what the other side has, which is the upper bound in any case.' }),
    PROXY: key({ type: endpoint, description: 'HTTP proxy that is asked with CONNECT, without a password.' }),
    USE_SSL: key({ type: flag, default: 'TRUE', description: 'TLS with certificates of both sides; must be what wdisp/ri/use_ssl is over there.' }),
    SSL_CERTHOST: key({ type: host, description: 'Name that is expected in the certificate of the other side in place of HOST.' })
  }
})

export const paths = postern.structured({
  name: 'postern/ri/paths_<xx>',
  description: `Reverse invoke, ${initiator}: the only paths of an endpoint that the other side reaches; any other gets 403. The target of a request is compared as it came and decoded. Streams that the gateway cannot look into (TLS inside the connection, end-to-end TLS) are refused for such an endpoint.`,
  example: 'postern/ri/paths_0 = ENDPOINT=app.inner:44300, PATHS=/sap/*;/healthz',
  keys: {
    ENDPOINT: key({ type: endpoint, required: true, description: 'An endpoint of a postern/ri/client_<xx>.' }),
    PATHS: key({ type: list(path), required: true, description: 'Exact paths, and with /* at the end everything below one.' })
  }
})

const time = integer({ min: 10, max: 600_000 })

const setting = <T, const D extends string>(name: string, description: string, type: ValueType<T>, usual: D, measured: string | null = null) =>
  postern.plain({ name, description, type, default: usual, unit: measured, example: `${name} = ${usual}` })

export const heartbeat = setting('postern/ri/heartbeat', 'Reverse invoke, both sides: time between two signs of life on the control channel. A side that hears nothing for twice this time takes the connection for lost.', integer({ min: 10, max: 3_600_000 }), '5000', unit)
export const registerTimeout = setting('postern/ri/register_timeout', `Reverse invoke, ${acceptor}: time in which a new control channel must register.`, time, '5000', unit)
export const ticketLifetime = setting('postern/ri/ticket_lifetime', `Reverse invoke, ${acceptor}: time in which a ticket can be used; a ticket opens one connection.`, integer({ min: 100, max: 600_000 }), '10000', unit)
export const waitTimeout = setting('postern/ri/wait_timeout', `Reverse invoke, ${acceptor}: how long a request waits for a connection; then it gets 503. SAProuter: connect_timeout of the client.`, time, '2000', unit)
export const maxWaiting = setting('postern/ri/max_waiting', `Reverse invoke, ${acceptor}: most requests that wait for a connection, for each registration and endpoint; one more gets 503.`, integer({ min: 0, max: 100_000 }), '500')
export const maxTickets = setting('postern/ri/max_tickets', `Reverse invoke, ${acceptor}: most unused tickets of one registration.`, integer({ min: 1, max: 100_000 }), '1000')
export const maxEndpoints = setting('postern/ri/max_endpoints', `Reverse invoke, ${acceptor}: most endpoints of one registration.`, integer({ min: 1, max: 1024 }), '32')
export const maxDataConnections = setting('postern/ri/max_connections', 'Reverse invoke, both sides: most open connections of one registration, idle and busy; on the inner side those of one postern/ri/client_<xx>.', integer({ min: 1, max: 100_000 }), '2000')
export const maxMessageBytes = setting('postern/ri/max_message_bytes', `Reverse invoke, ${acceptor}: longest message on the control channel; a longer one ends it.`, integer({ min: 256, max: 1_048_576 }), '16384', 'bytes')
export const maxMessagesPerSecond = setting('postern/ri/max_messages_per_second', `Reverse invoke, ${acceptor}: most messages in a second on one control channel; more end it.`, integer({ min: 1, max: 10_000 }), '50')

export const maxUnregistered = setting('postern/ri/max_unregistered', `Reverse invoke, ${acceptor}: most connections to the registration port that have neither registered nor shown a ticket yet.`, integer({ min: 1, max: 100_000 }), '1024')

const identifier = pattern(/^[A-Za-z0-9._-]{1,64}$/, 'up to 64 letters, digits, dots, dashes and underscores')

export const replica = postern.plain({
  name: 'postern/ri/replica',
  description: `Reverse invoke, ${acceptor}: name of this process among those that share the address of the registration port. Without it each start makes its own.`,
  type: identifier,
  example: 'postern/ri/replica = dmz-1'
})

export const replicas = setting('postern/ri/replicas', `Reverse invoke, ${acceptor}: how many processes share the address of the registration port (behind a balancer). Inner gateways dial until they are registered with so many.`, integer({ min: 1, max: 1000 }), '1')

export const instance = postern.plain({
  name: 'postern/ri/instance',
  description: `Reverse invoke, ${initiator}: name of this process. A new registration with the same certificate and the same name replaces the old one at once. Without it each start makes its own. Processes that run at the same time need different names.`,
  type: identifier,
  example: 'postern/ri/instance = wd-inner-1'
})

export const dialTimeout = setting('postern/ri/dial_timeout', `Reverse invoke, ${initiator}: time to open a connection, TLS included. SAProuter: connect_timeout.`, time, '2000', unit)
export const backOffInitial = setting('postern/ri/backoff_initial', `Reverse invoke, ${initiator}: longest wait before the second attempt to register; the bound doubles with each attempt, and the wait is a random part of it.`, time, '100', unit)
export const backOffFirstCap = setting('postern/ri/backoff_first_cap', `Reverse invoke, ${initiator}: the bound grows to this in the first minutes of an outage (postern/ri/backoff_first_period).`, time, '2000', unit)
export const backOffFirstPeriod = setting('postern/ri/backoff_first_period', `Reverse invoke, ${initiator}: how long these first minutes are.`, integer({ min: 0, max: 86_400_000 }), '300000', unit)
export const backOffCap = setting('postern/ri/backoff_cap', `Reverse invoke, ${initiator}: the bound grows to this after the first minutes of an outage.`, time, '30000', unit)
export const backOffStable = setting('postern/ri/backoff_stable', `Reverse invoke, ${initiator}: how long a registration must have lasted for the next outage to begin with postern/ri/backoff_initial again.`, integer({ min: 0, max: 3_600_000 }), '10000', unit)

const unknown = (name: 'wdisp/ri/*' | 'postern/ri/*', make: typeof postern | typeof wdisp, example: string) =>
  make.plain({ name, description: 'Any other setting of reverse invoke.', type: word, status: 'not served', because: 'no setting of reverse invoke has this name', example, source })

/** A misspelt setting may be one that restricts: it must not pass as an unknown parameter without effect. */
export const reverseInvokeUnknown = [
  unknown('wdisp/ri/*', wdisp, 'wdisp/ri/client_service = 7010'),
  unknown('postern/ri/*', postern, 'postern/ri/path_0 = /')
] as const
