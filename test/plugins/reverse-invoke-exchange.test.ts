/** Acceptor, initiators and the senders between them, all real, in one process. */
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { accessLog } from '../../plugins/access-log.ts'
import { clientCertHeaders } from '../../plugins/client-cert-headers.ts'
import { reverseInvokeInitiator } from '../../plugins/reverse-invoke-initiator.ts'
import { tlsServerFactory, tlsTermination } from '../../plugins/tls-termination.ts'
import { trustedIntermediary, type TrustedIntermediaryOptions } from '../../plugins/trusted-intermediary.ts'
import { targetOfServer } from '../../src/initiator/target.ts'
import type { Registrations } from '../../src/reverse-invoke/registrations.ts'
import { ReverseInvokePools } from '../../src/upstream/reverse-invoke-pools.ts'
import type { UpstreamServer, UpstreamTls } from '../../src/upstream/server.ts'
import { fetchBy } from '../helpers/fetch-by.ts'
import { buildInitiator, endpoint, type InitiatorUnderTest } from '../helpers/initiator.ts'
import { mintPki, type Issued, type Pki } from '../helpers/pki.ts'
import { buildAcceptor, type AcceptorUnderTest } from '../helpers/reverse-invoke-peer.ts'
import { exchange, identityOf } from '../helpers/tls.ts'

const text = `${endpoint.host}:${endpoint.port}`

function serverOver (tlsSettings: UpstreamTls | null): UpstreamServer {
  return { origin: `${tlsSettings === null ? 'http' : 'https'}://${text}`, ...endpoint, tls: tlsSettings }
}

function poolsOn (t: Test, acceptor: AcceptorUnderTest): ReverseInvokePools {
  const pools = new ReverseInvokePools({ source: acceptor.app.reverseInvoke })
  t.teardown(() => { pools.destroy() })
  return pools
}

/** Waits until so many have registered. */
async function registered (registrations: Registrations, count: number): Promise<void> {
  while (registrations.providersOf(endpoint).length !== count) await new Promise(resolve => setImmediate(resolve))
}

const echo: RequestListener = (request, response) => { request.pipe(response) }

/** An initiator in front of a server that never listens. */
async function buildEcho (t: Test, port: number, handler: RequestListener = echo, pki: Pki | null = null): Promise<{ initiator: InitiatorUnderTest, server: Server, count: () => number }> {
  let count = 0
  const server = createServer((request, response) => { count++; handler(request, response) })
  const initiator = await buildInitiator(t, { port, targets: new Map([[text, targetOfServer(server)]]) }, { pki })
  initiator.app.reverseInvokeInitiator.start()
  return { initiator, server, count: () => count }
}

/** Sends requests one after the other in each of several workers; returns what failed. */
async function load (send: (path: string) => Promise<string>, { workers, turns, at, act }: { workers: number, turns: number, at: number, act: () => void }): Promise<string[]> {
  const failures: string[] = []
  let done = 0
  await Promise.all(Array.from({ length: workers }, async (_, worker) => {
    for (let turn = 0; turn < turns; turn++) {
      const path = `/${worker}/${turn}`
      try {
        const body = await send(path)
        if (body !== path) failures.push(`${path} was answered ${body}`)
      } catch (error) {
        failures.push(`${path} ${(error as { code?: string }).code}`)
      }
      if (++done === at) act()
    }
  }))
  return failures
}

t.test('500 requests at once on a pool of five: each body is the right one, or the request is refused by the limit', async t => {
  for (const options of [{ maxConnections: 20 }, { maxWaiting: 50, maxConnections: 8 }]) {
    const acceptor = await buildAcceptor(t, { poolSize: 5, waitTimeoutMs: 20_000, ...options })
    await buildEcho(t, acceptor.port)
    await registered(acceptor.app.reverseInvoke, 1)
    const sender = poolsOn(t, acceptor).dispatcherFor(serverOver(null))
    const outcomes = await Promise.allSettled(Array.from({ length: 500 }, async (_, index) => await fetchBy(sender, '/', { method: 'POST', body: `body ${index}` })))
    let answered = 0
    outcomes.forEach((outcome, index) => {
      if (outcome.status === 'rejected') return t.match(outcome.reason, { code: 'POSTERN_ERR_REVERSE_INVOKE_BUSY' })
      answered++
      if (outcome.value.body !== `body ${index}`) t.fail('another\'s body')
    })
    if (options.maxWaiting === undefined) t.equal(answered, 500)
    else t.ok(answered >= 50, `${answered} were answered`)
  }
})

t.test('two initiators: balanced; one that leaves in order under load costs no request', async t => {
  const acceptor = await buildAcceptor(t)
  const [one, two] = [await buildEcho(t, acceptor.port), await buildEcho(t, acceptor.port)]
  await registered(acceptor.app.reverseInvoke, 2)
  const sender = poolsOn(t, acceptor).dispatcherFor(serverOver(null))
  const send = async (path: string): Promise<string> => (await fetchBy(sender, '/', { method: 'POST', body: path })).body
  t.strictSame(await load(send, { workers: 10, turns: 20, at: 0, act: () => {} }), [])
  t.ok(Math.abs(one.count() - two.count()) < 40, `balanced: ${one.count()}, ${two.count()}`)
  let left: Promise<void> | undefined
  t.strictSame(await load(send, { workers: 10, turns: 60, at: 200, act: () => { left = one.initiator.app.reverseInvokeInitiator.drain() } }), [])
  await left
  await registered(acceptor.app.reverseInvoke, 1)
})

t.test('one that is killed under load: only requests in flight fail, and none that may be sent twice', async t => {
  const acceptor = await buildAcceptor(t)
  const [one] = [await buildEcho(t, acceptor.port, (request, response) => { response.end(request.url) }), await buildEcho(t, acceptor.port, (request, response) => { response.end(request.url) })]
  await registered(acceptor.app.reverseInvoke, 2)
  const sender = poolsOn(t, acceptor).dispatcherFor(serverOver(null))
  const failures = await load(async path => (await fetchBy(sender, path, { method: path.endsWith('7') ? 'POST' : 'GET' })).body, {
    workers: 10, turns: 60, at: 200, act: () => { for (const initiator of one.initiator.app.reverseInvokeInitiator.initiators) initiator.destroy() }
  })
  t.strictSame(failures.filter(failure => !/7 /.test(failure)), [], 'each GET was answered')
  t.ok(failures.length <= 10)
  await registered(acceptor.app.reverseInvoke, 1)
})

t.test('an initiator that comes back serves at once', async t => {
  const acceptor = await buildAcceptor(t)
  const sender = poolsOn(t, acceptor).dispatcherFor(serverOver(null))
  for (let turn = 0; turn < 3; turn++) {
    await t.rejects(fetchBy(sender, '/'), { code: 'POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED' })
    const { initiator } = await buildEcho(t, acceptor.port)
    await registered(acceptor.app.reverseInvoke, 1)
    t.match(await fetchBy(sender, '/', { method: 'POST', body: 'x' }), { body: 'x' })
    for (const one of initiator.app.reverseInvokeInitiator.initiators) one.destroy()
    await registered(acceptor.app.reverseInvoke, 0)
  }
})

/** An inner gateway with two identities behind a TLS registration; its log, and what it made of a request. */
async function buildInner (t: Test, pki: Pki, { port, policy }: { readonly port: number, readonly policy: (app: FastifyInstance) => Promise<unknown> }): Promise<FastifyInstance> {
  const other = await mintPki(t, { serverNames: ['other.example'], serverSubject: 'CN=other' })
  const app = Fastify({
    serverFactory: tlsServerFactory({
      verifyClient: 1,
      identities: [{ name: 'a', identity: identityOf(pki.server, [pki.root]) }, { name: 'b', identity: identityOf(other.server, [other.root]) }]
    })
  }) as unknown as FastifyInstance
  await app.register(tlsTermination)
  await policy(app)
  app.get('/*', async ({ raw, clientCertificate: user }) => ({ headers: raw.headers, user: user?.subject ?? null, source: user?.source ?? null }))
  await app.register(reverseInvokeInitiator, { name: 'client_0', host: '127.0.0.1', serverName: 'localhost', port, endpoints: [{ endpoint: text }], identity: identityOf(pki.gateway, [pki.root]) })
  t.teardown(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app
}

function believing (options: TrustedIntermediaryOptions): (app: FastifyInstance) => Promise<unknown> {
  return async app => await app.register(trustedIntermediary, options)
}

function ruleFor ({ certificate: { subject, issuer } }: Issued): { subject: string, issuer: string } {
  return { subject, issuer }
}

t.test('the acceptor\'s certificate is the predecessor\'s: believed or not, it is never a user\'s', async t => {
  const pki = await mintPki(t)
  const acceptor = await buildAcceptor(t, {}, pki)
  const forged = { SSL_CLIENT_CERT: pki.client.der.toString('base64') }
  const user = 'CN=user, OU=Test, O=Example, C=DE'
  const rows: Array<[title: string, policy: TrustedIntermediaryOptions, headers: Record<string, string>, user: string | null]> = [
    ['believed by name, the field is kept', { trustedProxies: [ruleFor(pki.server)] }, forged, user],
    ['believed by name, no field', { trustedProxies: [ruleFor(pki.server)] }, {}, null],
    ['believed by name, no field, certificates are users\'', { trustedProxies: [ruleFor(pki.server)], trustedCertificateAsUser: true }, {}, null],
    ['not believed, the field is deleted', {}, forged, null],
    ['another is believed', { trustedProxies: [ruleFor(pki.gateway)] }, forged, null],
    ['not believed, no field', {}, {}, null],
    ['everybody is believed, no field', { trustedProxies: [{ subject: '*', issuer: '*', legacy: true }] }, {}, null]
  ]
  for (const [title, policy, headers, expected] of rows) {
    const app = await buildInner(t, pki, { policy: believing(policy), port: acceptor.port })
    await registered(acceptor.app.reverseInvoke, 1)
    const pools = poolsOn(t, acceptor)
    const answer = await fetchBy(pools.dispatcherFor(serverOver(null)), '/', { headers })
    t.equal(JSON.parse(answer.body).user, expected, title)
    pools.destroy()
    await app.close()
    await registered(acceptor.app.reverseInvoke, 0)
  }
})

t.test('TLS inside the tunnel: the inner certificate decides, and a client\'s own is a user\'s', async t => {
  const pki = await mintPki(t, { serverNames: [endpoint.host] })
  const acceptor = await buildAcceptor(t, {}, pki)
  await buildInner(t, pki, { policy: believing({ trustedProxies: [ruleFor(pki.gateway)] }), port: acceptor.port })
  await registered(acceptor.app.reverseInvoke, 1)
  const pools = poolsOn(t, acceptor)
  const settings = { identity: identityOf(pki.gateway, [pki.root]), presentCertificate: true, serverName: null, ignoreHostMismatch: false }
  const inside = pools.dispatcherFor(serverOver(settings))
  const headers = { SSL_CLIENT_CERT: pki.client.der.toString('base64') }
  t.match(JSON.parse((await fetchBy(inside, '/', { headers })).body), { source: 'header' })
  t.match(JSON.parse((await fetchBy(inside, '/')).body), { user: null })
  const plain = pools.dispatcherFor(serverOver(null))
  t.match(JSON.parse((await fetchBy(plain, '/', { headers })).body), { user: null }, 'without it the acceptor\'s own, which nobody believes here')

  const stream = await pools.connectStream(serverOver(null), new AbortController().signal)
  const client = tls.connect({ socket: stream, servername: endpoint.host, ca: pki.root.certPem, key: pki.client.keyPem, cert: pki.client.chainPem })
  client.write(`GET / HTTP/1.1\r\nHost: ${endpoint.host}\r\nConnection: close\r\n\r\n`)
  let answer = ''
  for await (const chunk of client) answer += String(chunk)
  t.match(answer, /"user":"CN=user, OU=Test, O=Example, C=DE","source":"connection"/)
})

t.test('a gateway behind: cipher fields of the data connection, all hosts are served, the access log names no user', async t => {
  const pki = await mintPki(t)
  const acceptor = await buildAcceptor(t, {}, pki)
  const file = join(t.testdir(), 'access.log')
  const app = await buildInner(t, pki, {
    port: acceptor.port,
    policy: async app => {
      await app.register(clientCertHeaders, { forwardClientCertificate: true, untrustedFields: 'certificate' })
      await app.register(accessLog, { file, format: '%u|%S|%s' })
    }
  })
  const { port } = app.server.address() as AddressInfo
  await registered(acceptor.app.reverseInvoke, 1)
  const sender = poolsOn(t, acceptor).dispatcherFor(serverOver(null))
  const answer = JSON.parse((await fetchBy(sender, '/')).body) as { headers: Record<string, string> }
  t.match(answer.headers['ssl_cipher_usekeysize'], /^(128|256)$/)
  t.match(answer.headers['ssl_cipher_suite'], /^13\d\d$/)
  t.equal(answer.headers['ssl_client_cert'], undefined)
  for (const host of ['localhost', 'other.example', 'unknown.example']) t.match(await fetchBy(sender, '/', { headers: { host } }), { status: 200 }, host)
  const direct = await exchange(t, { port, servername: 'localhost', key: pki.client.keyPem, cert: pki.client.chainPem })
  t.match(direct.answer, /"ssl_client_cert":/)
  await app.close()
  t.strictSame(readFileSync(file, 'latin1').split('\n'), [...Array.from({ length: 4 }, () => `-|${port}|200`), `CN=user, OU=Test, O=Example, C=DE|${port}|200`, ''])
})
