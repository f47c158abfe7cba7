import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { errors } from '../errors.ts'
import { reversedConnection } from '../http/reversed-connection.ts'
import type { TlsConnection, VerifiedClient } from '../tls/connection.ts'
import { ownFields, rfc9440FromSap, type CipherSuiteFormat, type OwnFields } from './fields.ts'
import { rewriteFields, scanFields, type FieldScan } from './field-list.ts'
import { ManagedFields, type FieldFormat, type FieldNames } from './managed-fields.ts'
import { decideFor, judge, type Decision, type HeaderPolicy, type Inbound, type Verdict } from './policy.ts'
import { seeRequestsFirst } from './first-listener.ts'
import { addHeaders, guardTrailers, replaceHeaders } from './request-views.ts'

/** What became of a request. */
export interface Admission {
  readonly decision: Decision | null
  /** The TLS connection it came by, `null` for plain HTTP. */
  readonly connection: TlsConnection | null
  /** Whether managed fields were in the request and are gone. */
  readonly removed: boolean
  /** Set: the request must not be passed on. All managed fields are gone from it. */
  readonly refusal: (Error & { statusCode?: number }) | null
}

export interface HeaderGuardOptions {
  readonly policy: HeaderPolicy
  readonly names: FieldNames
  /** Names of other forms are never kept. */
  readonly formats: readonly FieldFormat[]
  /** Whether fields of the TLS connection are written into the request, and how; a server that is no gateway writes none. */
  readonly write: null | { readonly cipherSuiteFormat: CipherSuiteFormat }
  /** Requests with more header fields are refused. */
  readonly maxHeaderFields: number
  /** What is known of the TLS connection of a socket; `null` for plain HTTP. */
  readonly connectionOf: (socket: Socket) => TlsConnection | null
  /** Called at the first request of each connection with a verified client certificate; not of reversed ones, whose certificate is never passed on. */
  readonly onClient?: (client: VerifiedClient) => void
}

/** What depends on the connection alone, made at its first request. */
interface ConnectionState {
  readonly connection: TlsConnection | null
  readonly inbound: Pick<Inbound, 'transport' | 'certificate' | 'reversed'>
  readonly verdict: Verdict
  readonly own: OwnFields
  /** The decision for a request without SSL fields, which nearly all requests are. */
  readonly plain: Decision
}

/** Where the server was not told otherwise, Node cuts the list or refuses it from here on: a list of this length may have been longer. */
const platformMaxHeaderFields = 1000

const nothing: OwnFields = { conninfo: [], certificate: [] }

const guardedServers = new WeakSet<Server>()

/** Applies the header policy to requests: each once, in all views, with the work per connection done once. */
export class HeaderGuard {
  readonly managed: ManagedFields
  readonly #options: HeaderGuardOptions
  /** Whether kept fields of SAP's form are passed on in the form of RFC 9440 too. */
  readonly #translates: boolean
  readonly #connections = new WeakMap<Socket, ConnectionState>()
  readonly #admissions = new WeakMap<IncomingMessage, Admission>()

  constructor (options: HeaderGuardOptions) {
    this.#options = options
    this.managed = new ManagedFields(options.names, options.formats)
    this.#translates = options.write !== null && options.formats.includes('sap') && options.formats.includes('rfc9440')
  }

  /**
   * Admits each request of a server before anybody else sees it, and tells the server not to limit the number of header fields by
   * itself, because it would cut the list without a word.
   *
   * @param plugin for the message
   * @throws POSTERN_ERR_CLIENT_CERT_TWICE when a guard stands before this server already: the second would take the fields that the first
   * has added for a client's
   */
  attach (server: Server, plugin: string): void {
    if (guardedServers.has(server)) throw new errors.CLIENT_CERT_TWICE(plugin)
    guardedServers.add(server)
    server.maxHeadersCount = 0
    seeRequestsFirst(server, request => { this.admit(request) })
  }

  /**
   * Cleans and completes a request, or refuses it; the second call for a request returns what the first one found. Never throws: what
   * cannot be judged is refused.
   */
  admit (request: IncomingMessage): Admission {
    let admission = this.#admissions.get(request)
    if (admission === undefined) {
      admission = this.#judged(request)
      this.#admissions.set(request, admission)
    }
    return admission
  }

  #judged (request: IncomingMessage): Admission {
    try {
      if (mayHaveTrailers(request)) guardTrailers(request, this.managed)
      const fields = request.rawHeaders.length / 2
      if (fields > this.#options.maxHeaderFields || (fields >= platformMaxHeaderFields && !hasAllFields(request))) {
        return this.#refused(request, { refusal: new errors.CLIENT_CERT_TOO_MANY_FIELDS() })
      }
      return this.#decided(request, this.#stateOf(request.socket))
    } catch (cause) {
      return this.#refused(request, { refusal: new errors.CLIENT_CERT_CONNECTION({ cause }) })
    }
  }

  #decided (request: IncomingMessage, state: ConnectionState): Admission {
    const { connection, own } = state
    const scan = scanFields(request.rawHeaders, this.managed)
    const decision = this.#decisionFor(scan, state)
    if (decision.refusal !== null) return this.#refused(request, { decision, connection, refusal: new errors.CLIENT_CERT_DUPLICATE() })
    const added = decision.add === 'nothing' ? [] : own[decision.add]
    const before = request.rawHeaders.length
    if (scan.touched) this.#rewrite(request, { keepExact: decision.action === 'keep', added })
    else if (added.length > 0) addHeaders(request, added)
    if (this.#translates && decision.action === 'keep' && scan.fields === 'present') addHeaders(request, rfc9440FromSap(request.rawHeaders, this.#options.names))
    return { decision, connection, removed: request.rawHeaders.length - added.length < before, refusal: null }
  }

  #decisionFor ({ fields, duplicates }: FieldScan, { plain, verdict, inbound }: ConnectionState): Decision {
    return fields === 'absent' ? plain : decideFor(this.#options.policy, verdict, { ...inbound, fields, duplicates })
  }

  #refused (request: IncomingMessage, found: Partial<Admission> & Pick<Admission, 'refusal'>): Admission {
    const before = request.rawHeaders.length
    this.#rewrite(request, { keepExact: false, added: [] })
    return { decision: null, connection: null, ...found, removed: request.rawHeaders.length < before }
  }

  #rewrite (request: IncomingMessage, { keepExact, added }: { keepExact: boolean, added: readonly string[] }): void {
    replaceHeaders(request, rewriteFields(request.rawHeaders, this.managed, { keepExact }), added)
  }

  #stateOf (socket: Socket): ConnectionState {
    let state = this.#connections.get(socket)
    if (state === undefined) {
      state = this.#newState(socket)
      this.#connections.set(socket, state)
    }
    return state
  }

  #newState (socket: Socket): ConnectionState {
    const { policy, names, formats, write, connectionOf, onClient } = this.#options
    const connection = connectionOf(socket)
    const reversed = reversedConnection(socket) !== null
    if (connection !== null && connection.client !== null && !reversed) onClient?.(connection.client)
    const inbound = { transport: connection === null ? 'http' : 'https', certificate: connection?.client?.certificate ?? null, reversed } as const
    const verdict = judge(policy, inbound)
    return {
      connection,
      inbound,
      verdict,
      own: connection === null || write === null ? nothing : ownFields(connection, { names, formats, ...write }),
      plain: decideFor(policy, verdict, { ...inbound, fields: 'absent', duplicates: false })
    }
  }
}

/** Trailers exist in chunked messages only (RFC 9112 section 7.1.2). */
function mayHaveTrailers ({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined
}

/** Whether the server of a request keeps all fields. Fastify's second server for `localhost` and injected requests are not ours to tell. */
function hasAllFields ({ socket }: IncomingMessage): boolean {
  return (socket as Socket & { server?: Partial<Server> }).server?.maxHeadersCount === 0
}
