/**
 * Tunnels of others, each as its documentation sets it up: a server in the DMZ, a client inside that connects to it, encrypted and
 * authenticated, and a port on the DMZ's loopback that leads to the inner gateway.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { programVersion } from '../peers.ts'
import { startProcess, type Running } from '../processes.ts'
import { DMZ, type Ground } from './profiles.ts'

export interface Tunnel {
  readonly name: string
  /** `null` when it is not installed. */
  version (): string | null
  start (ground: Ground, started: Running[]): Promise<void>
}

/** A file of a variant, in the directory of the run. */
function write ({ landscape: { directory }, name }: Ground, file: string, text: string): string {
  const path = join(directory, `${name.replaceAll(/\W+/g, '-')}-${file}`)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

/** Starts the server, then the client, and waits until the tunnel's port is there. */
async function startPair (ground: Ground, started: Running[], [server, client]: readonly [readonly string[], readonly string[]]): Promise<void> {
  const [serverCommand = '', ...serverArgs] = server
  const [clientCommand = '', ...clientArgs] = client
  const first = await startProcess(`${ground.name}, server`, serverCommand, serverArgs, { port: ground.registrationPort, within: ground.dmz })
  started.push(first)
  started.push(await startProcess(`${ground.name}, client`, clientCommand, clientArgs, { port: ground.tunnelPort, within: ground.inner, portOf: first }))
}

const ssh: Tunnel = {
  name: 'ssh -R',
  version: () => programVersion('/usr/sbin/sshd', '-V') === null ? null : programVersion('ssh', '-V'),
  async start (ground, started) {
    const { registrationPort, tunnelPort, innerPort } = ground
    const key = (name: string): string => {
      const path = write(ground, name, '')
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path], { input: 'y\n', stdio: ['pipe', 'ignore', 'inherit'] })
      return path
    }
    const [host, user] = [key('host-key'), key('user-key')]
    // where Debian's sshd locks itself into
    mkdirSync('/run/sshd', { recursive: true })
    const config = write(ground, 'sshd.conf', `Port ${registrationPort}
HostKey ${host}
AuthorizedKeysFile ${user}.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
AllowTcpForwarding remote
PidFile none
`)
    const known = write(ground, 'known-hosts', `[${DMZ}]:${registrationPort} ${readFileSync(`${host}.pub`, 'utf8')}`)
    await startPair(ground, started, [
      ['/usr/sbin/sshd', '-D', '-e', '-f', config],
      ['ssh', '-N', '-F', '/dev/null', '-i', user, '-p', String(registrationPort), '-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=yes',
        '-o', 'IdentitiesOnly=yes', '-o', 'ExitOnForwardFailure=yes', '-o', 'ServerAliveInterval=5',
        '-R', `127.0.0.1:${tunnelPort}:localhost:${innerPort}`, `${userInfo().username}@${DMZ}`]
    ])
  }
}

/** HTTP/2 with swapped roles over connections that the inner HAProxy opens. It answers 503 when there are fewer than requests at the same time. */
const haproxy: Tunnel = {
  name: 'HAProxy rhttp',
  version: () => {
    const version = programVersion('haproxy')
    return version !== null && Number(version.split('.')[0]) >= 3 ? version : null
  },
  async start (ground, started) {
    const { landscape: { pki }, registrationPort, tunnelPort, innerPort } = ground
    const common = `global
  expose-experimental-directives
  nbthread 1
defaults
  mode http
  timeout client 300s
  timeout server 300s
  timeout connect 5s
`
    const server = write(ground, 'dmz.cfg', `${common}
frontend registration
  bind :${registrationPort} ssl crt ${pki.dmz.pem} ca-file ${pki.ca} verify required alpn h2
  tcp-request session attach-srv tunnel/inner
backend tunnel
  server inner rhttp@ pool-purge-delay 300s
frontend entry
  bind 127.0.0.1:${tunnelPort}
  default_backend tunnel
`)
    const client = write(ground, 'inner.cfg', `${common}
backend dial
  server dmz ${DMZ}:${registrationPort} ssl crt ${pki.gateway.pem} ca-file ${pki.ca} verify required verifyhost ${DMZ} alpn h2
frontend reversed
  bind rhttp@dial/dmz nbconn 20
  default_backend gateway
backend gateway
  server gateway localhost:${innerPort}
`)
    await startPair(ground, started, [['haproxy', '-db', '-f', server], ['haproxy', '-db', '-f', client]])
  }
}

const TOKEN = 'benchmark'

const frp: Tunnel = {
  name: 'frp',
  version: () => programVersion('frps') === null ? null : programVersion('frpc'),
  async start (ground, started) {
    const { landscape: { pki }, registrationPort, tunnelPort, innerPort } = ground
    const server = write(ground, 'frps.toml', `bindPort = ${registrationPort}
proxyBindAddr = "127.0.0.1"
auth.token = "${TOKEN}"
transport.tls.force = true
transport.tls.certFile = "${pki.dmz.cert}"
transport.tls.keyFile = "${pki.dmz.key}"
`)
    const client = write(ground, 'frpc.toml', `serverAddr = "${DMZ}"
serverPort = ${registrationPort}
auth.token = "${TOKEN}"
transport.poolCount = 5
transport.tls.trustedCaFile = "${pki.ca}"
transport.tls.serverName = "${DMZ}"
[[proxies]]
name = "gateway"
type = "tcp"
localIP = "localhost"
localPort = ${innerPort}
remotePort = ${tunnelPort}
`)
    await startPair(ground, started, [['frps', '-c', server], ['frpc', '-c', client]])
  }
}

const chisel: Tunnel = {
  name: 'chisel',
  version: () => programVersion('chisel', '--version'),
  async start (ground, started) {
    const { registrationPort, tunnelPort, innerPort } = ground
    await startPair(ground, started, [
      ['chisel', 'server', '--port', String(registrationPort), '--reverse', '--auth', `bench:${TOKEN}`],
      ['chisel', 'client', '--auth', `bench:${TOKEN}`, `http://${DMZ}:${registrationPort}`, `R:127.0.0.1:${tunnelPort}:localhost:${innerPort}`]
    ])
  }
}

const rathole: Tunnel = {
  name: 'rathole',
  version: () => programVersion('rathole', '--version'),
  async start (ground, started) {
    const { landscape: { directory, pki }, registrationPort, tunnelPort, innerPort } = ground
    const identity = join(directory, 'rathole.p12')
    execFileSync('openssl', ['pkcs12', '-export', '-in', pki.dmz.cert, '-inkey', pki.dmz.key, '-out', identity, '-passout', `pass:${TOKEN}`])
    const server = write(ground, 'server.toml', `[server]
bind_addr = "0.0.0.0:${registrationPort}"
default_token = "${TOKEN}"
[server.transport]
type = "tls"
[server.transport.tls]
pkcs12 = "${identity}"
pkcs12_password = "${TOKEN}"
[server.services.gateway]
bind_addr = "127.0.0.1:${tunnelPort}"
`)
    const client = write(ground, 'client.toml', `[client]
remote_addr = "${DMZ}:${registrationPort}"
default_token = "${TOKEN}"
[client.transport]
type = "tls"
[client.transport.tls]
trusted_root = "${pki.ca}"
hostname = "${DMZ}"
[client.services.gateway]
local_addr = "localhost:${innerPort}"
`)
    await startPair(ground, started, [['rathole', server], ['rathole', client]])
  }
}

/** In the order of the table. */
export const tunnels: readonly Tunnel[] = [ssh, haproxy, frp, chisel, rathole]
