/**
 * The plan: what a profile asks for, as plain JSON. It is made before any file but the profiles is read and before any port is
 * opened, it is what `-checkconfig` prints and what golden tests compare, and `createGateway(plan)` runs it.
 *
 * A plan names things: identities by their key in `identities`, systems by their parameter. Files are absolute paths.
 */

/** Where the PIN of an identity comes from. Never the PIN itself. */
export type PinSource =
  | { readonly from: 'none' }
  /** `cred_v2` beside the file, opened as `user` (null: the user of the process). */
  | { readonly from: 'cred_v2', readonly user: string | null }
  | { readonly from: 'file', readonly file: string }
  | { readonly from: 'environment', readonly variable: string }

/** An identity (PSE, PKCS#12 or PEM) to load. */
export interface IdentityPlan {
  readonly file: string
  /** Tried in this order until one opens the file. */
  readonly pin: readonly PinSource[]
  /** Files and directories with certificates that are added to the trust list (`postern/trust_<xx>`). */
  readonly additionalTrust: readonly string[]
  /** The parameter that named the file first, for messages. */
  readonly parameter: string
  readonly origin: Origin
}

/** Where in the configuration something was said. */
export interface Origin {
  readonly file: string | null
  readonly line: number | null
}

/** `icm/HTTPS/verify_client`: 0 no certificate is asked for, 1 asked for, 2 demanded. */
export type VerifyClient = 0 | 1 | 2

/** TLS of one listener. */
export interface TlsPlan {
  /** Keys of `identities`; the first one serves clients that name no host or an unknown one, the others by server name (SNI_CREDS). */
  readonly identities: readonly string[]
  readonly verifyClient: VerifyClient
  /** Option `ciphers` of `node:tls`: OpenSSL cipher list, names of TLS 1.3 suites included; `null` for the default. */
  readonly ciphers: string | null
  /** OpenSSL group list, `null` for the default. */
  readonly groups: string | null
  readonly minVersion: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3'
  /** Life of a TLS session in seconds; `null` for the default. */
  readonly sessionTimeoutSeconds: number | null
}

/** A plugin with its options, as it is registered: the name in the registry, or a module for the profile's own plugins. */
export interface PluginPlan {
  /** Name in the registry (`client-cert-headers`, `redirect`, ...), or `external` for `postern/plugin_<xx>`. */
  readonly plugin: string
  readonly options: Readonly<Record<string, unknown>>
  readonly parameter: string | null
}

/** One `icm/server_port_<xx>`. */
export interface ListenerPlan {
  /** The parameter: `icm/server_port_0`. */
  readonly name: string
  readonly origin: Origin
  readonly protocol: 'HTTP' | 'HTTPS' | 'ROUTER'
  /** `null`: all addresses. */
  readonly host: string | null
  /** 0: the operating system chooses. */
  readonly port: number
  /** Idle time of a client connection between requests, `null` for no limit. */
  readonly keepAliveTimeoutMs: number | null
  /** Time to wait for the back end's answer, `null` for no limit (PROCTIMEOUT). */
  readonly processingTimeoutMs: number | null
  /** How long a client may stay silent while it sends a request, `null` for no limit (`icm/traffic_control`). */
  readonly receiveTimeoutMs: number | null
  /** Most client connections at the same time. */
  readonly maxConnections: number
  /** ACL file of the port. */
  readonly aclFile: string | null
  readonly maxHeaderBytes: number
  /** `null` for no limit. */
  readonly maxBodyBytes: number | null
  readonly tls: TlsPlan | null
  /** In the order in which they are registered. Empty for ROUTER. */
  readonly plugins: readonly PluginPlan[]
}

/** A back-end server of a system. */
export interface ServerPlan {
  readonly origin: string
  readonly host: string
  readonly port: number
  readonly tls: null | {
    /** Key of `identities`: the client PSE. */
    readonly identity: string
    readonly presentCertificate: boolean
    readonly serverName: string | null
    readonly ignoreHostMismatch: boolean
  }
}

/** One `wdisp/system_<xx>` (SAP page "wdisp/system_<xx>"). */
export interface SystemPlan {
  /** The parameter: `wdisp/system_0`. */
  readonly name: string
  readonly origin: Origin
  readonly sid: string
  /** Empty where the servers come from a source that is not asked yet: requests for the system get an error. */
  readonly servers: readonly ServerPlan[]
  /** The message server that knows the servers (MSHOST). Not asked yet. */
  readonly messageServer: { readonly host: string, readonly port: number, readonly tls: boolean } | null
  /** `host:port` patterns with `*`: the local address the request arrived on (SRCSRV). Empty: any. */
  readonly sourceServers: readonly string[]
  /** Path prefixes (SRCURL). Empty: any. */
  readonly sourceUrls: readonly string[]
  /** `host:port` compared with the Host field (SRCVHOST). Empty: any. */
  readonly sourceVirtualHosts: readonly string[]
  readonly sticky: boolean
  readonly runLevel: 'running' | 'stopped' | 'internal'
}

/** Reverse invoke, the DMZ side: the registration port. Where there is one, no connection is ever opened to a back end. */
export interface AcceptorPlan {
  /** The parameter: `wdisp/ri/client_serv`. */
  readonly name: string
  readonly origin: Origin
  /** `null`: all addresses. */
  readonly host: string | null
  /** 0: the operating system chooses. */
  readonly port: number
  /** `null` without TLS. */
  readonly tls: TlsPlan | null
  /** Options of the plugin `reverse-invoke-acceptor`. */
  readonly options: {
    readonly poolSize: number
    readonly acl: readonly string[]
    readonly allow: ReadonlyArray<{ readonly name: string, readonly subject: string, readonly issuer: string, readonly endpoints: readonly string[] }>
    readonly maxRegistrations: number
    readonly maxEndpoints: number
    readonly maxConnections: number
    readonly maxMessageBytes: number
    readonly maxMessagesPerSecond: number
    readonly maxTickets: number
    readonly maxUnregistered: number
    readonly maxWaiting: number
    readonly waitTimeoutMs: number
    readonly heartbeatMs: number
    readonly registerTimeoutMs: number
    readonly ticketLifetimeMs: number
    readonly replica: string | null
    readonly replicas: number
    readonly drainTimeoutMs: number
  }
}

/** Who answers the requests for one endpoint: a listener of this gateway, by its name, or a server that is no gateway. */
export type InitiatorTarget =
  | { readonly endpoint: string, readonly listener: string, readonly server: null }
  | {
    readonly endpoint: string
    readonly listener: null
    readonly server: {
      readonly host: string
      readonly port: number
      /** What HTTP requests pass on their way there; it never listens. */
      readonly http: ListenerPlan
    }
  }

/** Reverse invoke, the inner side: one `postern/ri/client_<xx>`. */
export interface InitiatorPlan {
  /** The parameter: `postern/ri/client_0`. */
  readonly name: string
  readonly origin: Origin
  /** Key of `identities`; `null` without TLS. */
  readonly identity: string | null
  /** Options of the plugin `reverse-invoke-initiator`. */
  readonly options: {
    readonly name: string
    readonly host: string
    readonly port: number
    readonly useTls: boolean
    readonly serverName: string | null
    readonly endpoints: ReadonlyArray<{ readonly endpoint: string, readonly paths: readonly string[] }>
    readonly poolSize: number | null
    readonly proxy: { readonly host: string, readonly port: number } | null
    readonly instance: string | null
    readonly maxConnections: number
    readonly dialTimeoutMs: number
    readonly heartbeatMs: number
    readonly backOff: { readonly initialMs: number, readonly firstCapMs: number, readonly firstPeriodMs: number, readonly capMs: number, readonly stableMs: number }
    readonly drainTimeoutMs: number
  }
  readonly targets: readonly InitiatorTarget[]
}

/** Choice among systems that match the same request (`wdisp/system_conflict_resolution`). */
export type ConflictResolution = 'ERROR' | 'FIRST_MATCH' | 'BEST_MATCH'

export interface Plan {
  readonly planVersion: 1
  readonly instance: { readonly name: string | null, readonly number: string | null }
  readonly identities: Readonly<Record<string, IdentityPlan>>
  readonly listeners: readonly ListenerPlan[]
  readonly systems: readonly SystemPlan[]
  readonly conflictResolution: ConflictResolution
  /** Choice among the servers of a system. */
  readonly balancing: {
    /** The key of the stickiness cookies, `null`: one is made at each start. */
    readonly stickyKey: null | { readonly file: string, readonly parameter: string, readonly origin: Origin }
    /** Time until a server that was taken out gets a probe. */
    readonly retryAfterMs: number
  }
  /** Bounds and times of the connections to back ends. */
  readonly upstream: {
    readonly connectTimeoutMs: number
    /** Connections to one HTTP server, idle and busy. */
    readonly maxConnections: number
    /** Connections to one HTTPS server with one identity, idle and busy. */
    readonly maxTlsConnections: number
    /** Protocol versions and suites towards back ends (`ssl/client_ciphersuites`), `null` for the default. */
    readonly ciphers: Pick<TlsPlan, 'ciphers' | 'groups' | 'minVersion' | 'maxVersion'> | null
    readonly keepAliveTimeoutMs: number
    readonly maxHeaderBytes: number
    /** One request per connection (`wdisp/additional_conn_close`). */
    readonly closeAfterResponse: boolean
  }
  /** End-to-end TLS (PROT=ROUTER). */
  readonly router: {
    readonly stickyMask: string
    readonly maxClients: number
    readonly contextTimeoutMs: number
  }
  readonly reverseInvoke: {
    readonly acceptor: AcceptorPlan | null
    readonly initiators: readonly InitiatorPlan[]
  }
  /** Revocation lists of clients and back ends. */
  readonly revocation: {
    /** `off`: there are no lists. */
    readonly policy: 'off' | 'soft' | 'hard'
    /** Files and directories. */
    readonly lists: ReadonlyArray<{ readonly path: string, readonly parameter: string, readonly origin: Origin }>
  }
  /** Replacement of identities, trust lists and revocation lists at run time. */
  readonly renewal: {
    /** How often their files are looked at, 0: never. */
    readonly intervalMs: number
    /** Certificates that expire within so many days are warned of. */
    readonly warningDays: number
  }
  readonly admin: null | { readonly host: string, readonly port: number }
  readonly log: { readonly traceFile: string | null, readonly traceLevel: 0 | 1 | 2 | 3 }
  /** How long running exchanges may take to end on SIGINT and SIGTERM. */
  readonly shutdownTimeoutMs: number
  /** How long the ports stay open after `/ready` has begun to say no; part of `shutdownTimeoutMs`. */
  readonly drainDelayMs: number
  /** `sap`: the status numbers of SAP's own error pages. */
  readonly errorStatus: 'http' | 'sap'
}
