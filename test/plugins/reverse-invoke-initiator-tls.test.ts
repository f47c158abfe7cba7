/** Who the two sides are for each other, and what an administrator is told when one does not accept the other. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { ReverseInvokeInitiatorOptions } from '../../plugins/reverse-invoke-initiator.ts'
import { buildFakeAcceptor, tickets } from '../helpers/fake-acceptor.ts'
import { identityOf } from '../helpers/identity.ts'
import { askOn, buildInitiator, endpoint, takeFrom } from '../helpers/initiator.ts'
import { mintPki, type Pki } from '../helpers/pki.ts'
import { buildAcceptor, openToAll } from '../helpers/reverse-invoke-peer.ts'

type Setup = Partial<ReverseInvokeInitiatorOptions>

/** A server on bare TCP. */
async function listen (t: Test, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

interface Case {
  readonly name: string
  readonly reason: string
  readonly detail: RegExp
  /** The step of the probe that fails, behind those that do not. */
  readonly steps: readonly string[]
  readonly acceptor?: Parameters<typeof buildAcceptor>[1]
  readonly initiator?: (pki: Pki, other: Pki) => Setup
}

const cases: readonly Case[] = [
  { name: 'an acceptor that is not trusted', reason: 'not-trusted', detail: /not trusted by the trust list of the PSE/, steps: ['DNS', 'TCP', 'TLS', 'certificate'], initiator: (pki, other) => ({ identity: identityOf(pki.gateway, [other.root]) }) },
  { name: 'an acceptor whose certificate is for another name', reason: 'wrong-name', detail: /for another name.*not valid for dmz\.example; it is valid for: .*DNS:localhost/, steps: ['DNS', 'TCP', 'TLS', 'certificate'], initiator: () => ({ serverName: 'dmz.example' }) },
  { name: 'no certificate of one\'s own', reason: 'certificate-refused', detail: /refused the certificate of this side, or its absence/, steps: ['DNS', 'TCP', 'TLS', 'certificate'], initiator: pki => ({ identity: identityOf(null, [pki.root]) }) },
  { name: 'a certificate that the acceptor does not trust', reason: 'certificate-refused', detail: /refused the certificate of this side/, steps: ['DNS', 'TCP', 'TLS', 'certificate'], initiator: (pki, other) => ({ identity: identityOf(other.gateway, [pki.root]) }) },
  { name: 'a host that the acceptor does not permit', reason: 'denied', detail: /does not permit this host \(wdisp\/ri\/acl_<xx> there\)/, steps: ['DNS', 'TCP', 'TLS', 'certificate', 'registration port', 'ACL'], acceptor: { acl: ['D 127.0.0.1', 'P *'] } },
  { name: 'an endpoint that the certificate may not register', reason: 'endpoint', detail: /may not register app\.inner:443/, steps: ['DNS', 'TCP', 'TLS', 'certificate', 'registration port', 'ACL', 'endpoint'], acceptor: { allow: [{ subject: '*', issuer: '*', endpoints: ['other.inner:443'] }] } },
  { name: 'TLS, where none is spoken', reason: 'tls', detail: /speaks no TLS there/, steps: ['DNS', 'TCP', 'TLS'], initiator: () => ({}) }
]

for (const { name, reason, detail, steps, acceptor: options = {}, initiator: setup = () => ({}) } of cases) {
  t.test(name, async t => {
    const [pki, other] = await Promise.all([mintPki(t), mintPki(t, { gatewaySubject: 'CN=stranger, O=Elsewhere, C=DE' })])
    const acceptor = await buildAcceptor(t, { ...openToAll, ...options }, reason === 'tls' ? null : pki)
    const { app, log } = await buildInitiator(t, { port: acceptor.port, ...setup(pki, other) }, { pki })
    app.reverseInvokeInitiator.start()
    const line = await log.line('no registration with the acceptor')
    t.match(line, { level: 40, reason, detail })
    t.notMatch(JSON.stringify(log.records), /BEGIN|"raw"/, 'no certificate in the log')
    const [probed] = await app.reverseInvokeInitiator.probe()
    t.same(probed?.steps.map(({ step }) => step), steps)
    t.same(probed?.steps.map(({ ok }) => ok), steps.map((_, index) => index < steps.length - 1))
    t.match(probed?.steps.at(-1)?.detail, detail)
  })
}

t.test('every step passes, and the running registration is not disturbed', async t => {
  const pki = await mintPki(t)
  const acceptor = await buildAcceptor(t, { ...openToAll, poolSize: 1 }, pki)
  const { app, log } = await buildInitiator(t, { port: acceptor.port }, { pki })
  app.reverseInvokeInitiator.start()
  await log.line('registered with the acceptor')
  const connection = await takeFrom(acceptor.app.reverseInvoke)
  const [probed] = await app.reverseInvokeInitiator.probe()
  t.match(probed, { name: 'client_0' })
  t.same(probed?.steps.map(({ step, ok }) => [step, ok]), ['DNS', 'TCP', 'TLS', 'certificate', 'registration port', 'ACL', 'endpoint', 'data connection'].map(step => [step, true]))
  t.match(probed?.steps.find(({ step }) => step === 'TLS')?.detail, /^TLSv1\.3, TLS_/)
  t.equal((await askOn(connection)).status, 200)
  t.match(app.reverseInvokeInitiator.snapshot()[0]?.registrations, [{ state: 'registered' }])
  t.equal(log.records.filter(({ msg }) => msg === 'registration lost').length, 0)
  while (acceptor.app.reverseInvoke.size > 1) await new Promise(resolve => { setImmediate(resolve) })
  t.equal(acceptor.app.reverseInvoke.providersOf(endpoint).length, 1, 'nothing of the probe is left')
})

t.test('sessions are resumed, and a renewed identity is used for the next connection', async t => {
  const pki = await mintPki(t)
  const acceptor = await buildAcceptor(t, { ...openToAll, poolSize: 1 }, pki)
  const reused: boolean[] = []
  const subjects: string[] = []
  acceptor.app.server.on('secureConnection', socket => {
    reused.push(socket.isSessionReused())
    subjects.push(socket.getPeerX509Certificate()?.subject ?? '')
  })
  const { app, log } = await buildInitiator(t, { port: acceptor.port }, { pki })
  app.reverseInvokeInitiator.start()
  await log.line('registered with the acceptor')
  const first = await takeFrom(acceptor.app.reverseInvoke)
  t.equal((await askOn(first)).status, 200)
  const second = await takeFrom(acceptor.app.reverseInvoke)
  t.equal((await askOn(second)).status, 200)
  t.equal(reused[0], false)
  t.ok(reused.includes(true), String(reused))
  const renewed = await pki.issue({ subject: 'CN=renewed, O=Example, C=DE', issuer: pki.intermediate, usage: 'client' })
  const before = subjects.length
  for (const initiator of app.reverseInvokeInitiator.initiators) initiator.useIdentity(identityOf(renewed, [pki.root]))
  const [probed] = await app.reverseInvokeInitiator.probe()
  t.equal(probed?.steps.at(-1)?.ok, true)
  t.match(subjects.slice(before).at(-1), /renewed/)
})

t.test('through a proxy', async t => {
  const pki = await mintPki(t)
  const acceptor = await buildAcceptor(t, { ...openToAll, poolSize: 1 }, pki)
  const asked: string[] = []
  const port = await listen(t, socket => {
    socket.once('data', chunk => {
      asked.push(String(chunk).split('\r\n')[0] ?? '')
      const target = connect(acceptor.port, '127.0.0.1', () => { socket.write('HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n') })
      target.on('error', () => {})
      target.pipe(socket)
      socket.pipe(target)
      socket.once('close', () => { target.destroy() })
      target.once('close', () => { socket.destroy() })
    })
  })
  const { app, log } = await buildInitiator(t, { host: 'localhost', port: acceptor.port, proxy: { host: '127.0.0.1', port }, resolve: async () => { throw new Error('names are the proxy\'s') } }, { pki })
  app.reverseInvokeInitiator.start()
  t.match(await log.line('registered with the acceptor'), { acceptor: `localhost:${acceptor.port}` })
  t.equal((await askOn(await takeFrom(acceptor.app.reverseInvoke))).status, 200)
  t.equal(asked[0], `CONNECT localhost:${acceptor.port} HTTP/1.1`)
  const [probed] = await app.reverseInvokeInitiator.probe()
  t.same(probed?.steps.map(({ step, ok }) => [step, ok]), ['TCP', 'proxy', 'TLS', 'certificate', 'registration port', 'ACL', 'endpoint', 'data connection'].map(step => [step, true]))
})

const proxies: ReadonlyArray<readonly [string, RegExp]> = [
  ['HTTP/1.1 403 Forbidden\r\n\r\n', /does not open the way to 127\.0\.0\.1:1 \(answer 403\)/],
  ['SSH-2.0-x\r\n\r\n', /no HTTP proxy/],
  ['x'.repeat(20_000), /no HTTP proxy/],
  ['', /closed the connection without an answer/]
]
for (const [answer, detail] of proxies) {
  t.test(`a proxy that answers ${JSON.stringify(answer.slice(0, 20))}`, async t => {
    const port = await listen(t, socket => { socket.end(answer) })
    const { app, log } = await buildInitiator(t, { port: 1, proxy: { host: '127.0.0.1', port } })
    app.reverseInvokeInitiator.start()
    t.match(await log.line('no registration with the acceptor'), { step: 'proxy', reason: 'proxy', detail })
    const [probed] = await app.reverseInvokeInitiator.probe()
    t.match(probed?.steps, [{ step: 'TCP', ok: true }, { step: 'proxy', ok: false, detail }])
  })
}

t.test('each step has the time of the dial only', async t => {
  const port = await listen(t, () => {})
  const pki = await mintPki(t)
  for (const [setup, step] of [[{}, 'TLS'], [{ useTls: false }, 'upgrade'], [{ proxy: { host: '127.0.0.1', port } }, 'proxy']] as const) {
    const { app, log } = await buildInitiator(t, { port, dialTimeoutMs: 50, ...setup }, { pki })
    app.reverseInvokeInitiator.start()
    t.match(await log.line('no registration with the acceptor'), { step, reason: 'timeout', detail: /no answer within 50 ms/ })
    for (const initiator of app.reverseInvokeInitiator.initiators) initiator.destroy()
  }
  const acceptor = await buildFakeAcceptor(t)
  const { app, log } = await buildInitiator(t, { port: acceptor.port, dialTimeoutMs: 50 })
  app.reverseInvokeInitiator.start()
  t.match(await log.line('no registration with the acceptor'), { step: 'registration', reason: 'timeout' })
})

t.test('the last steps of the probe', async t => {
  const probe = async (act: (acceptor: Awaited<ReturnType<typeof buildFakeAcceptor>>) => Promise<void>): Promise<unknown> => {
    const acceptor = await buildFakeAcceptor(t)
    const { app } = await buildInitiator(t, { port: acceptor.port, dialTimeoutMs: 300 })
    const [[probed]] = await Promise.all([app.reverseInvokeInitiator.probe(), act(acceptor)])
    return probed?.steps.at(-1)
  }
  t.match(await probe(async acceptor => { await (await acceptor.channel()).register() }), { step: 'data connection', ok: false, detail: /no answer within 300 ms/ }, 'no want came')
  t.match(await probe(async acceptor => {
    const channel = await acceptor.channel()
    t.match(await channel.register(), { instance: /^check-/ })
    channel.send({ type: 'want', endpoint: 'app.inner:443', tickets: tickets() })
    const data = await acceptor.data()
    data.refuse(403, 'POSTERN_ERR_REVERSE_INVOKE_TICKET')
  }), { step: 'data connection', ok: false, detail: /does not take the ticket/ })
  t.match(await probe(async acceptor => { (await acceptor.channel()).send({ type: 'draining' }) }), { step: 'endpoint', ok: false, detail: /going down/ })
  t.match(await probe(async acceptor => { (await acceptor.channel()).socket.terminate() }), { step: 'endpoint', ok: false, detail: /closed the control channel/ })
  const { app } = await buildInitiator(t, { port: 1, host: 'dmz.example', resolve: async () => [] })
  t.match(await app.reverseInvokeInitiator.probe(), [{ steps: [{ step: 'DNS', ok: false, detail: /no address/, acceptor: 'dmz.example:1' }] }])
})

t.test('options', async t => {
  const faults: ReadonlyArray<readonly [Setup, RegExp]> = [
    [{ useTls: true, identity: null }, /identity is missing/],
    [{ endpoints: [] }, /endpoints/],
    [{ endpoints: [{ endpoint: 'app.inner' }] }, /"app\.inner" is no endpoint/],
    [{ endpoints: [{ endpoint: 'app.inner:443' }, { endpoint: 'APP.inner:443' }] }, /app\.inner:443 occurs twice/],
    [{ endpoints: [{ endpoint: 'app.inner:443', paths: ['/x*'] }] }, /"\/x\*" is no path/],
    [{ unknown: 1 } as Setup, /unknown/]
  ]
  for (const [setup, message] of faults) await t.rejects(buildInitiator(t, { port: 1, ...setup }), { code: 'POSTERN_ERR_OPTIONS_INVALID', message })
})
