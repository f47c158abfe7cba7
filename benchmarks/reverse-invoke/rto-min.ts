import type { Network } from '../../test/helpers/network.ts'
import { runToEnd } from '../../test/helpers/processes.ts'
import { DMZ, INNER } from './profiles.ts'

/**
 * Sets the shortest retransmission time of TCP on every route between DMZ and inner network, as an administrator does on a way that loses
 * packets. `null` gives the system's own time back, to new connections only.
 */
export async function setRtoMin (network: Network, milliseconds: number | null): Promise<void> {
  for (const member of [DMZ, INNER]) {
    const ip = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runToEnd('ip', ['-4', 'route', ...args], { within: network.within(member) })
      if (code !== 0) throw new Error(`ip route ${args.join(' ')}: ${stderr}`)
      return stdout
    }
    for (const route of (await ip('show')).trim().split('\n')) {
      const words = route.trim().split(/\s+/)
      const at = words.indexOf('rto_min')
      const bare = at < 0 ? words : words.toSpliced(at, words[at + 1] === 'lock' ? 3 : 2)
      await ip('change', ...bare, ...(milliseconds === null ? [] : ['rto_min', `${milliseconds}ms`]))
    }
  }
}
