/** Trials on the running Node's TLS, in memory. */
import { duplexPair, type Duplex } from 'node:stream'
import tls, { type TLSSocket } from 'node:tls'
import { errors } from '../errors.ts'
import type { Identity } from '../pse/identity.ts'
import { issue, type IssuedIdentity } from '../x509/issue.ts'
import { TlsAcceptor } from './acceptor.ts'
import { secureContextOptions, verificationOptions, type TlsSettings } from './secure-context.ts'

/** The versions that have sessions worth a trial. */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

const settings: TlsSettings = {
  verifyClient: 1, ciphers: null, groups: null, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', sessionTimeoutSeconds: null
}

/** Takes one connection at a time and gives its TLS socket when the handshake has ended. */
export type Server = (connection: Duplex) => Promise<TLSSocket>

/** Two hosts that trust different CAs, and a client of the first one. */
export interface Hosts {
  readonly first: Identity
  readonly second: Identity
  readonly client: Pick<tls.ConnectionOptions, 'key' | 'cert'>
}

/** Makes the certificates. */
export async function mintHosts (): Promise<Hosts> {
  const [firstRoot, secondRoot] = await Promise.all([issue({ subject: [['CN', 'first']], ca: true }), issue({ subject: [['CN', 'second']], ca: true })])
  const issuer = await issue({ subject: [['CN', 'issuer']], issuer: firstRoot, ca: true })
  const [first, second, client] = await Promise.all([
    issue({ subject: [['CN', 'first.invalid']], issuer: firstRoot, serverNames: ['first.invalid'] }),
    issue({ subject: [['CN', 'second.invalid']], issuer: secondRoot, serverNames: ['second.invalid'] }),
    issue({ subject: [['CN', 'client']], issuer })
  ])
  const context = secureContextOptions(identityOf(client, [issuer.certificate], []), settings)
  return {
    first: identityOf(first, [], [firstRoot.certificate]),
    second: identityOf(second, [], [secondRoot.certificate]),
    client: { key: context.key, cert: context.cert }
  }
}

function identityOf ({ certificate, privateKey }: IssuedIdentity, chain: Buffer[], trusted: Buffer[]): Identity {
  return { privateKey, certificate, chain, trusted, source: { file: '(platform check)', format: 'pem' } }
}

/** Whether the server sees the issuer that the client sends in a full handshake. */
export async function showsChainOf (hosts: Hosts, version: TlsVersion): Promise<boolean> {
  const { socket, end } = await connect(identityServer(hosts), { ...hosts.client, ...only(version), servername: 'first.invalid' })
  const shown = socket.getPeerX509Certificate()?.issuerCertificate !== undefined
  end()
  return shown
}

/**
 * Whether a session that the client made at the first host, with its certificate, makes it a verified client at the second one.
 *
 * @throws POSTERN_ERR_TLS_TRIAL when the session cannot even be resumed where it was made: then nothing was tried
 */
export async function crosses (server: Server, hosts: Hosts, version: TlsVersion): Promise<boolean> {
  const first = await connect(server, { ...hosts.client, ...only(version), servername: 'first.invalid' })
  const session = opensslSession(await first.session)
  first.end()
  const control = await resume(server, { ...only(version), servername: 'first.invalid', session })
  if (!control.reused) throw new errors.TLS_TRIAL(version)
  return (await resume(server, { ...only(version), servername: 'second.invalid', session })).authorized
}

/**
 * A session without the mark that Node's client puts before it, by which it refuses to offer the session to other hosts. An attacker
 * has no such mark. What OpenSSL made is one DER sequence, up to the end.
 */
export function opensslSession (session: Buffer): Buffer {
  const start = session.findIndex((byte, i) => byte === 0x30 && session[i + 1] === 0x82 && session.readUInt16BE(i + 2) === session.length - i - 4)
  return start < 0 ? session : session.subarray(start)
}

async function resume (server: Server, options: tls.ConnectionOptions): Promise<{ reused: boolean, authorized: boolean }> {
  const { socket, end } = await connect(server, options)
  const outcome = { reused: socket.isSessionReused(), authorized: socket.authorized }
  end()
  return outcome
}

async function connect (server: Server, options: tls.ConnectionOptions): Promise<{ socket: TLSSocket, session: Promise<Buffer>, end: () => void }> {
  const [ours, theirs] = duplexPair()
  // the trials ask what the server makes of the client; the client believes anybody
  const client = tls.connect({ ...options, socket: theirs, rejectUnauthorized: false })
  client.on('error', () => {}).resume()
  const session = new Promise<Buffer>(resolve => { client.once('session', resolve) })
  const socket = await server(ours)
  socket.on('error', () => {}).resume()
  return { socket, session, end: () => { client.destroy(); socket.destroy() } }
}

/** One server for all names, as `tls.Server` has it, with Node's own session id context. */
export function contextServer ({ first, second }: Hosts): Server {
  const [own, other] = [first, second].map(identity => ({ ...secureContextOptions(identity, settings), sessionIdContext: undefined }))
  const otherContext = tls.createSecureContext(other)
  const server = tls.createServer({
    ...own,
    ...verificationOptions(settings.verifyClient),
    SNICallback: (name, done) => { done(null, name === 'second.invalid' ? otherContext : undefined) }
  })
  let pending = Promise.withResolvers<TLSSocket>()
  server.on('secureConnection', socket => { pending.resolve(socket) }).on('tlsClientError', error => { pending.reject(error) })
  return async connection => {
    pending = Promise.withResolvers()
    server.emit('connection', connection)
    return await pending.promise
  }
}

/** The arrangement that is used here: one server for each identity. */
export function identityServer ({ first, second }: Hosts): Server {
  let pending = Promise.withResolvers<TLSSocket>()
  const acceptor = new TlsAcceptor([first, second], { ...settings, handshakeTimeoutMs: 5_000 }, {
    secured: socket => { pending.resolve(socket) },
    failed: failure => { pending.reject(failure) }
  })
  return async connection => {
    pending = Promise.withResolvers()
    acceptor.accept(connection)
    return await pending.promise
  }
}

function only (version: TlsVersion): Pick<tls.ConnectionOptions, 'minVersion' | 'maxVersion'> {
  return { minVersion: version, maxVersion: version }
}
