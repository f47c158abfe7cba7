/**
 * Bare @fastify/http-proxy with TLS on both sides, as its users write it: the field is computed for each request from the socket.
 */
import type { TLSSocket } from 'node:tls'
import fastify from 'fastify'
import httpProxy from '@fastify/http-proxy'
import { readSettings } from './settings.ts'

const { port, backEndPort, server, client } = readSettings()

const app = fastify({ https: server, bodyLimit: 1024 * 1024 * 1024 })
await app.register(httpProxy, {
  upstream: `https://localhost:${backEndPort}`,
  undici: { connect: client, connections: 64 },
  replyOptions: {
    rewriteRequestHeaders: (request, headers) => {
      const socket = request.raw.socket as TLSSocket
      const certificate = socket.authorized ? socket.getPeerCertificate() : undefined
      return { ...headers, host: request.headers.host, ssl_client_cert: certificate?.raw.toString('base64') }
    }
  }
})
await app.listen({ port, host: '127.0.0.1' })
