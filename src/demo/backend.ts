/**
 * A back end that behaves like an ICM: it believes the SSL header fields of the gateway it trusts, deletes those of everybody else, and shows
 * what it made of a request as JSON, or as a page for browsers.
 */
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyRequest } from 'fastify'
import { trustedIntermediary } from '../../plugins/trusted-intermediary.ts'
import { escapeHtml } from '../http/error-page.ts'
import { parseCertificate } from '../x509/certificate.ts'
import type { BackendFiles } from './pki.ts'

/** What the back end made of a request. */
export interface Seen {
  /** Who is logged on, and what says so. */
  readonly user: { readonly subject: string, readonly issuer: string, readonly source: 'connection' | 'header' } | null
  /** The station this request came from, by its TLS certificate. */
  readonly predecessor: string | null
  /** SSL header fields that were believed. */
  readonly fields: Readonly<Record<string, string>>
  readonly method: string
  readonly target: string
  readonly host: string
  readonly forwardedFor: string | null
  readonly clientProtocol: string | null
}

/** A running back end. */
export interface DemoBackend {
  /** `https://localhost:<port>` */
  readonly origin: string
  close (): Promise<void>
}

/** The gateway that the back end trusts, as an ICM profile would name it. */
const trustedGateway = { subject: 'CN=wd-local, O=Example, C=DE', issuer: 'CN=Example CA, O=Example, C=DE' } as const

/** Where the back end speaks WebSocket: it says what it made of the upgrade and closes. */
export const webSocketPath = '/sap/bc/apc/whoami'

/** Starts the back end; by default on a free port of the loopback interface. */
export async function startBackend ({ identityFile, rootFile }: BackendFiles, { host = '127.0.0.1', port = 0 } = {}): Promise<DemoBackend> {
  const identity = await readFile(identityFile)
  const app = Fastify({
    // as icm/HTTPS/verify_client = 1: who has no certificate that verifies is served as nobody; the plugin looks at `authorized` only
    https: { key: identity, cert: identity, ca: await readFile(rootFile), requestCert: true, rejectUnauthorized: false }
  })
  await app.register(trustedIntermediary, { trustedProxies: [trustedGateway] })
  await app.register(websocket)
  app.get(webSocketPath, { websocket: true }, (socket, request) => {
    socket.send(JSON.stringify(seenIn(request)))
    socket.close()
  })
  app.route({
    method: app.supportedMethods.filter(method => method !== 'CONNECT'),
    url: '*',
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const seen = seenIn(request)
      const page = (request.headers.accept ?? '').includes('text/html')
      return await (page ? reply.type('text/html; charset=utf-8').send(pageOf(seen)) : reply.send(seen))
    }
  })
  await app.listen({ host, port })
  return {
    origin: `https://localhost:${(app.server.address() as AddressInfo).port}`,
    close: async () => { await app.close() }
  }
}

function seenIn (request: FastifyRequest): Seen {
  const { method, url, headers, clientCertificate } = request
  return {
    user: clientCertificate === null ? null : { subject: clientCertificate.subject, issuer: clientCertificate.issuer, source: clientCertificate.source },
    predecessor: predecessorOf(request.raw.socket as TLSSocket),
    fields: Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('ssl_')).map(([name, value]) => [name.toUpperCase(), String(value)])),
    method,
    target: url,
    host: headers.host ?? '',
    forwardedFor: headers['x-forwarded-for']?.toString() ?? null,
    clientProtocol: headers['clientprotocol']?.toString() ?? null
  }
}

function predecessorOf (socket: TLSSocket): string | null {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined
  return certificate === undefined ? null : parseCertificate(certificate.raw).subject
}

/** Rows of what was seen, for the page and for the terminal. */
export function rowsOf (seen: Seen): Array<[label: string, value: string]> {
  return [
    ['logged on as', seen.user === null ? '(nobody)' : `${seen.user.subject}   [from the ${seen.user.source}]`],
    ['request came from', seen.predecessor ?? '(no certificate)'],
    ['request', `${seen.method} ${seen.target}  Host: ${seen.host}`],
    ...Object.entries(seen.fields).map(([name, value]): [string, string] => [name, value.length > 48 ? `${value.slice(0, 45)}... (${value.length} characters)` : value]),
    ['clientprotocol', seen.clientProtocol ?? '-'],
    ['x-forwarded-for', seen.forwardedFor ?? '-']
  ]
}

function pageOf (seen: Seen): string {
  const rows = rowsOf(seen).map(([label, value]) => `<tr><th>${escapeHtml(label)}</th><td>${escapeHtml(value)}</td></tr>`)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>What the back end sees</title>
<style>body{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:60rem;padding:0 1rem}th{text-align:left;padding-right:2rem;vertical-align:top;white-space:nowrap}td{font-family:ui-monospace,monospace;word-break:break-all}</style>
</head>
<body>
<h1>What the back end sees</h1>
<table>
${rows.join('\n')}
</table>
</body>
</html>
`
}
