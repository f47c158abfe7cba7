/** TLS clients and identities for tests. */
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import type { Identity } from '../../src/pse/identity.ts'
import { opensslSession } from '../../src/tls/platform-trials.ts'
import type { Issued } from './pki.ts'

/** An identity as a PSE would give it: the certificate with its issuers, and a trust list. */
export function identityOf (issued: Issued, trusted: readonly Issued[]): Identity {
  return {
    privateKey: issued.key,
    certificate: issued.der,
    chain: issued.issuers.map(({ der }) => der),
    trusted: trusted.map(({ der }) => der),
    source: { file: '/test.pem', format: 'pem' }
  }
}

/** Client certificate options of Node: the certificate with its chain, or alone. */
export function credentials (issued: Issued, { chain = true } = {}): Pick<ConnectionOptions, 'key' | 'cert'> {
  return { key: issued.keyPem, cert: chain ? issued.chainPem : issued.certPem }
}

/** What a client saw of its connection. */
export interface ClientOutcome {
  /** `null`: the server refused the handshake or closed the connection before it answered. */
  readonly answer: string | null
  readonly errorCode: string | null
  readonly reused: boolean
  /** Common name of the server's certificate. */
  readonly serverName: string | undefined
  /** For the next connection, to whatever host: without the mark by which Node's client keeps it to one. */
  readonly session: Buffer | undefined
}

/**
 * Connects, sends `request`, and waits for the end of the connection: ask for `Connection: close`. The server's certificate is
 * not checked: these tests are about the server's checks.
 */
export async function exchange (t: Test, options: ConnectionOptions, request = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'): Promise<ClientOutcome> {
  const socket = tls.connect({ rejectUnauthorized: false, ...options })
  t.teardown(() => { socket.destroy() })
  let session: Buffer | undefined
  let errorCode: string | null = null
  socket.on('session', received => { session = received })
  socket.on('error', (error: NodeJS.ErrnoException) => { errorCode = error.code ?? error.message })
  let seen: Pick<ClientOutcome, 'reused' | 'serverName'> = { reused: false, serverName: undefined }
  socket.once('secureConnect', () => {
    seen = { reused: socket.isSessionReused() ?? false, serverName: commonName(socket) }
    socket.write(request)
  })
  const answer = await received(socket)
  return { answer, errorCode, session: session && opensslSession(session), ...seen }
}

/** All bytes until the connection ends. */
async function received (socket: TLSSocket): Promise<string | null> {
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => { pieces.push(piece) })
  await new Promise(resolve => { socket.once('close', resolve) })
  return pieces.length === 0 ? null : Buffer.concat(pieces).toString('latin1')
}

function commonName (socket: TLSSocket): string | undefined {
  const name = socket.getPeerCertificate()?.subject?.CN
  return Array.isArray(name) ? name[0] : name
}
