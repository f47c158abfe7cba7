import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { Agent, WebSocket } from 'undici'
import { errors } from '../errors.ts'
import { webSocketPath, type Seen } from './backend.ts'
import type { UserFiles } from './pki.ts'

/** What to ask the gateway, and as whom. */
export interface Question {
  readonly port: number
  readonly files: UserFiles
  /** Whether the user's certificate is presented. */
  readonly certificate: boolean
  readonly headers?: Readonly<Record<string, string>>
}

/** What the gateway answered. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** Sends one request to the gateway on this machine. */
export async function ask (question: Question): Promise<Answer> {
  const { port, headers = {} } = question
  const options = { host: 'localhost', port, path: '/sap/bc/ping', headers, agent: false, ...await credentialsOf(question) } as const
  return await new Promise((resolve, reject) => {
    request(options, response => {
      text(response).then(body => { resolve({ status: response.statusCode ?? 0, body }) }).catch(reject)
    }).on('error', reject).end()
  })
}

/**
 * Sends one request and gives back what the back end saw.
 *
 * @throws POSTERN_ERR_DEMO_ANSWER when the answer is not the back end's
 */
export async function askBackend (question: Question): Promise<Seen> {
  const { status, body } = await ask(question)
  if (status !== 200) throw new errors.DEMO_ANSWER(status, body)
  return JSON.parse(body) as Seen
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

async function credentialsOf ({ files: { rootFile, certificateFile, keyFile }, certificate }: Question): Promise<{ ca: Buffer, cert?: Buffer, key?: Buffer }> {
  const ca = await readFile(rootFile)
  return certificate ? { ca, cert: await readFile(certificateFile), key: await readFile(keyFile) } : { ca }
}
