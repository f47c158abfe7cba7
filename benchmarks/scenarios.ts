/**
 * What is measured, bounded in number and in time: whichever comes first.
 */
import { MIB, TRANSFER_BYTES } from './landscape.ts'

export type Kind = 'keep-alive' | 'handshake' | 'download' | 'upload' | 'mix' | 'gibibyte'

export interface Bounds { readonly exchanges: number, readonly seconds: number }

export interface Scenario {
  /** How tables and results call it. */
  readonly letter: string
  readonly kind: Kind
  readonly title: string
  /** Connections at the same time. */
  readonly connections: number
  /** Requests per second, over all connections. Without it each connection sends the next one when it has the answer. */
  readonly rate?: number
  /** Exchanges before the clock starts, so that caches are full and JavaScript is compiled. */
  readonly warmUp: Bounds
  readonly measured: Bounds
  /** CPU time is given for one request, or for one GiB. */
  readonly unitsPerExchange: number
  readonly unit: 'request' | 'GiB'
  /** Upper bounds of our CPU time, as a ratio to a peer's in the same run. */
  readonly targets: Readonly<Record<string, number>>
}

const gibPerTransfer = TRANSFER_BYTES / (1024 * MIB)

/** The four scenarios; shorter when `quick`, for a look and not for a result. */
export function scenarios (quick: boolean): readonly Scenario[] {
  const seconds = (full: number): Bounds => ({ seconds: quick ? full / 3 : full, exchanges: 1_000_000 })
  const transfers = (full: number): Bounds => ({ seconds: 30, exchanges: quick ? 1 : full })
  const request = { unit: 'request', unitsPerExchange: 1 } as const
  const transfer = { unit: 'GiB', unitsPerExchange: gibPerTransfer, connections: 1, warmUp: transfers(1), measured: transfers(3) } as const
  return [
    {
      letter: 'a',
      kind: 'keep-alive',
      title: 'keep-alive connections with a client certificate, answers of 600 bytes',
      connections: 16,
      warmUp: seconds(1.5),
      measured: seconds(3),
      targets: { '@fastify/http-proxy': 0.75, nginx: 2.8 },
      ...request
    },
    {
      letter: 'b',
      kind: 'handshake',
      title: 'full mutual TLS 1.3 handshakes, one request each',
      connections: 8,
      warmUp: seconds(1),
      measured: seconds(4),
      targets: { nginx: 1.35 },
      ...request
    },
    { letter: 'c', kind: 'download', title: 'download of 100 MiB', targets: { nginx: 2.5 }, ...transfer },
    { letter: 'd', kind: 'upload', title: 'upload of 100 MiB', targets: { nginx: 2.5 }, ...transfer }
  ]
}
