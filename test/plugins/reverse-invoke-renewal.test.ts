/** Renewed identities, trust lists and revocation lists on both sides of reverse invoke, while requests run. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { RevocationList } from '../../src/revocation/revocation-list.ts'
import { RevocationLists } from '../../src/revocation/revocation-lists.ts'
import { isRefused, isUntrusted } from '../../src/upstream/peer-check.ts'
import { identityOf } from '../helpers/identity.ts'
import { askOn, buildInitiator, takeFrom } from '../helpers/initiator.ts'
import { mintCrl } from '../helpers/mint-crl.ts'
import { mintPki, type Issued, type Pki } from '../helpers/pki.ts'
import { buildAcceptor, dialControl, openToAll } from '../helpers/reverse-invoke-peer.ts'

const everybody = (): boolean => true

async function renewedOf (pki: Pki): Promise<Issued> {
  return await pki.issue({ subject: pki.gateway.certificate.subject, issuer: pki.intermediate, usage: 'client' })
}

t.test('a renewed initiator registers beside itself, and the old registration ends behind what runs on it', async t => {
  const pki = await mintPki(t)
  const acceptor = await buildAcceptor(t, { ...openToAll, poolSize: 1 }, pki)
  const held = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const { app, log } = await buildInitiator(t, { port: acceptor.port, instance: 'own'.padEnd(64, 'x') }, {
    pki, routes: app => { app.get('/held', async () => { arrived.resolve(); await held.promise; return 'done' }) }
  })
  app.reverseInvokeInitiator.start()
  await log.line('registered with the acceptor')
  const busy = await takeFrom(acceptor.app.reverseInvoke)
  const answer = askOn(busy, { path: '/held' })
  await arrived.promise
  const renewed = await renewedOf(pki)
  for (const initiator of app.reverseInvokeInitiator.initiators) initiator.useIdentity(identityOf(renewed, [pki.root]))
  await acceptor.log.line('initiator is draining')
  t.match(acceptor.app.reverseInvoke.snapshot(), [
    { state: 'draining', instance: 'own'.padEnd(64, 'x') }, { state: 'serving', instance: `${'own'.padEnd(62, 'x')}.1` }
  ])
  t.equal((await askOn(await takeFrom(acceptor.app.reverseInvoke))).status, 200, 'new requests take the new one')
  const certificate = certificateOn(await takeFrom(acceptor.app.reverseInvoke))
  t.equal(certificate, renewed.certificate.fingerprint256)
  held.resolve()
  t.equal((await answer).status, 200)
  busy.destroy()
  t.match(await acceptor.log.line('registration ended'), { reason: 'bye', level: 30 })
  t.match(await log.line('registration ended'), { reason: 'drained', level: 30 })
  t.equal(log.records.find(({ msg }) => msg === 'registration lost'), undefined)
  t.match(app.reverseInvokeInitiator.snapshot(), [{ registrations: [{ state: 'registered' }] }])
})

function certificateOn (socket: Socket): string | undefined {
  return (socket as TLSSocket).getPeerX509Certificate()?.fingerprint256
}

t.test('without TLS there is no identity to renew', async t => {
  const pki = await mintPki(t)
  const acceptor = await buildAcceptor(t, { ...openToAll, poolSize: 0 })
  const { app, log } = await buildInitiator(t, { port: acceptor.port })
  app.reverseInvokeInitiator.start()
  await log.line('registered with the acceptor')
  for (const initiator of app.reverseInvokeInitiator.initiators) {
    initiator.useIdentity(identityOf(pki.gateway, []))
    initiator.endThose(() => false)
  }
  t.equal(acceptor.app.reverseInvoke.size, 1)
  t.match(app.reverseInvokeInitiator.snapshot(), [{ registrations: [{ state: 'registered' }] }])
})

t.test('an acceptor whose certificate was revoked gets nothing new from this side, and what runs ends', async t => {
  const pki = await mintPki(t)
  const acceptor = await buildAcceptor(t, { ...openToAll, poolSize: 1 }, pki)
  const lists = (...revoked: Issued[]) => [new RevocationList(mintCrl({ issuer: pki.intermediate, revoked: revoked.map(certificate => ({ certificate })) }), 'test')]
  const revocation = new RevocationLists({ policy: 'soft', lists: lists(), onUnknown: () => {} })
  const { app, log } = await buildInitiator(t, { port: acceptor.port, revocation }, { pki })
  app.reverseInvokeInitiator.start()
  await log.line('registered with the acceptor')
  const used = await takeFrom(acceptor.app.reverseInvoke)
  t.equal((await askOn(used)).status, 200)
  revocation.replace(lists(pki.server))
  const ended = acceptor.log.line('registration ended')
  const [initiator] = app.reverseInvokeInitiator.initiators
  initiator?.endThose(socket => isRefused(socket, revocation))
  await log.line('no registration with the acceptor')
  t.match(log.records.find(({ msg }) => msg === 'no registration with the acceptor'), { reason: 'revoked' })
  t.equal(acceptor.app.reverseInvoke.snapshot()[0]?.state, 'draining')
  used.destroy()
  t.match(await ended, { reason: 'bye' })
  t.equal(acceptor.app.reverseInvoke.size, 0)
})

t.test('an acceptor that the new trust list does not accept is left, at the latest when the time is over', async t => {
  const [pki, other] = [await mintPki(t), await mintPki(t)]
  const acceptor = await buildAcceptor(t, { ...openToAll, poolSize: 1 }, pki)
  const { app, log } = await buildInitiator(t, { port: acceptor.port, drainTimeoutMs: 50 }, { pki })
  app.reverseInvokeInitiator.start()
  await log.line('registered with the acceptor')
  // it is not given back: the registration cannot end in order
  const busy = await takeFrom(acceptor.app.reverseInvoke)
  const cut = once(busy.on('error', () => {}).resume(), 'close')
  const present = identityOf(pki.gateway, [other.root])
  for (const initiator of app.reverseInvokeInitiator.initiators) {
    initiator.useIdentity(present)
    initiator.endThose(socket => isUntrusted(socket, () => present))
  }
  await cut
  t.match(await log.line('no registration with the acceptor'), { reason: 'not-trusted' })
  await log.line('registration ended')
  t.equal(acceptor.app.reverseInvoke.size, 0)
})

t.test('a registration whose certificate is no longer good gets nothing new, and ends behind what runs', async t => {
  const pki = await mintPki(t)
  const acceptor = await buildAcceptor(t, { ...openToAll, poolSize: 1 }, pki)
  const held = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const { app, log } = await buildInitiator(t, { port: acceptor.port }, { pki, routes: app => { app.get('/held', async () => { arrived.resolve(); await held.promise; return 'done' }) } })
  app.reverseInvokeInitiator.start()
  await log.line('registered with the acceptor')
  const busy = await takeFrom(acceptor.app.reverseInvoke)
  const answer = askOn(busy, { path: '/held' })
  await arrived.promise
  t.equal(acceptor.app.registrationPort.has(busy), true)
  acceptor.app.registrationPort.endThose(() => false)
  t.match(acceptor.app.reverseInvoke.snapshot(), [{ state: 'serving' }])
  acceptor.app.registrationPort.endThose(everybody)
  acceptor.app.registrationPort.endThose(everybody)
  t.match(acceptor.app.reverseInvoke.snapshot(), [{ state: 'draining' }])
  held.resolve()
  t.equal((await answer).status, 200)
  busy.destroy()
  t.match(await acceptor.log.line('registration ended'), { reason: 'bye' })
})

t.test('what does not end in time is cut, and who has not registered yet is refused', async t => {
  const pki = await mintPki(t)
  const acceptor = await buildAcceptor(t, { ...openToAll, poolSize: 0, drainTimeoutMs: 20 }, pki)
  const { app, log } = await buildInitiator(t, { port: acceptor.port }, { pki })
  app.reverseInvokeInitiator.start()
  await log.line('registered with the acceptor')
  const busy = await takeFrom(acceptor.app.reverseInvoke)
  const cut = once(busy.on('error', () => {}).resume(), 'close')
  const stranger = await dialControl(t, { port: acceptor.port, as: pki.client })
  acceptor.app.registrationPort.endThose(everybody)
  t.match(await stranger.next('error'), { code: 'POSTERN_ERR_REVERSE_INVOKE_CERTIFICATE' })
  await cut
  t.match(await acceptor.log.line('registration ended'), { reason: 'expired', code: 'POSTERN_ERR_REVERSE_INVOKE_CERTIFICATE' })
})
