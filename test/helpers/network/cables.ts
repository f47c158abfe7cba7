/**
 * The cables of a network: one bridge per link, one port per member, all in a namespace of their own that no program runs in. What happens
 * to packets on their way happens at the ports, out of sight of both ends: no RST, no ICMP, no lost carrier.
 */
import { nft } from './firewall.ts'
import { inside, run } from './namespaces.ts'

/** What a link does to packets. */
export interface Impairment {
  /** Share of packets that get lost, each way, in per cent. */
  readonly lossPercent?: number
  /** Time that each packet takes longer, each way. Needs a kernel with netem. */
  readonly delayMs?: number
}

/** A member's end of a link. */
export interface Port {
  readonly link: string
  readonly member: string
  /** Name of the device in the namespace of the switch. */
  readonly device: string
}

/** All ports of one network. */
export class Cables {
  readonly #namespace: string
  readonly #ports: readonly Port[]
  readonly #pulled = new Set<Port>()
  readonly #loss = new Map<string, number>()
  readonly #delayed = new Set<string>()

  constructor (namespace: string, ports: readonly Port[]) {
    this.#namespace = namespace
    this.#ports = ports
  }

  /** Lays the rules: none of them touches a packet yet. */
  async lay (): Promise<void> {
    const chains = this.#ports.flatMap(({ device }) => [['ingress', 'from'], ['egress', 'to']].map(([hook, chain]) =>
      `  chain ${chain}_${device} { type filter hook ${hook} device "${device}" priority 0; }`))
    await nft(this.#namespace, `table netdev cables {\n${chains.join('\n')}\n}`)
  }

  /** Drops every IP packet of the link, or of one member of it, both ways. */
  async pull (link: string, member?: string): Promise<void> {
    for (const port of this.#portsOf(link, member)) this.#pulled.add(port)
    await this.#apply()
  }

  /** Undoes `pull`. */
  async plug (link: string, member?: string): Promise<void> {
    for (const port of this.#portsOf(link, member)) this.#pulled.delete(port)
    await this.#apply()
  }

  /** Sets what the link does to packets; an empty object makes it a good one again. */
  async impair (link: string, { lossPercent = 0, delayMs = 0 }: Impairment): Promise<void> {
    this.#loss.set(link, lossPercent)
    await this.#apply()
    const change = delayMs > 0 ? `replace dev $DEVICE root netem delay ${delayMs}ms limit 100000` : 'delete dev $DEVICE root'
    if (delayMs > 0 || this.#delayed.delete(link)) {
      await tc(this.#namespace, this.#portsOf(link).map(({ device }) => `qdisc ${change.replace('$DEVICE', device)}\n`).join(''))
    }
    if (delayMs > 0) this.#delayed.add(link)
  }

  #portsOf (link: string, member?: string): Port[] {
    const ports = this.#ports.filter(port => port.link === link && (member === undefined || port.member === member))
    if (ports.length === 0) throw new Error(`no link "${link}"${member === undefined ? '' : ` with "${member}"`}`)
    return ports
  }

  /** ARP is left alone: a silent network behind a router tells nobody that a host cannot be reached, and neither shall this one. */
  async #apply (): Promise<void> {
    await nft(this.#namespace, this.#ports.flatMap(port => {
      const drop = this.#pulled.has(port) ? 'meta protocol { ip, ip6 } drop' : ''
      const loss = this.#loss.get(port.link) ?? 0
      // every packet of the link comes in at exactly one port
      const lose = loss > 0 ? `meta protocol { ip, ip6 } numgen random mod 10000 < ${Math.round(loss * 100)} drop` : ''
      return [[`from_${port.device}`, drop || lose], [`to_${port.device}`, drop]]
    }).map(([chain, rule]) => `flush chain netdev cables ${chain}\n${rule === '' ? '' : `add rule netdev cables ${chain} ${rule}\n`}`).join(''))
  }
}

/** Whether the kernel can delay packets; without netem a link can only lose them. */
export async function canDelay (namespace: string): Promise<boolean> {
  return await tc(namespace, 'qdisc add dev lo root netem delay 0ms\nqdisc delete dev lo root\n').then(() => true, () => false)
}

async function tc (namespace: string, commands: string): Promise<void> {
  const [command = '', ...args] = [...inside(namespace), 'tc', '-batch', '-']
  await run(command, args, commands)
}
