/** Walks the way to an acceptor once, step by step, for `-checkconfig`. */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { protocolVersion, type Want } from '../reverse-invoke/messages.ts'
import { lookUp, type Resolve } from './addresses.ts'
import { openControlChannel, type ChannelLimits, type ControlChannel } from './control-channel.ts'
import { startDeadline, type Deadline, type Dialer } from './dial.ts'
import { dialFailure, failureOfMessage, type DialFailure } from './failure.ts'
import type { Registration } from './session.ts'
import { upgradeToData } from './upgrade.ts'

/** What a step is about, in the order of the steps. */
export type ProbeStepName = 'DNS' | 'TCP' | 'proxy' | 'TLS' | 'certificate' | 'registration port' | 'ACL' | 'endpoint' | 'data connection'

/** The outcome of one step. Behind a step that failed there is none for the same address. */
export interface ProbeStep {
  /** `address:port`, or `host:port` at the step DNS. */
  readonly acceptor: string
  readonly step: ProbeStepName
  readonly ok: boolean
  /** For administrators. */
  readonly detail: string
}

interface ProbeOptions {
  readonly dialer: Dialer
  readonly registration: Registration
  readonly limits: ChannelLimits
  readonly resolve: Resolve
}

/**
 * Dials each address, registers under an instance of its own, opens one data connection, and leaves. What runs is not disturbed: the
 * registration says that it is a check, and is sent no request.
 * Rejects never: what goes wrong is a step.
 */
export async function probeAcceptor (options: ProbeOptions): Promise<ProbeStep[]> {
  const { dialer, resolve } = options
  const { acceptor: { host }, proxy, timeoutMs } = dialer.options
  if (proxy !== null) return await probeAddress(host, options)
  try {
    const addresses = await lookUp(host, { resolve, timeoutMs })
    const steps: ProbeStep[] = [{ acceptor: dialer.authority, step: 'DNS', ok: true, detail: `${host}: ${addresses.join(', ')}` }]
    for (const address of addresses) steps.push(...await probeAddress(address, options))
    return steps
  } catch (error) {
    return [{ acceptor: dialer.authority, step: 'DNS', ok: false, detail: (error as DialFailure).detail }]
  }
}

async function probeAddress (address: string, options: ProbeOptions): Promise<ProbeStep[]> {
  const { proxy, tls, timeoutMs } = options.dialer.options
  const acceptor = options.dialer.placeOf(address)
  const order: ProbeStepName[] = ['TCP', ...(proxy === null ? [] : ['proxy' as const]), ...(tls === null ? [] : ['TLS', 'certificate'] as const), 'registration port', 'ACL', 'endpoint', 'data connection']
  const details = new Map<ProbeStepName, string>()
  const deadline = startDeadline({ place: acceptor, timeoutMs })
  try {
    await walk(address, options, { details, deadline })
    return order.map(step => ({ acceptor, step, ok: true, detail: details.get(step) ?? '' }))
  } catch (error) {
    const failure = deadline.failure(error)
    const failed = stepOf(failure)
    const passed = order.slice(0, Math.max(0, order.indexOf(failed)))
    return [...passed.map(step => ({ acceptor, step, ok: true, detail: details.get(step) ?? '' })), { acceptor, step: failed, ok: false, detail: failure.detail }]
  } finally {
    deadline.end()
  }
}

function stepOf ({ step, reason }: DialFailure): ProbeStepName {
  switch (reason) {
    case 'not-trusted': case 'wrong-name': case 'revoked': case 'certificate-refused': return 'certificate'
    case 'denied': return 'ACL'
    case 'endpoint': return 'endpoint'
  }
  switch (step) {
    case 'upgrade': return 'registration port'
    case 'registration': return 'endpoint'
    default: return step
  }
}

interface Walk {
  readonly details: Map<ProbeStepName, string>
  readonly deadline: Deadline
}

async function walk (address: string, { dialer, registration, limits }: ProbeOptions, { details, deadline }: Walk): Promise<void> {
  const place = dialer.placeOf(address)
  const { proxy, tls, acceptor } = dialer.options
  const socket = await dialer.connect(address, deadline)
  details.set('TCP', proxy === null ? `connected to ${place}` : `connected to ${proxy.host}:${proxy.port}`)
  details.set('proxy', `opened the way to ${place}`)
  if (tls !== null) {
    const secured = socket as TLSSocket
    details.set('TLS', `${secured.getProtocol() ?? ''}, ${secured.getCipher().name}`)
    details.set('certificate', `valid for ${tls.serverName ?? acceptor.host}, and the acceptor takes the one of this side`)
  }
  const channel = await openControlChannel(socket, { authority: dialer.authority, place, limits }, deadline)
  details.set('registration port', `replica ${channel.answerer.replica} of ${channel.answerer.replicas}`)
  details.set('ACL', 'this host is permitted')
  const left = dialFailure('registration', 'stopped', 'the probe has ended')
  try {
    deadline.enter('registration')
    const want = await registered(channel, registration, deadline, () => {
      details.set('endpoint', `registered ${registration.endpoints.join(', ')}`)
      deadline.enter('data connection')
    })
    const data = await dialData(address, dialer, deadline)
    await upgradeToData(data, { authority: dialer.authority, place, replica: channel.answerer.replica, ticket: want.tickets[0] as string }, deadline)
    channel.send({ type: 'draining' })
    data.destroy()
    details.set('data connection', `opened for ${want.endpoint}`)
  } finally {
    channel.close(left, { type: 'bye' })
  }
}

/** A second connection. Its steps have the names of the first one's, so that its time is its own. */
async function dialData (address: string, dialer: Dialer, { signal }: Deadline): Promise<Socket> {
  const deadline = startDeadline({ place: dialer.placeOf(address), timeoutMs: dialer.options.timeoutMs, abort: signal })
  try {
    return await dialer.connect(address, deadline)
  } finally {
    deadline.end()
  }
}

/** Registers; resolves with the first thing that the acceptor wants. */
async function registered (channel: ControlChannel, registration: Registration, { signal, failure }: Deadline, onRegistered: () => void): Promise<Want> {
  return await new Promise((resolve, reject) => {
    const onAbort = (): void => { reject(failure(null)) }
    signal.addEventListener('abort', onAbort, { once: true })
    channel.listen({
      message: message => {
        switch (message.type) {
          case 'registered': return onRegistered()
          case 'want': return resolve(message)
          case 'error': return reject(failureOfMessage(message))
          default: return reject(dialFailure('registration', 'draining', 'the acceptor is going down'))
        }
      },
      ended: reject
    })
    channel.send({ type: 'register', version: protocolVersion, ...registration, check: true, instance: `check-${randomBytes(12).toString('hex')}` })
  })
}
