/**
 * Two zones with reverse invoke between them, in network namespaces: clients reach the gateway in the DMZ on port 443, inner gateways
 * reach its registration port, and nobody reaches the inner zone. Each gateway and each back end is a process of its own.
 */
import type { Test } from 'tap'
import { startGateway, type GatewayProcess } from './gateway-process.ts'
import { bundle, curl } from './landscape.ts'
import { startBackEnd } from './load/load.ts'
import { networkOf, type Network } from './network.ts'
import { mintPki, type Pki } from './pki.ts'
import type { RunningProgram, Surroundings } from './processes.ts'

/** How requests go through the tunnel: as HTTP on its connections, in TLS of the gateways inside it, or in the user's own TLS. */
export type Way = 'http' | 'tls inside' | 'end-to-end'

export const REGISTRATION_PORT = 7010
const ADMIN_PORT = 9400
const SERVICE_PORT = 4300

const ISSUER = 'ISSUER="CN=Issuing CA, O=Example, C=DE"'
/** Pattern of the inner gateways' certificate, as parameters want it. */
const INNER_NAMES = `SUBJECT="CN=wd-inner, O=Example, C=DE", ${ISSUER}`

export interface ZonesOptions {
  /** Members in the inner zone. */
  readonly inner?: readonly string[]
  readonly way?: Way
}

export interface StartOptions {
  /** More lines of the profile. */
  readonly lines?: string
  /** Goes before the command line, behind that of the namespace. */
  readonly through?: readonly string[]
}

export interface Zones {
  readonly network: Network
  readonly pki: Pki
  /** PEM files: the root; certificate and key of the user. */
  readonly ca: string
  readonly userCert: string
  readonly userKey: string
  /** What a load client has to be told to be the user. */
  readonly user: { readonly origin: string, readonly ca: string, readonly cert: string, readonly key: string }
  readonly client: Surroundings
  startDmz (options?: StartOptions & { readonly member?: string }): Promise<GatewayProcess>
  /** Starts an inner gateway; with its back end, if that does not run yet. */
  startInner (options?: StartOptions & { readonly member?: string }): Promise<GatewayProcess>
  backEnd (member?: string): RunningProgram
  /** The text of the numbers that a member's admin port shows. */
  metrics (member: string): Promise<string>
  /** What /ready of a member shows. */
  health (member: string): Promise<Health>
}

/** Of the health endpoint, what tests look at. */
export interface Health {
  readonly status: string
  readonly reverseInvoke: {
    readonly registrations?: ReadonlyArray<{ readonly state: string, readonly endpoints: ReadonlyArray<{ readonly idle: number, readonly busy: number, readonly waiting: number }> }>
    readonly acceptors?: ReadonlyArray<{ readonly registrations: ReadonlyArray<{ readonly state: string, readonly replica: string | null }> }>
  }
}

/** The usual network: client, DMZ, inner zone. */
export async function buildZones (t: Test, { inner = ['inner'], way = 'http' }: ZonesOptions = {}): Promise<Zones> {
  const network = await networkOf(t, {
    links: { outside: ['client', 'dmz'], inside: ['dmz', ...inner] },
    firewall: { dmz: [{ port: 443, from: 'client' }, ...inner.map(from => ({ port: REGISTRATION_PORT, from }))], ...Object.fromEntries(inner.map(member => [member, []])) },
    hosts: { 'www.example.com': 'dmz', 'registration.example.com': 'dmz' }
  })
  return await zonesOf(t, network, way)
}

/** The same with a network of the test's own. Its members `client`, and the names `www.example.com` and `registration.example.com` are used. */
export async function zonesOf (t: Test, network: Network, way: Way): Promise<Zones> {
  const pki = await mintPki(t, { serverNames: ['www.example.com', 'app.inner'] })
  const files = await filesOf(pki)
  const backEnds = new Map<string, RunningProgram>()
  const user = { origin: 'https://www.example.com', ca: files.ca, cert: files.userCert, key: files.userKey }
  let profiles = 0
  const start = async (member: string, text: string, { lines = '', through = [] }: StartOptions): Promise<GatewayProcess> =>
    await startGateway(t, pki.file(`${member}-${++profiles}.pfl`, text + lines), [], { within: [...network.within(member), ...through] })
  const admin = async (member: string, path: string): Promise<string> => await curl([`http://127.0.0.1:${ADMIN_PORT}${path}`], { within: network.within(member) })
  return {
    network,
    pki,
    user,
    ca: files.ca,
    userCert: files.userCert,
    userKey: files.userKey,
    client: { within: network.within('client') },
    startDmz: async ({ member = 'dmz', ...options } = {}) => await start(member, dmzProfile(files, way), options),
    startInner: async ({ member = 'inner', ...options } = {}) => {
      if (!backEnds.has(member)) backEnds.set(member, await startBackEnd(t, { host: '127.0.0.1', port: 8000 }, { within: network.within(member) }))
      return await start(member, innerProfile(files, way), options)
    },
    backEnd: (member = 'inner') => backEnds.get(member) as RunningProgram,
    metrics: async member => await admin(member, '/metrics'),
    health: async member => JSON.parse(await admin(member, '/ready')) as Health
  }
}

type Files = Awaited<ReturnType<typeof filesOf>>

async function filesOf ({ file, root, intermediate, server, gateway, client, issue }: Pki) {
  const [registration, inner] = await Promise.all([
    issue({ subject: 'CN=dmz, O=Example, C=DE', issuer: intermediate, usage: 'server', serverNames: ['registration.example.com'] }),
    issue({ subject: 'CN=wd-inner, O=Example, C=DE', issuer: intermediate, usage: 'client' })
  ])
  return {
    ca: file('root.pem', root.certPem),
    server: file('server.pem', bundle(server)),
    gateway: file('gateway.pem', bundle(gateway)),
    registration: file('registration.pem', bundle(registration)),
    inner: file('inner.pem', bundle(inner)),
    userCert: file('user.crt', client.chainPem),
    userKey: file('user.key', client.keyPem)
  }
}

function dmzProfile ({ ca, server, gateway, registration }: Files, way: Way): string {
  return `ssl/server_pse = ${server}
ssl/client_pse = ${gateway}
postern/ri/pse = ${registration}
${[server, gateway, registration].map((pse, index) => `postern/trust_${index} = PSE=${pse}, CERTS=${ca}\n`).join('')}
icm/server_port_0 = PROT=${way === 'end-to-end' ? 'ROUTER' : 'HTTPS, VCLIENT=1'}, PORT=443
icm/HTTPS/forward_ccert_as_header = TRUE
wdisp/add_xforwardedfor_header = TRUE
wdisp/ssl_auth = 1
wdisp/system_0 = SID=APP, EXTSRV=${way === 'http' ? 'http' : 'https'}://app.inner:${SERVICE_PORT}, SRCSRV=*:*
wdisp/reverse_invoke = TRUE
wdisp/ri/client_serv = ${REGISTRATION_PORT}
wdisp/ri/acl_0 = P *
postern/ri/allow_0 = ${INNER_NAMES}, ENDPOINTS=app.inner:${SERVICE_PORT}
postern/admin_port = PORT=${ADMIN_PORT}
`
}

function innerProfile ({ ca, server, inner }: Files, way: Way): string {
  // who is in front: the gateway as the acceptor of the data connection, or as the client of the TLS inside it; else nobody but the user
  const predecessor = { http: 'CN=dmz, O=Example, C=DE', 'tls inside': 'CN=wd, OU=Gateway, O=Example, C=DE', 'end-to-end': null }[way]
  return `ssl/server_pse = ${server}
ssl/client_pse = ${inner}
${[server, inner].map((pse, index) => `postern/trust_${index} = PSE=${pse}, CERTS=${ca}\n`).join('')}
icm/server_port_0 = PROT=HTTPS, PORT=${SERVICE_PORT}, VCLIENT=${way === 'end-to-end' ? 1 : 2}
icm/HTTPS/forward_ccert_as_header = TRUE
${predecessor === null ? '' : `icm/trusted_reverse_proxy_0 = SUBJECT="${predecessor}", ${ISSUER}\n`}
wdisp/add_xforwardedfor_header = TRUE
wdisp/system_0 = SID=APP, EXTSRV=http://127.0.0.1:8000, SRCSRV=*:*
postern/ri/client_0 = HOST=registration.example.com, PORT=${REGISTRATION_PORT}, ENDPOINTS=app.inner:${SERVICE_PORT}
postern/admin_port = PORT=${ADMIN_PORT}
`
}

/** Waits until an inner gateway has registered. */
export async function registered (inner: GatewayProcess): Promise<void> {
  await inner.line(line => line.includes('registered with the acceptor'))
}
