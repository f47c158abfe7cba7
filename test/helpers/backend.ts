/** A back end on Node's HTTP server that shows each request as JSON. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import type { Issued } from './pki.ts'

/** A request as the back end saw it. */
export interface SeenRequest {
  readonly method: string
  readonly target: string
  /** Lower-case names. */
  readonly headers: Record<string, string>
  readonly body: string
  /** Common name of the client certificate of the connection; `null` without one. */
  readonly client: string | null
}

export interface Backend {
  readonly origin: string
  readonly port: number
  readonly server: Server
  /** In the order of their heads. */
  readonly heads: readonly IncomingMessage[]
  readonly connections: readonly Socket[]
}

export interface BackendOptions {
  /** Serves TLS with this identity, and demands a client certificate below `trusted`. */
  readonly tls?: { readonly identity: Issued, readonly trusted: Issued }
  /** In place of the JSON answer. */
  readonly handler?: RequestListener
}

/** Starts the back end on a port of 127.0.0.1 and stops it after the test. */
export async function buildBackend (t: Test, { tls, handler = show }: BackendOptions = {}): Promise<Backend> {
  const heads: IncomingMessage[] = []
  const connections: Socket[] = []
  const listener: RequestListener = (request, response) => {
    heads.push(request)
    handler(request, response)
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tlsOptions(tls), listener)
  server.on('connection', socket => { connections.push(socket) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { origin: `${tls === undefined ? 'http' : 'https'}://localhost:${port}`, port, server, heads, connections }
}

function tlsOptions ({ identity, trusted }: NonNullable<BackendOptions['tls']>): ServerOptions {
  return { key: identity.keyPem, cert: identity.chainPem, ca: trusted.certPem, requestCert: true, rejectUnauthorized: true }
}

/** Answers with {@link SeenRequest}. */
export const show: RequestListener = (request, response) => {
  const { method, url, headers, socket } = request
  text(request).then(body => {
    const certificate = (socket as TLSSocket).getPeerX509Certificate?.()
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, target: url, headers, body, client: certificate === undefined ? null : /CN=(.*)/.exec(certificate.subject)?.[1] }))
  }, () => { response.destroy() })
}
