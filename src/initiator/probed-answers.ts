import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { lingerAtEnd } from '../http/lingering-close.ts'
import { cameReversed } from '../http/reversed-connection.ts'
import { TailLossProbe } from '../reverse-invoke/tail-loss-probe.ts'
import type { TargetServer } from './target.ts'

/** Node keeps the response that is being written on the socket. */
type Answering = Socket & { readonly _httpMessage?: ServerResponse | null }

const servers = new WeakSet<TargetServer>()

/**
 * Has the end of each answer that goes over reverse invoke probed (see `TailLossProbe`), also of those inside TLS of their own. May be called
 * for a server again.
 */
export function probeAnswers (server: TargetServer): void {
  if (servers.has(server)) return
  servers.add(server)
  const probes = new WeakMap<Socket, TailLossProbe | null>()
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    let probe = probes.get(socket)
    if (probe === undefined) probes.set(socket, probe = probeFor(socket))
    if (probe === null) return
    response.once('finish', () => {
      // not into the answer to a request that came before this one was answered
      if ((socket as Answering)._httpMessage == null) probe.spoken()
    })
  })
}

function probeFor (socket: Socket): TailLossProbe | null {
  if (!cameReversed(socket)) return null
  // a probe of the other side must not meet a closed socket: what is still on its way back would be lost with it
  lingerAtEnd(socket)
  return new TailLossProbe(socket)
}
