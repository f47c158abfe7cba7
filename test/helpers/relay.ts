/** A TCP relay between the two sides of a test: it can swallow bytes, as a cable that was pulled does, and choose between targets. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'

/** The relay. */
export interface Relay {
  readonly port: number
  /** From now on nothing passes, and nobody is told. */
  swallow (): void
  /** What comes on new connections passes again. */
  mend (): void
}

/**
 * Starts it on a port of 127.0.0.1.
 *
 * @param choose the port for the n-th connection, from 0
 */
export async function buildRelay (t: Test, choose: (n: number) => number): Promise<Relay> {
  const sockets = new Set<Socket>()
  let swallows = false
  let count = 0
  const server = createServer({ allowHalfOpen: true }, client => {
    sockets.add(client)
    client.on('error', () => {})
    if (swallows) return
    const target = connect({ port: choose(count++), host: '127.0.0.1', allowHalfOpen: true })
    sockets.add(target)
    join(client, target)
    join(target, client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return {
    port: (server.address() as AddressInfo).port,
    swallow: () => {
      swallows = true
      for (const socket of sockets) socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close').resume()
    },
    mend: () => { swallows = false }
  }
}

function join (from: Socket, to: Socket): void {
  from.on('error', () => {})
  from.on('data', chunk => { to.write(chunk) })
  from.on('end', () => { to.end() })
  from.on('close', () => { to.destroy() })
}
