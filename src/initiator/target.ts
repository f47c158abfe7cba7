/** Where what comes over data connections goes: a listener of this process. */
import type { EventEmitter } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { markReversed, type ReversedConnection } from '../http/reversed-connection.ts'

/** What a listener's HTTP server gives to the data server. */
export type TargetServer = EventEmitter & {
  readonly maxHeaderSize?: number
  readonly listening?: boolean
  address? (): AddressInfo | string | null
}

/** The answer to a CONNECT; one of the two is given, once. */
export interface StreamAnswer {
  /** Says that the stream is open: what is written to it from now on arrives. */
  accept (): void
  /** Says that nobody took it, and closes. */
  refuse (): void
}

/** The listener that an endpoint stands for. */
export interface LocalTarget {
  /** Gets the events `request`, `checkContinue`, `checkExpectation`, `upgrade` and `clientError`. */
  readonly server: TargetServer
  /** The local address on which the requests count as arrived. */
  readonly arrival: () => ReversedConnection
  /** Takes an opaque stream (CONNECT), for instance TLS end to end, once it is accepted, or refuses it. `head`: bytes that have come already. */
  open (stream: Duplex, head: Buffer, answer: StreamAnswer): void
  /** Whether the listener demands a client certificate: requests that come without TLS of their own are refused then. */
  readonly demandsCertificate: boolean
  /** Whether HTTP inside an opaque stream is read by this process, which leaves empty lines before a request out. */
  readonly takesEmptyLines: boolean
}

/** A server as a target: requests are requests of it, opaque streams are connections of it. */
export function targetOfServer (server: TargetServer, { demandsCertificate = false }: { readonly demandsCertificate?: boolean } = {}): LocalTarget {
  const arrival = (): ReversedConnection => {
    const address = server.address?.() ?? null
    return typeof address === 'object' && address !== null ? { localAddress: address.address, localPort: address.port } : { localAddress: undefined, localPort: undefined }
  }
  return {
    server,
    arrival,
    open: (stream, head, { accept }) => {
      accept()
      if (head.length > 0) stream.unshift(head)
      markReversed(stream as Socket, arrival())
      server.emit('connection', stream)
    },
    demandsCertificate,
    // who refuses requests without TLS of their own passes streams on and reads none
    takesEmptyLines: !demandsCertificate
  }
}
