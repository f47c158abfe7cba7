// Back end for the container tests, run by the image's own Node: demands a client certificate and tells what it saw.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'

const file = name => readFileSync(`/pki/${name}`)

createServer({ key: file('back-end.key'), cert: file('back-end.crt'), ca: file('ca.crt'), requestCert: true }, (request, response) => {
  response.end(JSON.stringify({ gateway: request.socket.getPeerCertificate().subject, headers: request.headers }))
}).listen(9443, '127.0.0.1', () => { console.log('back end listens') })

process.on('SIGTERM', () => { process.exit(0) })
