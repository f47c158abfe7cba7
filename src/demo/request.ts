import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import type { Seen } from './backend.ts'

/** What to ask the gateway, and as whom. */
export interface Question {
  readonly port: number
  readonly rootFile: string
  readonly user: { readonly certificateFile: string, readonly keyFile: string } | null
}

/** Sends one request to the gateway on this machine and gives back what the back end saw. */
export async function ask ({ port, rootFile, user }: Question): Promise<Seen> {
  const credentials = user === null ? {} : { cert: await readFile(user.certificateFile), key: await readFile(user.keyFile) }
  const options = { host: 'localhost', port, path: '/sap/bc/ping', agent: false, ca: await readFile(rootFile), ...credentials } as const
  return await new Promise((resolve, reject) => {
    request(options, response => {
      text(response).then(body => { resolve(JSON.parse(body) as Seen) }).catch(reject)
    }).on('error', reject).end()
  })
}
