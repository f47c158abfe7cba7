import { createHmac, type BinaryLike } from 'node:crypto'
import type { UpstreamServer } from '../upstream/server.ts'

/**
 * The cookie that keeps a session on its server. Its value is a keyed hash of system and server: nobody without the key can make
 * one up or learn the server's address from it. The name holds a hash of key and system too, so that several systems with one SID,
 * and gateways behind gateways, do not overwrite each other's cookies.
 */
export class StickyCookie {
  readonly name: string
  readonly #values: ReadonlyMap<string, UpstreamServer>
  readonly #byServer: ReadonlyMap<UpstreamServer, string>

  constructor ({ key, system, sid, servers }: { key: BinaryLike, system: string, sid: string, servers: readonly UpstreamServer[] }) {
    const hash = (what: string): string => createHmac('sha256', key).update(`${system}\0${what}`).digest('base64url')
    this.name = `postern_${sid.replace(/[^A-Za-z0-9]/g, '')}_${hash('name').replace(/[^A-Za-z0-9]/g, '').slice(0, 6)}`
    this.#byServer = new Map(servers.map(server => [server, hash(`server\0${server.origin}`).slice(0, 32)]))
    this.#values = new Map([...this.#byServer].map(([server, value]) => [value, server]))
  }

  /** The server that the Cookie field names, or `null`. Of several cookies the first valid one counts. */
  serverIn (field: string): UpstreamServer | null {
    let at = field.indexOf(this.name)
    if (at < 0) return null
    for (const pair of field.slice(at).split(';')) {
      at = pair.indexOf('=')
      const server = pair.slice(0, at).trim() === this.name ? this.#values.get(pair.slice(at + 1).trim()) : undefined
      if (server !== undefined) return server
    }
    return null
  }

  /** The Set-Cookie field for a server. It ends with the browser session, as the sessions of the back end do. */
  setCookie (server: UpstreamServer, secure: boolean): string {
    return `${this.name}=${this.#byServer.get(server) ?? ''}; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
  }
}

/**
 * The Cookie field without the cookies of the given name, otherwise byte-exact.
 *
 * @returns `null` when nothing is left of it
 */
export function withoutCookie (field: string, name: string): string | null {
  if (!field.includes(name)) return field
  const kept = field.split(';').filter(pair => pair.split('=', 1)[0]?.trim() !== name).join(';').trim()
  return kept === '' ? null : kept
}
