import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { Agent, WebSocket } from 'undici'
import { errors } from '../errors.ts'
import { webSocketPath, type Seen } from './backend.ts'

/** What to ask the gateway, and as whom. */
export interface Question {
  readonly port: number
  readonly rootFile: string
  readonly user: { readonly certificateFile: string, readonly keyFile: string } | null
}

/** Sends one request to the gateway on this machine and gives back what the back end saw. */
export async function ask (question: Question): Promise<Seen> {
  const options = { host: 'localhost', port: question.port, path: '/sap/bc/ping', agent: false, ...await credentialsOf(question) } as const
  return await new Promise((resolve, reject) => {
    request(options, response => {
      text(response).then(body => { resolve(JSON.parse(body) as Seen) }).catch(reject)
    }).on('error', reject).end()
  })
}

/** Opens a WebSocket through the gateway and gives back what the back end saw of the upgrade. */
export async function askByWebSocket (question: Question): Promise<Seen> {
  const dispatcher = new Agent({ connect: await credentialsOf(question) })
  const socket = new WebSocket(`wss://localhost:${question.port}${webSocketPath}`, { dispatcher })
  try {
    return await new Promise((resolve, reject) => {
      socket.addEventListener('message', ({ data }) => { resolve(JSON.parse(data as string) as Seen) })
      socket.addEventListener('error', () => { reject(new errors.DEMO_WEBSOCKET(webSocketPath)) })
    })
  } finally {
    await dispatcher.destroy()
  }
}

async function credentialsOf ({ rootFile, user }: Question): Promise<{ ca: Buffer, cert?: Buffer, key?: Buffer }> {
  const ca = await readFile(rootFile)
  return user === null ? { ca } : { ca, cert: await readFile(user.certificateFile), key: await readFile(user.keyFile) }
}
