/**
 * What can be between the two gateways: nothing, our own reverse invoke, or a tunnel of somebody else. Ours and the tunnels encrypt once;
 * HTTP inside them is plain, so that nobody pays twice. Ours and `ssh -R` are measured a second time with TLS inside: what keeps the inner gateway from
 * believing everybody who reaches the tunnel's end.
 */
import { join } from 'node:path'
import { ownVersion } from '../peers.ts'
import { startProcess, type Running } from '../processes.ts'
import { DMZ, dmzProfile, INNER, innerProfile, trustsDmz, type Ground } from './profiles.ts'
import { tunnels, type Tunnel } from './tunnels.ts'

export interface Variant {
  readonly name: string
  /** Name and version of the programs between the gateways; `null` when they are not installed. */
  version (): string | null
  /** Starts both gateways and what is between them. All of them count for CPU time. */
  start (ground: Ground, started: Running[]): Promise<void>
  /** Needs a hole in the inner firewall. */
  readonly inbound?: boolean
}

/** The name of our own, among the variants. */
export const OURS = 'reverse invoke'
/** The variant that the others are compared with. */
export const DIRECT = 'direct'

const cli = join(import.meta.dirname, '../../src/cli.ts')

async function startGateway (ground: Ground, side: 'dmz' | 'inner', profile: string): Promise<Running> {
  const port = side === 'dmz' ? ground.dmzPort : ground.innerPort
  return await startProcess(`${ground.name}, ${side} gateway`, process.execPath, [cli, `pf=${profile}`], { port, within: ground[side] })
}

async function startBoth (ground: Ground, started: Running[], { dmz, inner }: { dmz: string, inner: string }): Promise<void> {
  started.push(await startGateway(ground, 'dmz', dmz), await startGateway(ground, 'inner', inner))
}

const direct: Variant = {
  name: DIRECT,
  version: ownVersion,
  inbound: true,
  async start (ground, started) {
    await startBoth(ground, started, {
      dmz: dmzProfile(ground, system(`https://${INNER}:${ground.innerPort}`)),
      inner: innerProfile(ground, 'HTTPS', trustsDmz)
    })
  }
}

const reverseInvoke = (tlsInside = false): Variant => ({
  name: tlsInside ? `${OURS} with TLS inside` : OURS,
  version: ownVersion,
  async start (ground, started) {
    const { landscape: { pki }, registrationPort, innerPort } = ground
    await startBoth(ground, started, {
      dmz: dmzProfile(ground, `${system(`${tlsInside ? 'https' : 'http'}://${INNER}:${innerPort}`)}wdisp/reverse_invoke = TRUE
wdisp/ri/client_serv = ${registrationPort}
wdisp/ri/acl_0 = P *
postern/ri/pse = ${pki.dmz.pem}
postern/trust_2 = PSE=${pki.dmz.pem}, CERTS=${pki.ca}
postern/ri/allow_0 = SUBJECT="CN=gateway, OU=Gateway, O=Example, C=DE", ISSUER="CN=Benchmark CA, O=Example, C=DE", ENDPOINTS=${INNER}:${innerPort}
`),
      inner: innerProfile(ground, 'HTTPS', `${tlsInside ? trustsDmz : 'icm/trusted_reverse_proxy_0 = SUBJECT="CN=dmz, O=Example, C=DE", ISSUER="CN=Benchmark CA, O=Example, C=DE"\n'}postern/ri/client_0 = HOST=${DMZ}, PORT=${registrationPort}, ENDPOINTS=${INNER}:${innerPort}
`)
    })
  }
})

/** The tunnel leads from a port of the DMZ's loopback to the inner gateway's. */
function through (tunnel: Tunnel, tlsInside = false): Variant {
  return {
    name: tlsInside ? `${tunnel.name} with TLS inside` : tunnel.name,
    version: () => tunnel.version(),
    async start (ground, started) {
      await startBoth(ground, started, {
        dmz: dmzProfile(ground, system(`${tlsInside ? 'https' : 'http'}://localhost:${ground.tunnelPort}`)),
        inner: tlsInside ? innerProfile(ground, 'HTTPS', trustsDmz) : innerProfile(ground, 'HTTP', 'icm/accept_forwarded_cert_via_http = TRUE\n')
      })
      await tunnel.start(ground, started)
    }
  }
}

function system (origin: string): string {
  return `wdisp/system_0 = SID=INN, EXTSRV=${origin}, SRCSRV=*:*, SRCURL=/\n`
}

/** In the order of the table. */
export const variants: readonly Variant[] = [direct, reverseInvoke(), reverseInvoke(true), ...tunnels.flatMap(tunnel => tunnel.name === 'ssh -R' ? [through(tunnel), through(tunnel, true)] : [through(tunnel)])]
