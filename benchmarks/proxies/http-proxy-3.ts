/**
 * http-proxy-3 with TLS on both sides, as its users write it: an agent that keeps connections, the field added on `proxyReq`.
 */
import https from 'node:https'
import type { TLSSocket } from 'node:tls'
import { createProxyServer } from 'http-proxy-3'
import { readSettings } from './settings.ts'

const { port, backEndPort, server, client } = readSettings()

const proxy = createProxyServer({
  target: `https://localhost:${backEndPort}`,
  agent: new https.Agent({ ...client, keepAlive: true, maxSockets: 64 }),
  secure: true
})
proxy.on('proxyReq', (outgoing, request) => {
  const socket = request.socket as TLSSocket
  if (socket.authorized) outgoing.setHeader('SSL_CLIENT_CERT', socket.getPeerCertificate().raw.toString('base64'))
})
proxy.on('error', error => { console.error(error) })

https.createServer(server, (request, response) => { proxy.web(request, response) }).listen(port, '127.0.0.1')
