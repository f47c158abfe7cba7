/**
 * The nftables rules of one namespace: what may come in, and counters of connection attempts, so that a test can prove that there was none.
 */
import { inside, run } from './namespaces.ts'

/** A port that new connections may be made to. */
export interface Opening {
  readonly port: number
  /** Only from this address; from everywhere without it. */
  readonly from?: string
}

/** Packets that want to begin a TCP connection, as the namespace has seen them; loopback does not count. A repeated SYN counts again. */
export interface Syns {
  /** Came in and were let through. */
  readonly accepted: number
  /** Came in and were dropped without an answer. */
  readonly dropped: number
  /** Left the namespace. */
  readonly sent: number
}

const SYN = 'tcp flags & (fin | syn | rst | ack) == syn'

/** Drops whatever comes in and belongs to no connection, but for the openings; `null` lets everything in and only counts. */
export async function raiseFirewall (namespace: string, openings: readonly Opening[] | null): Promise<void> {
  const doors = openings?.map(({ port, from }) => `${from === undefined ? '' : `ip saddr ${from} `}tcp dport ${port} ${SYN} counter name accepted accept`)
  await nft(namespace, `
table inet wall {
  counter accepted { }
  counter dropped { }
  counter sent { }
  chain in {
    type filter hook input priority 0; policy ${openings === null ? 'accept' : 'drop'};
    iifname lo accept
    ${(doors ?? [`${SYN} counter name accepted`]).join('\n    ')}
    ct state established,related accept
    ${openings === null ? '' : `${SYN} counter name dropped`}
  }
  chain out {
    type filter hook output priority 0;
    oifname != lo ${SYN} counter name sent
  }
}`)
}

/** What the counters say now. */
export async function readSyns (namespace: string): Promise<Syns> {
  const [command = '', ...args] = [...inside(namespace), 'nft', '-j', 'list', 'counters', 'table', 'inet', 'wall']
  const { nftables } = JSON.parse(await run(command, args)) as { nftables: Array<{ counter?: { name: keyof Syns, packets: number } }> }
  const packets = (name: keyof Syns): number => nftables.find(({ counter }) => counter?.name === name)?.counter?.packets ?? 0
  return { accepted: packets('accepted'), dropped: packets('dropped'), sent: packets('sent') }
}

/** Applies rules as one transaction. */
export async function nft (namespace: string, rules: string): Promise<void> {
  const [command = '', ...args] = [...inside(namespace), 'nft', '-f', '-']
  await run(command, args, rules)
}
