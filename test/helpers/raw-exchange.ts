import type { ConnectionOptions } from 'node:tls'
import type { Test } from 'tap'
import { buildRawClient } from './raw-client.ts'

/** Sends `text` (latin1) on a connection of its own and returns all that comes back until the other side closes. Ask for `Connection: close`. */
export async function rawExchange (t: Test, { port, tls }: { readonly port: number, readonly tls?: ConnectionOptions }, text: string): Promise<string> {
  const client = await buildRawClient(t, port, tls === undefined ? {} : { tls })
  client.send(text)
  return await client.closed()
}
