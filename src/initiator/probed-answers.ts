import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { TailLossProbe } from '../reverse-invoke/tail-loss-probe.ts'
import type { TargetServer } from './target.ts'

/** What Node keeps on the socket of a server: the answer that is being written, the parser until the protocol is changed, the socket below TLS. */
type ServedSocket = Socket & { readonly _httpMessage?: ServerResponse | null, readonly parser?: object | null, readonly _parent?: object | null }

const connections = new WeakSet<object>()
const streams = new WeakSet<object>()
const servers = new WeakSet<TargetServer>()

/** Remembers that the client on a data connection leaves empty lines before an answer out, as every acceptor does. */
export function expectProbes (connection: Socket): void {
  connections.add(connection)
}

/** The same for the client that speaks TLS in a stream. Not for end-to-end TLS: whose client that is nobody here knows. */
export function expectProbesInside (stream: Duplex): void {
  streams.add(stream)
}

/**
 * Has the end of each answer probed (see `TailLossProbe`) whose client is known to leave empty lines out. May be called for a server again.
 */
export function probeAnswers (server: TargetServer): void {
  if (servers.has(server)) return
  servers.add(server)
  const probes = new WeakMap<Socket, TailLossProbe | null>()
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    let probe = probes.get(socket)
    if (probe === undefined) probes.set(socket, probe = probeFor(socket))
    if (probe !== null) response.once('finish', () => { probe.spoken() })
  })
}

function probeFor (socket: ServedSocket): TailLossProbe | null {
  const { _parent: below } = socket
  if (!connections.has(socket) && (below === undefined || below === null || !streams.has(below))) return null
  // not into the answer to a request that came before the last one was answered, and not into another protocol
  return new TailLossProbe(socket, () => (socket._httpMessage ?? null) === null && (socket.parser ?? null) !== null)
}
