/**
 * The gateways that are compared. Each ends TLS with a client certificate, adds SSL_CLIENT_CERT and re-encrypts with the gateway's
 * certificate to the same back end, whose certificate it verifies. One worker or process each, HTTP/1.1 on both sides.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, nginxConfig, type Landscape } from './landscape.ts'
import { startProcess, type Running } from './processes.ts'

export interface Peer {
  readonly name: string
  /** Version for the result page; `null` when the program is not installed. */
  version (): string | null
  start (landscape: Landscape): Promise<{ readonly process: Running, readonly port: number }>
}

const root = join(import.meta.dirname, '..')

function versionOf (packageName: string): string {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules', packageName, 'package.json'), 'utf8')) as { version: string }
  return version
}

/** Version of an installed program; `null` when it is not installed. */
export function programVersion (command: string, option = '-v'): string | null {
  const { status, stdout, stderr } = spawnSync(command, [option], { encoding: 'utf8' })
  return status === 0 ? /\d+\.\d+[.\w]*/.exec(stdout + stderr)?.[0] ?? 'unknown' : null
}

async function startNode (name: string, landscape: Landscape, args: (port: number) => readonly string[]): Promise<{ process: Running, port: number }> {
  const port = await freePort()
  return { process: await startProcess(name, process.execPath, args(port), { port }), port }
}

function proxyArguments (program: string, { pki, backEndPort }: Landscape) {
  return (port: number): string[] => [join(import.meta.dirname, 'proxies', program), JSON.stringify({ port, backEndPort, pki })]
}

/** Version of this gateway, with the commit where there is one. */
export function ownVersion (): string {
  const commit = spawnSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' }).stdout.trim()
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  return commit === '' ? version : `${version} (${commit})`
}

const postern: Peer = {
  name: 'postern',
  version: ownVersion,
  async start (landscape) {
    const profile = join(landscape.directory, 'postern.pfl')
    writeFileSync(profile, profileText(landscape))
    return await startNode(this.name, landscape, port => [join(root, 'src/cli.ts'), `pf=${profile}`, `_PORT=${port}`])
  }
}

function profileText ({ pki, backEndPort }: Landscape): string {
  return `SAPSYSTEMNAME = BCH
SAPSYSTEM = 00
icm/server_port_0 = PROT=HTTPS, HOST=127.0.0.1, PORT=$(_PORT), TIMEOUT=300, PROCTIMEOUT=300
icm/HTTPS/verify_client = 1
icm/HTTPS/forward_ccert_as_header = TRUE
icm/HTTP/max_request_size_KB = 204800
ssl/server_pse = ${pki.server.pem}
postern/trust_0 = PSE=${pki.server.pem}, CERTS=${pki.ca}
ssl/client_pse = ${pki.gateway.pem}
postern/trust_1 = PSE=${pki.gateway.pem}, CERTS=${pki.ca}
wdisp/ssl_encrypt = 1
wdisp/ssl_auth = 1
wdisp/system_0 = SID=ICM, EXTSRV=https://localhost:${backEndPort}, SRCSRV=*:*, SRCURL=/
`
}

const fastifyHttpProxy: Peer = {
  name: '@fastify/http-proxy',
  version: () => versionOf('@fastify/http-proxy'),
  async start (landscape) { return await startNode(this.name, landscape, proxyArguments('fastify-http-proxy.ts', landscape)) }
}

const httpProxy3: Peer = {
  name: 'http-proxy-3',
  version: () => versionOf('http-proxy-3'),
  async start (landscape) { return await startNode(this.name, landscape, proxyArguments('http-proxy-3.ts', landscape)) }
}

/** nginx has no base64 of DER: its own form of the field is the PEM, URL-encoded. */
const nginx: Peer = {
  name: 'nginx',
  version: () => programVersion('nginx'),
  async start ({ directory, pki, backEndPort }) {
    const port = await freePort()
    const prefix = join(directory, 'nginx')
    const config = nginxConfig(prefix, `
  upstream back_end { server 127.0.0.1:${backEndPort}; keepalive 64; keepalive_requests 10000000; }
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${pki.server.cert};
    ssl_certificate_key ${pki.server.key};
    ssl_client_certificate ${pki.ca};
    ssl_verify_client optional;
    client_max_body_size 0;
    location / {
      proxy_pass https://back_end;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header SSL_CLIENT_CERT $ssl_client_escaped_cert;
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
      proxy_ssl_certificate ${pki.gateway.cert};
      proxy_ssl_certificate_key ${pki.gateway.key};
      proxy_ssl_trusted_certificate ${pki.ca};
      proxy_ssl_verify on;
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;
    }
  }`)
    return { process: await startProcess(this.name, 'nginx', ['-p', prefix, '-c', config, '-e', join(prefix, 'error.log')], { port }), port }
  }
}

const haproxy: Peer = {
  name: 'HAProxy',
  version: () => programVersion('haproxy'),
  async start ({ directory, pki, backEndPort }) {
    const port = await freePort()
    const config = join(directory, 'haproxy.cfg')
    writeFileSync(config, `global
  nbthread 1
  # a header field longer than the reserve of 1024 bytes does not fit when a body follows: 500
  tune.maxrewrite 8192
defaults
  mode http
  timeout client 300s
  timeout server 300s
  timeout connect 5s
  http-reuse always
frontend front
  bind 127.0.0.1:${port} ssl crt ${pki.server.pem} ca-file ${pki.ca} verify optional
  http-request set-header SSL_CLIENT_CERT %[ssl_c_der,base64]
  default_backend back
backend back
  server one 127.0.0.1:${backEndPort} ssl crt ${pki.gateway.pem} ca-file ${pki.ca} verify required verifyhost localhost sni str(localhost)
`)
    execFileSync('haproxy', ['-c', '-f', config], { stdio: ['ignore', 'ignore', 'inherit'] })
    return { process: await startProcess(this.name, 'haproxy', ['-db', '-f', config], { port }), port }
  }
}

/** In the order of the table. */
export const peers: readonly Peer[] = [postern, fastifyHttpProxy, httpProxy3, nginx, haproxy]
