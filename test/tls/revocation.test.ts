import { once } from 'node:events'
import { ServerResponse } from 'node:http'
import type net from 'node:net'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import type { TlsServerOptions } from '../../plugins/tls-termination.ts'
import { RevocationList } from '../../src/revocation/revocation-list.ts'
import { RevocationLists, type RevocationPolicy } from '../../src/revocation/revocation-lists.ts'
import { mintCrl } from '../helpers/mint-crl.ts'
import { mintPki, type Issued, type Pki } from '../helpers/pki.ts'
import { credentials, exchange, identityOf } from '../helpers/tls.ts'
import { buildTlsServer, seenIn, statusOf } from '../helpers/tls-server.ts'

const host = '127.0.0.1'

function list (issuer: Issued, ...revoked: Issued[]): RevocationList {
  return new RevocationList(mintCrl({ issuer, revoked: revoked.map(certificate => ({ certificate, reason: 1 })) }), 'test.crl')
}

/** Lists that clear everybody but `revoked`, which the intermediate CA has issued. */
function listsWithout (pki: Pki, ...revoked: Issued[]): RevocationList[] {
  return [list(pki.root), list(pki.intermediate, ...revoked)]
}

async function build (t: Test, pki: Pki, { policy = 'hard', lists = [], more = {}, waitFor }: { policy?: RevocationPolicy, lists?: RevocationList[], more?: Partial<TlsServerOptions>, waitFor?: () => Promise<void> } = {}) {
  const unknown: unknown[] = []
  const revocation = new RevocationLists({ policy, lists, onUnknown: finding => { unknown.push(finding) } })
  const server = await buildTlsServer(t, { identities: [{ name: 'a', identity: identityOf(pki.server, [pki.root]) }], verifyClient: 1, revocation, ...more }, waitFor)
  return { ...server, revocation, unknown }
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const only = { host, minVersion: version, maxVersion: version }

  for (const verifyClient of [1, 2] as const) {
    t.test(`${version}, verify_client ${verifyClient}: a revoked client is refused on full and resumed sessions, before its request is seen`, async t => {
      const pki = await mintPki(t)
      const { app, port, lines, logged, revocation } = await build(t, pki, { lists: listsWithout(pki), more: { verifyClient } })
      let requests = 0
      app.server.prependListener('request', () => { requests++ })
      const client = { port, ...only, ...credentials(pki.client) }
      const { answer, session } = await exchange(t, client)
      t.match(seenIn(answer), { authorized: true, reused: false })
      t.match(seenIn((await exchange(t, { ...client, session: session! })).answer), { authorized: true, reused: true })
      revocation.replace(listsWithout(pki, pki.client))
      requests = 0
      for (const session of [undefined, (await exchange(t, { ...client })).session, (await sessionOf(t, pki, client, revocation))]) {
        const outcome = await exchange(t, { ...client, ...session !== undefined && { session } })
        t.equal(outcome.answer, null, session === undefined ? 'full' : 'resumed')
      }
      t.equal(requests, 1, 'only the one that made the session')
      t.match(await logged('client certificate refused'), {
        level: 30,
        reason: 'CERT_REVOKED',
        revocationReason: 'keyCompromise',
        depth: 0,
        status: 'revoked',
        subject: 'CN=user, OU=Test, O=Example, C=DE',
        issuer: 'CN=Issuing CA, O=Example, C=DE',
        serialNumber: pki.client.certificate.serialNumber,
        remoteAddress: host
      })
      t.notMatch(JSON.stringify(lines), /BEGIN CERT/)
      t.match(seenIn((await exchange(t, { ...client, ...credentials(pki.gateway) })).answer), { authorized: true }, 'others are served')
    })
  }

  /** A session that was made while the certificate was good. */
  async function sessionOf (t: Test, pki: Pki, client: tls.ConnectionOptions, revocation: RevocationLists): Promise<Buffer> {
    revocation.replace(listsWithout(pki))
    const { session } = await exchange(t, client)
    revocation.replace(listsWithout(pki, pki.client))
    return session!
  }

  t.test(`${version}: a resumed session is judged by the issuers that the full handshake showed`, async t => {
    const pki = await mintPki(t)
    const { port, logged, revocation } = await build(t, pki, { lists: listsWithout(pki) })
    const client = { port, ...only, ...credentials(pki.client) }
    const { session } = await exchange(t, client)
    t.match(seenIn((await exchange(t, { ...client, session: session! })).answer), { reused: true }, 'good under hard: the chain was found')
    revocation.replace([list(pki.root, pki.intermediate), list(pki.intermediate)])
    t.equal((await exchange(t, { ...client, session: session! })).answer, null)
    t.match(await logged('client certificate refused'), { depth: 1, subject: 'CN=Issuing CA, O=Example, C=DE' })
  })

  t.test(`${version}: an unknown status passes under soft, with one warning, and is refused under hard`, async t => {
    const pki = await mintPki(t)
    const soft = await build(t, pki, { policy: 'soft', lists: [list(pki.root)] })
    for (const own of [pki.client, pki.gateway]) t.match(seenIn((await exchange(t, { port: soft.port, ...only, ...credentials(own) })).answer), { authorized: true })
    t.match(soft.unknown, [{ why: 'no-list' }])
    t.equal(soft.unknown.length, 1)
    const hard = await build(t, pki, { lists: [list(pki.root)] })
    t.equal((await exchange(t, { port: hard.port, ...only, ...credentials(pki.client) })).answer, null)
    t.match(await hard.logged('client certificate refused'), { reason: 'CERT_STATUS_UNKNOWN', why: 'no-list' })
  })

  t.test(`${version}: who has no verified certificate is nobody's business here`, async t => {
    const [pki, other] = [await mintPki(t), await mintPki(t)]
    const { port } = await build(t, pki)
    t.match(seenIn((await exchange(t, { port, ...only })).answer), { authorized: false })
    t.match(seenIn((await exchange(t, { port, ...only, ...credentials(other.client) })).answer), { authorized: false })
  })
}

t.test('each identity judges by its own trust list', async t => {
  const a = await mintPki(t, { serverNames: ['a.example'] })
  const b = await mintPki(t, { serverNames: ['b.example'] })
  const { port } = await build(t, a, {
    lists: [...listsWithout(a), ...listsWithout(b, b.client)],
    more: { identities: [{ name: 'a', identity: identityOf(a.server, [a.root]) }, { name: 'b', identity: identityOf(b.server, [b.root]) }] }
  })
  const request = (name: string) => `GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`
  const ask = async (pki: Pki, own: Issued, name: string) => (await exchange(t, { port, host, servername: name, ...credentials(own) }, request(name))).answer
  // both PKIs name their CAs alike: the lists are told apart by the keys
  t.match(seenIn(await ask(a, a.client, 'a.example')), { authorized: true })
  t.equal(await ask(b, b.client, 'b.example'), null)
  t.match(seenIn(await ask(b, b.gateway, 'b.example')), { authorized: true })
})

/** A client whose connection stays open. */
async function open (t: Test, port: number, own: Issued) {
  const socket = tls.connect({ port, host, rejectUnauthorized: false, ...credentials(own) })
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {})
  let text = ''
  socket.on('data', (piece: Buffer) => { text += piece.toString('latin1') })
  await once(socket, 'secureConnect')
  const get = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const closed = once(socket, 'close')
  return { socket, closed, send: (times = 1) => socket.write(get.repeat(times)), received: () => text }
}

t.test('connections whose certificate is no longer good end: idle ones now, busy ones behind their answer', async t => {
  const pki = await mintPki(t)
  const asked: Array<PromiseWithResolvers<void>> = []
  const waiting: Array<() => void> = []
  const { app, port, revocation } = await build(t, pki, {
    lists: listsWithout(pki),
    waitFor: async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.push(resolve)
      asked.at(-1)?.resolve()
      await promise
    }
  })
  const taken = async (act: () => void) => {
    const one = Promise.withResolvers<void>()
    asked.push(one)
    act()
    await one.promise
  }
  const [idle, busy, other] = [await open(t, port, pki.client), await open(t, port, pki.client), await open(t, port, pki.gateway)]
  await taken(() => { idle.send() })
  waiting.pop()!()
  while (!idle.received().includes('}')) await once(idle.socket, 'data')
  await taken(() => { busy.send() })
  await taken(() => { other.send() })
  t.equal(app.tlsConnections.endRefused(), 0)
  revocation.replace(listsWithout(pki, pki.client))
  t.equal(app.tlsConnections.endRefused(), 2)
  await idle.closed
  t.equal(busy.received(), '')
  t.equal(app.tlsConnections.endThose(socket => socket.getPeerX509Certificate()?.subject.includes('CN=user') === true), 1, 'is ending already')
  // one more request on a connection that is ending reaches no handler
  busy.send()
  for (const go of waiting.splice(0)) go()
  await busy.closed
  t.match(busy.received(), /^HTTP\/1\.1 200 [^]*connection: close[^]*"authorized":true/i)
  t.equal(waiting.length, 0)
  while (!other.received().includes('}')) await once(other.socket, 'data')
  t.equal(other.socket.destroyed, false)
  t.equal(app.tlsConnections.endThose(socket => socket.getPeerX509Certificate()?.subject.includes('CN=wd') === true), 1)
  await other.closed
})

t.test('a request behind the last one is told to go elsewhere', async t => {
  const pki = await mintPki(t)
  let end = (): void => {}
  const { app, port } = await build(t, pki, { policy: 'off', waitFor: async () => { end() } })
  // ends with the first request still to be answered and the second one read already
  end = () => { app.tlsConnections.endThose(() => true) }
  const client = await open(t, port, pki.client)
  client.send(2)
  await client.closed
  t.equal(statusOf(client.received()), 200)
  t.equal(client.received().match(/HTTP\/1\.1 200/g)?.length, 1)
})

t.test('a connection that has changed its protocol ends at once', async t => {
  const pki = await mintPki(t)
  const walked = Promise.withResolvers<void>()
  const { app, port, revocation } = await build(t, pki, {
    lists: listsWithout(pki),
    waitFor: async () => {
      walked.resolve()
      await new Promise(() => {})
    }
  })
  // as the forward path does it: the request walks the hooks with an answer made for it, which nothing ever ends here
  app.server.on('upgrade', (request, socket) => {
    const answer = new ServerResponse(request)
    answer.assignSocket(socket as net.Socket)
    app.routing(request, answer)
  })
  const client = await open(t, port, pki.client)
  client.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
  await walked.promise
  revocation.replace(listsWithout(pki, pki.client))
  t.equal(app.tlsConnections.endRefused(), 1)
  await client.closed
})
