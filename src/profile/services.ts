/** Names of services, as `/etc/services` lists them. Node has no call for it. */

/** Port of a TCP service by its name or one of its aliases. */
export type Services = ReadonlyMap<string, number>

/**
 * Reads a services file: `name port/protocol alias ... # comment`. Lines that say something else are passed over, as every program does;
 * the first entry of a name counts.
 *
 * @see https://man7.org/linux/man-pages/man5/services.5.html
 */
export function parseServices (text: string): Services {
  const services = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [name, port = '', ...aliases] = line.replace(/#.*/s, '').split(/\s+/).filter(word => word !== '')
    const number = /^(\d{1,5})\/tcp$/.exec(port)?.[1]
    if (name === undefined || number === undefined || Number(number) > 65535) continue
    for (const word of [name, ...aliases]) {
      if (!services.has(word)) services.set(word, Number(number))
    }
  }
  return services
}
