/** The whole picture on one machine: DMZ gateway, local gateway and back end. Nothing is ready because of time: each step waits for the one before. */
import { mkdtemp, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBackend, type DemoBackend } from './backend.ts'
import { GatewayProcess } from './gateway-process.ts'
import { mintDemoPki, type DemoPki } from './pki.ts'

/** Where the DMZ gateway listens for browsers. */
export interface LandscapeOptions {
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  /** Port of /live, /ready and /metrics of the DMZ gateway; `null` for none. */
  readonly adminPort: string | null
}

/** The DMZ gateway with its back end, before anybody has registered. */
export interface Landscape {
  readonly directory: string
  readonly pki: DemoPki
  readonly backend: DemoBackend
  readonly dmz: GatewayProcess
  /** For browsers. */
  readonly port: number
  readonly registrationPort: number
  /** Port number of the pseudo address, which is that of the local gateway's own port. */
  readonly appPort: number
  /** Starts the local gateway; resolves when it has registered. */
  startLocal (): Promise<GatewayProcess>
}

/**
 * Starts everything but the local gateway.
 *
 * @param undo takes what has to be ended, in the order of the start
 * @throws POSTERN_ERR_DEMO_GATEWAY
 */
export async function startLandscape ({ host, port: wanted, adminPort }: LandscapeOptions, undo: Array<() => Promise<unknown>>): Promise<Landscape> {
  const directory = await mkdtemp(join(tmpdir(), 'postern-demo-'))
  undo.push(async () => { await rm(directory, { recursive: true }) })
  const pki = await mintDemoPki(directory)
  const backend = await startBackend(pki.backend)
  undo.push(async () => { await backend.close() })
  const appPort = await freePort()
  const start = (name: string, profile: string, secudir: string, overrides: readonly string[]): GatewayProcess => {
    const gateway = new GatewayProcess({ title: `the ${name} gateway`, profile, secudir, overrides: [...overrides, `_APP_PORT=${appPort}`], logFile: join(directory, `${name}.log`) })
    undo.push(async () => { await gateway.stop() })
    return gateway
  }
  const admin = adminPort === null ? [] : [`postern/admin_port=PORT=${adminPort}`]
  const dmz = start('dmz', 'dmz.pfl', pki.dmzDirectory, [`_HOST=${host}`, `_PORT=${wanted}`, '_RI_HOST=127.0.0.1', '_RI_PORT=0', '_PERMIT=127.0.0.1', ...admin])
  const [port, registrationPort] = await Promise.all([dmz.port('icm/server_port_0'), dmz.port('wdisp/ri/client_serv')])
  return {
    directory,
    pki,
    backend,
    dmz,
    port,
    registrationPort,
    appPort,
    startLocal: async () => {
      const local = start('local', 'local.pfl', pki.localDirectory, ['_DMZ=127.0.0.1', `_RI_PORT=${registrationPort}`, `_BACKEND=${backend.origin}`])
      await Promise.all([local.log(({ msg }) => msg === 'registered with the acceptor'), dmz.log(({ msg }) => msg === 'initiator registered')])
      return local
    }
  }
}

/** The pseudo address needs its number before the local gateway has the port. */
async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
