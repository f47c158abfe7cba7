/**
 * What is measured. Counts bound a run: a slow peer takes longer, the number of its requests stays the same.
 */
import { MIB, TRANSFER_BYTES } from './landscape.ts'

export type Kind = 'keep-alive' | 'handshake' | 'download' | 'upload'

export interface Scenario {
  readonly letter: 'a' | 'b' | 'c' | 'd'
  readonly kind: Kind
  readonly title: string
  /** Connections at the same time. */
  readonly connections: number
  /** Exchanges before the clock starts, so that caches are full and JavaScript is compiled. */
  readonly warmUp: number
  readonly count: number
  /** CPU time is given for one request, or for one GiB. */
  readonly unitsPerExchange: number
  readonly unit: 'request' | 'GiB'
  /** Upper bounds of our CPU time, as a ratio to a peer's in the same run. */
  readonly targets: Readonly<Record<string, number>>
}

const gibPerTransfer = TRANSFER_BYTES / (1024 * MIB)

/** The four scenarios, with about a fifth of the exchanges when `quick`. */
export function scenarios (quick: boolean): readonly Scenario[] {
  const request = { unit: 'request', unitsPerExchange: 1 } as const
  const transfer = { unit: 'GiB', unitsPerExchange: gibPerTransfer, connections: 1, warmUp: quick ? 0 : 1, count: quick ? 1 : 3 } as const
  return [
    {
      letter: 'a',
      kind: 'keep-alive',
      title: 'keep-alive connections with a client certificate, answers of 600 bytes',
      connections: 16,
      warmUp: quick ? 1000 : 2000,
      count: quick ? 2000 : 6000,
      targets: { '@fastify/http-proxy': 0.75, nginx: 2.8 },
      ...request
    },
    {
      letter: 'b',
      kind: 'handshake',
      title: 'full mutual TLS 1.3 handshakes, one request each',
      connections: 8,
      warmUp: quick ? 50 : 100,
      count: quick ? 150 : 500,
      targets: { nginx: 1.35 },
      ...request
    },
    { letter: 'c', kind: 'download', title: 'download of 100 MiB', targets: { nginx: 2.5 }, ...transfer },
    { letter: 'd', kind: 'upload', title: 'upload of 100 MiB', targets: { nginx: 2.5 }, ...transfer }
  ]
}
