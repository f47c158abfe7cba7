import type { IncomingMessage } from 'node:http'
import { failureOfStatus, type DialFailure, type DialPlace } from './failure.ts'

const maxBodyBytes = 4096

/** Reads the answer of an acceptor that refuses an upgrade: its status, and the code in its body. */
export async function refusalOf (answer: IncomingMessage, place: Pick<DialPlace, 'step' | 'place'>): Promise<DialFailure> {
  return failureOfStatus(answer.statusCode ?? 0, codeIn(await bodyOf(answer)), place)
}

async function bodyOf (answer: IncomingMessage): Promise<string> {
  let text = ''
  return await new Promise(resolve => {
    answer.setEncoding('utf8')
    answer.on('data', (chunk: string) => {
      text += chunk
      if (text.length > maxBodyBytes) answer.destroy()
    })
    answer.on('error', () => {})
    answer.once('close', () => { resolve(text) })
  })
}

function codeIn (body: string): string | null {
  try {
    const { code } = JSON.parse(body) as { code?: unknown }
    return typeof code === 'string' ? code : null
  } catch {
    return null
  }
}
