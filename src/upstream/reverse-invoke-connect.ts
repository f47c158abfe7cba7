import type { Socket } from 'node:net'
import { errors } from '../errors.ts'
import { endpointText } from '../reverse-invoke/endpoint.ts'
import type { Provider } from '../reverse-invoke/provider.ts'
import { allowProbes } from '../reverse-invoke/tail-loss-probe.ts'
import type { RevocationCheck } from '../revocation/revocation-lists.ts'
import { tlsClient, whenConnected, type Connect } from './connector.ts'
import { openStream } from './reverse-invoke-stream.ts'
import type { UpstreamServer, UpstreamTls } from './server.ts'

/** How TLS inside a stream is made. */
export interface TakeOptions {
  /** For stream and handshake together; the provider has a time of its own for a data connection. */
  readonly connectTimeoutMs: number
  /** Judges the certificate of the server; `null`: none is judged. */
  readonly revocation: RevocationCheck | null
}

/**
 * Takes connections to a server from one provider: a data connection as it is, or for a server with TLS the handshake inside a stream
 * on it.
 */
export function takeFrom (provider: Provider, { host, tls }: UpstreamServer, options: TakeOptions): Connect {
  const connect = tls === null ? async (from: Provider) => allowProbes(await takeConnection(from)) : tlsInside({ host, tls }, options)
  return callback => {
    connect(provider).then(socket => { callback(null, socket) }, (error: Error) => { callback(error, null) })
  }
}

/** A data connection with the settings of one that was dialled. */
export async function takeConnection (provider: Provider): Promise<Socket> {
  const connection = await provider.take()
  return connection.setTimeout(0).setNoDelay(true).setKeepAlive(true, 60_000)
}

function tlsInside (server: { readonly host: string, readonly tls: UpstreamTls }, { connectTimeoutMs, revocation }: TakeOptions): (provider: Provider) => Promise<Socket> {
  const secure = tlsClient(server, revocation)
  return async provider => {
    const connection = await takeConnection(provider)
    const deadline = performance.now() + connectTimeoutMs
    const { stream, takesEmptyLines } = await openStream(connection, { authority: endpointText(provider.endpoint), timeoutMs: connectTimeoutMs, isClient: true })
    return await new Promise((resolve, reject) => {
      whenConnected(secure({ socket: stream }), { event: 'secureConnect', timeoutMs: Math.max(1, deadline - performance.now()) }, (error, secured) => {
        if (secured === null) reject(error ?? new errors.UPSTREAM_TLS())
        else resolve(takesEmptyLines ? allowProbes(secured) : secured)
      })
    })
  }
}
