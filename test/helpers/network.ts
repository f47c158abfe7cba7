/**
 * A network of namespaces for one test: members, links between them with addresses, names and firewalls, and cables that can be pulled.
 *
 * ```
 * const network = await networkOf(t, {
 *   links: { outside: ['client', 'dmz'], inside: ['dmz', 'inner'] },
 *   firewall: { dmz: [{ port: 443 }, { port: 7010, from: 'inner' }], inner: [] }
 * })
 * const gateway = await startGateway(t, profile, [], { within: network.within('dmz') })
 * ```
 *
 * No member passes packets on for another one, so `client` and `inner` above cannot reach each other at all.
 */
import { Cables, canDelay, type Impairment, type Port } from './network/cables.ts'
import { raiseFirewall, readSyns, type Syns } from './network/firewall.ts'
import { inside, makeNamespaces, run, writeHosts, type Owner } from './network/namespaces.ts'

export type { Impairment, Owner, Syns }
export { noNamespaces } from './network/namespaces.ts'

/** A port of a member that accepts new connections: from one other member, or from everybody. */
export interface Door {
  readonly port: number
  readonly from?: string
}

export interface NetworkOptions {
  /** Members of each link by its name; a member may be on several. At most 12 characters each. */
  readonly links: Readonly<Record<string, readonly string[]>>
  /** Members that drop every packet which belongs to no connection, with the ports that are open. A member that is not named drops nothing. */
  readonly firewall?: Readonly<Record<string, readonly Door[]>>
  /** More host names, each for a member or a list of them (a name with several addresses). A member's own name is known to its neighbours without this. */
  readonly hosts?: Readonly<Record<string, string | readonly string[]>>
}

export interface Network {
  /** The address of a member, as `seenFrom` reaches it; without that its first one. */
  address (member: string, seenFrom?: string): string
  /** What goes before a command line to run it inside: the `within` of `runProgram`, `runToEnd`, `startGateway` and `curl`. */
  within (member: string): readonly string[]
  /** From now on the link, or one member's cable of it, carries nothing. Nobody is told: no RST, no ICMP, the device stays up. */
  pullCable (link: string, member?: string): Promise<void>
  plugCable (link: string, member?: string): Promise<void>
  /** Makes a link bad; `{}` makes it good again. */
  impair (link: string, impairment: Impairment): Promise<void>
  /** Whether `impair` can delay packets here; loss always works. */
  canDelay (): Promise<boolean>
  /** Connection attempts that a member saw so far. */
  syns (member: string): Promise<Syns>
}

interface Seat extends Port {
  readonly address: string
}

/** The namespace of the bridges, which is no member. */
const SWITCH = '_switch'
/** Nobody waits for address detection of IPv6, no route is remembered from test to test, and short connections do not use up the ports. */
const SYSCTLS = ['net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1', 'net.ipv4.ip_forward=0', 'net.ipv4.tcp_no_metrics_save=1', 'net.ipv4.ip_local_port_range=10240 65535', 'net.ipv4.tcp_tw_reuse=1']

/** Builds the network. It is gone when the owner ends, with every process that still runs in it. */
export async function networkOf (owner: Owner, options: NetworkOptions): Promise<Network> {
  const seats = seatsOf(options)
  const members = [...new Set(seats.map(({ member }) => member))]
  const namespaces = await makeNamespaces(owner, [...members, SWITCH])
  const namespaceOf = (member: string): string => {
    const namespace = namespaces.get(member)
    if (namespace === undefined) throw new Error(`no member "${member}"; there are ${members.join(', ')}`)
    return namespace
  }
  await connectSeats(seats, namespaceOf)
  const cables = new Cables(namespaceOf(SWITCH), seats)
  await cables.lay()
  await Promise.all(members.map(async member => {
    writeHosts(namespaceOf(member), hostsFor(member, seats, options.hosts ?? {}))
    await run('ip', ['netns', 'exec', namespaceOf(member), 'sysctl', '-qw', ...SYSCTLS])
    const doors = options.firewall?.[member]
    await raiseFirewall(namespaceOf(member), doors?.map(({ port, from }) => from === undefined ? { port } : { port, from: addressOf(seats, from, member) }) ?? null)
  }))
  return {
    address: (member, seenFrom) => addressOf(seats, member, seenFrom),
    within: member => inside(namespaceOf(member)),
    pullCable: async (link, member) => { await cables.pull(link, member) },
    plugCable: async (link, member) => { await cables.plug(link, member) },
    impair: async (link, impairment) => { await cables.impair(link, impairment) },
    canDelay: async () => await canDelay(namespaceOf(SWITCH)),
    syns: async member => await readSyns(namespaceOf(member))
  }
}

function seatsOf ({ links }: NetworkOptions): Seat[] {
  return Object.entries(links).flatMap(([link, members], net) => members.map((member, host) => ({
    link, member, device: `p${net}-${host}`, address: `10.77.${net + 1}.${host + 1}`
  })))
}

/** One bridge per link, one pair of devices per seat: the member's end is named after the link. */
async function connectSeats (seats: readonly Seat[], namespaceOf: (member: string) => string): Promise<void> {
  const links = [...new Set(seats.map(({ link }) => link))]
  const bridge = (link: string): string => `b${links.indexOf(link)}`
  await batch(namespaceOf(SWITCH), [
    ...links.flatMap(link => [`link add ${bridge(link)} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`, `link set ${bridge(link)} up`]),
    ...seats.flatMap(({ link, member, device }) => [
      `link add ${device} type veth peer name ${link} netns ${namespaceOf(member)}`,
      `link set ${device} master ${bridge(link)} up`
    ])
  ])
  const members = Map.groupBy(seats, ({ member }) => member)
  await Promise.all([...members].map(async ([member, own]) => {
    await batch(namespaceOf(member), ['link set lo up', ...own.flatMap(({ link, address }) => [
      `address add ${address}/24 dev ${link}`,
      // packets of the size that a wire carries: otherwise the loss of one would be the loss of up to 64 KiB
      `link set ${link} gso_max_segs 1 up`
    ])])
  }))
}

async function batch (namespace: string, commands: readonly string[]): Promise<void> {
  await run('ip', ['-netns', namespace, '-batch', '-'], commands.join('\n'))
}

/** Names of everybody whom the member can reach, and its own. */
function hostsFor (member: string, seats: readonly Seat[], hosts: NonNullable<NetworkOptions['hosts']>): string {
  const neighbours = [...new Set(seats.map(seat => seat.member))].filter(other => other === member || reach(seats, other, member) !== undefined)
  const lines = neighbours.map(other => `${addressOf(seats, other, member)} ${other}`)
  for (const [name, targets] of Object.entries(hosts)) {
    for (const target of [targets].flat()) if (neighbours.includes(target)) lines.push(`${addressOf(seats, target, member)} ${name}`)
  }
  return `127.0.0.1 localhost\n${lines.join('\n')}\n`
}

function reach (seats: readonly Seat[], member: string, from: string): Seat | undefined {
  return seats.find(seat => seat.member === member && seats.some(other => other.member === from && other.link === seat.link))
}

function addressOf (seats: readonly Seat[], member: string, from = member): string {
  const seat = reach(seats, member, from)
  if (seat === undefined) throw new Error(from === member ? `no member "${member}"` : `"${from}" has no link with "${member}"`)
  return seat.address
}
