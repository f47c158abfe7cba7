/**
 * What all peers share: a PKI minted for the run, free ports, and one nginx back end that demands a client certificate.
 */
import { execFileSync } from 'node:child_process'
import { openSync, closeSync, ftruncateSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { startProcess, type Place, type Running } from './processes.ts'

/** RSA, because that is what SAP landscapes have; a peer's handshake costs about what its RSA signature costs. */
const KEY_BITS = 2048
export const MIB = 1024 * 1024
export const TRANSFER_BYTES = 100 * MIB
const SMALL_BYTES = 600
const PAGE_BYTES = 16 * 1024

/** PEM files of the run. A `pem` is key and certificate in one file, as HAProxy and our profile want it. */
export interface Pki {
  readonly ca: string
  readonly server: Identity
  readonly client: Identity
  readonly gateway: Identity
  readonly backEnd: Identity
  /** For a port that other programs of the landscape connect to. */
  readonly dmz: Identity
  /** What has to arrive as SSL_CLIENT_CERT: the client's certificate, base64 of DER. */
  readonly expectedHeader: string
}

interface Identity { readonly cert: string, readonly key: string, readonly pem: string }

export interface Landscape {
  readonly directory: string
  readonly pki: Pki
  readonly backEndPort: number
  readonly backEnd: Running
}

/** Mints the PKI, with more names for the gateways' certificates beside localhost, and starts the back end in `directory`. */
export async function buildLandscape (directory: string, { names = [], within = [] }: { names?: readonly string[], within?: readonly string[] } = {}): Promise<Landscape> {
  const pki = mintPki(directory, names)
  const backEndPort = await freePort()
  const backEnd = await startBackEnd(directory, pki, { port: backEndPort, within })
  return { directory, pki, backEndPort, backEnd }
}

function mintPki (directory: string, more: readonly string[]): Pki {
  const file = (name: string): string => join(directory, name)
  const openssl = (...args: string[]): void => { execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] }) }
  openssl('req', '-x509', '-newkey', `rsa:${KEY_BITS}`, '-nodes', '-days', '2', '-subj', '/C=DE/O=Example/CN=Benchmark CA',
    '-keyout', file('ca.key'), '-out', file('ca.crt'))
  const issue = (name: string, subject: string, extension: string): Identity => {
    const [key, cert, pem] = [file(`${name}.key`), file(`${name}.crt`), file(`${name}.pem`)]
    openssl('req', '-x509', '-newkey', `rsa:${KEY_BITS}`, '-nodes', '-days', '2', '-subj', subject, '-CA', file('ca.crt'), '-CAkey', file('ca.key'),
      '-addext', 'basicConstraints=critical,CA:FALSE', '-addext', extension, '-keyout', key, '-out', cert)
    writeFileSync(pem, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'), { mode: 0o600 })
    return { key, cert, pem }
  }
  const names = ['subjectAltName=DNS:localhost,IP:127.0.0.1', ...more.map(name => `DNS:${name}`)].join(',')
  const client = issue('client', '/C=DE/O=Example/OU=Users/CN=user', 'extendedKeyUsage=clientAuth')
  return {
    ca: file('ca.crt'),
    server: issue('server', '/C=DE/O=Example/CN=localhost', names),
    gateway: issue('gateway', '/C=DE/O=Example/OU=Gateway/CN=gateway', 'extendedKeyUsage=clientAuth'),
    backEnd: issue('back-end', '/C=DE/O=Example/OU=Back end/CN=localhost', names),
    dmz: issue('dmz', '/C=DE/O=Example/CN=dmz', 'subjectAltName=DNS:dmz'),
    client,
    expectedHeader: readFileSync(client.cert, 'utf8').replaceAll(/-----[A-Z ]+-----|\s/g, '')
  }
}

/** Asks the operating system for a port that is free now. nginx and HAProxy cannot tell which one they got for port 0. */
export async function freePort (): Promise<number> {
  const server = createServer()
  return await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => { resolve(port) })
    })
  })
}

async function startBackEnd (directory: string, pki: Pki, place: Place): Promise<Running> {
  const prefix = join(directory, 'back-end')
  mkdirSync(join(prefix, 'files'), { recursive: true })
  for (const [name, bytes] of [['download', TRANSFER_BYTES], ['gibibyte', 1024 * MIB], ['page', PAGE_BYTES]] as const) {
    const file = openSync(join(prefix, 'files', name), 'w')
    ftruncateSync(file, bytes)
    closeSync(file)
  }
  const config = nginxConfig(prefix, `
  server {
    listen 127.0.0.1:${place.port} ssl;
    ssl_certificate ${pki.backEnd.cert};
    ssl_certificate_key ${pki.backEnd.key};
    ssl_client_certificate ${pki.ca};
    ssl_verify_client on;
    underscores_in_headers on;
    client_max_body_size 0;
    client_body_buffer_size ${TRANSFER_BYTES + 1};
    default_type text/plain;
    root ${join(prefix, 'files')};
    location = /small { return 200 "${'x'.repeat(SMALL_BYTES)}"; }
    location = /identities { return 200 "$ssl_client_s_dn\\n$http_ssl_client_cert\\n"; }
    location ~ ^/(download|gibibyte|page)$ { }
    # nginx reads a body to its end only before it passes the request on; \`return\` alone would answer before
    location = /upload { proxy_pass http://unix:${prefix}/sink.sock; proxy_pass_request_body off; proxy_set_header Content-Length ""; }
  }
  server { listen unix:${prefix}/sink.sock; return 204; }`)
  return await startProcess('back end', 'nginx', ['-p', prefix, '-c', config, '-e', join(prefix, 'error.log')], place)
}

/** Writes an nginx.conf with one worker around `servers` and returns its path. Used by the back end and by the peer nginx. */
export function nginxConfig (prefix: string, servers: string): string {
  mkdirSync(join(prefix, 'tmp'), { recursive: true })
  const path = join(prefix, 'nginx.conf')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `  ${name}_temp_path ${prefix}/tmp/${name};`)
  writeFileSync(path, `daemon off;
worker_processes 1;
${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${prefix}/nginx.pid;
error_log ${prefix}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
${temporary.join('\n')}
  keepalive_timeout 300s;
  keepalive_requests 10000000;
  ssl_protocols TLSv1.2 TLSv1.3;
${servers}
}
`)
  return path
}
