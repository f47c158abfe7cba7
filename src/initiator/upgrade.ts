/** Turns a dialled connection into a data connection. */
import { request, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { dataPath, dataProtocol, replicaField, ticketField } from '../reverse-invoke/wire.ts'
import { reasonOf, type Deadline } from './dial.ts'
import { dialFailure } from './failure.ts'
import { refusalOf } from './refusal.ts'

/** What a data connection says of itself. */
export interface Passport {
  /** Value of Host. */
  readonly authority: string
  /** Where the connection goes, for messages. */
  readonly place: string
  /** The replica that the ticket is from. */
  readonly replica: string
  /** A secret. */
  readonly ticket: string
}

/**
 * Sends the upgrade; after it this side is the server on the socket. Bytes that came with the 101 are the first that the socket gives.
 *
 * @throws POSTERN_ERR_REVERSE_INVOKE_DIAL; reason `replica` when another replica answered: the ticket is still good
 */
export async function upgradeToData (socket: Socket, passport: Passport, deadline: Deadline): Promise<Socket> {
  deadline.enter('data connection')
  try {
    const head = await exchange(socket, passport, deadline.signal)
    detach(socket)
    if (head.length > 0) socket.unshift(head)
    return socket
  } catch (error) {
    socket.destroy()
    throw deadline.failure(error)
  }
}

async function exchange (socket: Socket, { authority, place, replica, ticket }: Passport, signal: AbortSignal): Promise<Buffer> {
  return await new Promise((resolve, reject) => {
    const outgoing = request({
      // no agent: the socket is ours and stays ours
      createConnection: () => socket,
      path: dataPath,
      headers: { Host: authority, Connection: 'Upgrade', Upgrade: dataProtocol, [ticketField]: ticket, [replicaField]: replica }
    })
    const onAbort = (): void => { reject(reasonOf(signal)) }
    const settle = (): void => { signal.removeEventListener('abort', onAbort) }
    outgoing.once('upgrade', (answer: IncomingMessage, _socket, head: Buffer) => {
      settle()
      if (answer.headers.upgrade === dataProtocol) resolve(head)
      else reject(dialFailure('data connection', 'protocol', `${place}: the acceptor changed to another protocol`))
    })
    outgoing.once('response', answer => {
      refusalOf(answer, { step: 'data connection', place }).then(refusal => {
        settle()
        reject(refusal)
      }, reject)
    })
    outgoing.on('error', error => {
      settle()
      reject(error)
    })
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    outgoing.end()
  })
}

/** Node's client leaves its marks on the socket: listeners and a timer that would act on a request that is over. */
function detach (socket: Socket): void {
  socket.removeAllListeners('timeout').removeAllListeners('free').removeAllListeners('agentRemove')
  socket.setTimeout(0)
  socket.setNoDelay(true)
  socket.on('error', () => {})
}
