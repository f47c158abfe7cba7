/** The name of the host with its domain, for `$(SAPLOCALHOSTFULL)`. */

/**
 * Finds the full name of a host as `hostname -f` does where no name server is asked: in the hosts file, the first name of a line that
 * lists the host.
 *
 * @param hostname what the operating system calls the host
 * @param hosts content of the hosts file
 * @returns `hostname` itself where it holds a dot, or where no line has a name with one
 * @see https://man7.org/linux/man-pages/man5/hosts.5.html
 */
export function fullHostname (hostname: string, hosts: string): string {
  if (hostname.includes('.')) return hostname
  for (const line of hosts.split('\n')) {
    const [, ...names] = line.replace(/#.*/s, '').split(/\s+/).filter(word => word !== '')
    const full = names.includes(hostname) ? names.find(name => name.startsWith(`${hostname}.`)) : undefined
    if (full !== undefined) return full
  }
  return hostname
}
