/** What goes over data connections, from the acceptor's side to the application. */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import tls from 'node:tls'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { tlsServerFactory, tlsTermination } from '../../plugins/tls-termination.ts'
import type { ReverseInvokeInitiatorOptions } from '../../plugins/reverse-invoke-initiator.ts'
import { targetOfServer, type LocalTarget } from '../../src/initiator/target.ts'
import { reversedConnection } from '../../src/http/reversed-connection.ts'
import { identityOf } from '../helpers/identity.ts'
import { askOn, buildInitiator, takeFrom } from '../helpers/initiator.ts'
import { mintPki } from '../helpers/pki.ts'
import { buildAcceptor } from '../helpers/reverse-invoke-peer.ts'
import Fastify from 'fastify'

type Setup = Partial<ReverseInvokeInitiatorOptions>

/** A pair that is connected. */
async function pair (t: Parameters<typeof buildAcceptor>[0], options: Setup = {}, more: Parameters<typeof buildInitiator>[2] = {}) {
  const acceptor = await buildAcceptor(t, { poolSize: 1 }, more?.pki ?? null)
  const initiator = await buildInitiator(t, { port: acceptor.port, ...options }, more)
  initiator.app.reverseInvokeInitiator.start()
  await initiator.log.line('registered with the acceptor')
  return { acceptor, initiator, take: async () => await takeFrom(acceptor.app.reverseInvoke) }
}

/** Sends bytes and reads until the other side has ended. */
async function raw (socket: Socket, bytes: string): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => { text += String(chunk) })
  socket.write(bytes)
  await once(socket, 'end')
  socket.end()
  return text
}

/** Asks for a stream. */
async function connect (socket: Socket, target: string): Promise<{ status: number, socket: Socket }> {
  const outgoing = request({ createConnection: () => socket, method: 'CONNECT', path: target, headers: { host: target } }).end()
  const [answer] = await once(outgoing, 'connect')
  return { status: answer.statusCode, socket }
}

t.test('a WebSocket', async t => {
  const { take } = await pair(t, {}, {
    routes: app => {
      const webSockets = new WebSocketServer({ noServer: true })
      app.server.on('upgrade', (request, socket, head) => { webSockets.handleUpgrade(request, socket, head, client => { client.on('message', data => { client.send(`echo ${String(data)}`) }) }) })
    }
  })
  const connection = await take()
  const client = new WebSocket('ws://app.inner/socket', { createConnection: () => connection })
  await once(client, 'open')
  client.send('hello')
  const [data] = await once(client, 'message')
  t.equal(String(data), 'echo hello')
  client.terminate()
})

t.test('an upgrade for an application that takes none', async t => {
  const { take } = await pair(t)
  t.match(await raw(await take(), 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'), /^HTTP\/1\.1 501 /)
})

t.test('requests count as arrived on the listener, and as reversed', async t => {
  const { take, initiator } = await pair(t, {}, { routes: app => { app.get('/arrival', async ({ raw }) => reversedConnection(raw.socket)) } })
  await initiator.app.listen({ port: 0, host: '127.0.0.1' })
  const address = initiator.app.server.address() as AddressInfo
  t.same(JSON.parse((await askOn(await take(), { path: '/arrival' })).body), { localAddress: address.address, localPort: address.port })
})

t.test('expectations and what the parser refuses are the application\'s to answer', async t => {
  const { take } = await pair(t)
  const text = await raw(await take(), 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nhi')
  t.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK.*"body":"hi"/s)
  t.match(await raw(await take(), 'GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 417 /)
  t.match(await raw(await take(), 'GET / HTTP/9\r\n\r\n'), /^HTTP\/1\.1 400 Bad Request.*Client Error/s, 'Fastify\'s own answer')
})

t.test('expectations for an application that answers them itself', async t => {
  const seen: string[] = []
  const { take } = await pair(t, {}, {
    routes: app => {
      app.server.on('checkContinue', (request, response) => { seen.push('checkContinue'); response.end('seen') })
      app.server.on('checkExpectation', (request, response) => { seen.push('checkExpectation'); response.end('seen') })
    }
  })
  await raw(await take(), 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nhi')
  await raw(await take(), 'GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\nConnection: close\r\n\r\n')
  t.same(seen, ['checkContinue', 'checkExpectation'])
})

t.test('an opaque stream: for the endpoint of the ticket, and for nothing else', async t => {
  const { take, initiator } = await pair(t)
  const stream = await connect(await take(), 'app.inner:443')
  t.equal(stream.status, 200)
  t.equal((await askOn(stream.socket)).status, 200, 'by default it is a connection of the application')
  for (const target of ['other.inner:443', 'app.inner:22', '127.0.0.1:443', 'app.inner']) {
    const refused = await connect(await take(), target)
    t.equal(refused.status, 403, target)
  }
  t.match(await initiator.log.line('request refused on a data connection'), { code: 'POSTERN_ERR_REVERSE_INVOKE_CONNECT', endpoint: 'app.inner:443' })
})

t.test('bytes behind the CONNECT are the first of the stream', async t => {
  const { take } = await pair(t)
  const text = await raw(await take(), 'CONNECT app.inner:443 HTTP/1.1\r\nHost: app.inner:443\r\n\r\nGET /first HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  t.match(text, /^HTTP\/1\.1 200 OK\r\n\r\nHTTP\/1\.1 200 OK.*"target":"\/first"/s)
})

t.test('PATHS: what is not listed is refused before the application sees it', async t => {
  const seen: string[] = []
  const { take, initiator } = await pair(t, { endpoints: [{ endpoint: 'app.inner:443', paths: ['/x/*', '/exact'] }] }, {
    routes: app => {
      app.server.prependListener('request', request => { seen.push(String(request.url)) })
      app.server.on('upgrade', (request, socket) => {
        seen.push(String(request.url))
        socket.end('HTTP/1.1 400 Seen\r\n\r\n')
      })
    }
  })
  t.equal((await askOn(await take(), { path: '/x/y?z' })).status, 200)
  for (const target of ['/', '/x', '/x/../admin', '/x/%2e%2e/admin', '/x/%2fadmin', '/x/%252e%252e/', '/x\\y', '*', 'http://app.inner/x/y', '//x/y']) {
    const method = target === '*' ? 'OPTIONS' : 'GET'
    const text = await raw(await take(), `${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
    t.match(text, /^HTTP\/1\.1 403 .*\r\nConnection: close\r\n.*This address may not be reached/s, target)
    t.match(await raw(await take(), `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`), /^HTTP\/1\.1 403 /, `upgrade ${target}`)
  }
  t.match(await raw(await take(), 'POST /admin HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n'), /^HTTP\/1\.1 403 /)
  t.match(await raw(await take(), 'POST /admin HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: more\r\n\r\n'), /^HTTP\/1\.1 403 /)
  t.match(await raw(await take(), 'GET /exact HTTP/1.1\r\nHost: a\r\nX-Rewrite-URL: /admin\r\n\r\n'), /^HTTP\/1\.1 403 /, 'a target beside the target')
  t.match(await raw(await take(), 'GET /exact HTTP/1.1\r\nHost: a\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 200 .*HTTP\/1\.1 403 /s, 'the second request of a connection')
  t.equal((await connect(await take(), 'app.inner:443')).status, 403, 'no stream: nobody could look into it')
  t.match(await raw(await take(), 'GET /x/ok HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'), /^HTTP\/1\.1 400 Seen/)
  t.same(seen, ['/x/y?z', '/exact', '/x/ok'])
  t.match(await initiator.log.line('request refused on a data connection'), { code: 'POSTERN_ERR_REVERSE_INVOKE_PATH' })
})

t.test('a refusal never stands for the answer to another request', async t => {
  const { take } = await pair(t, {}, { routes: app => { app.get('/never', async () => await new Promise(() => {})) } })
  t.equal(await raw(await take(), 'GET /never HTTP/1.1\r\nHost: a\r\n\r\nCONNECT other:1 HTTP/1.1\r\nHost: other:1\r\n\r\n'), '')
})

t.test('a listener that demands a certificate: by a stream with TLS of its own only', async t => {
  const pki = await mintPki(t)
  const listener = Fastify({ serverFactory: tlsServerFactory({ verifyClient: 2, identities: [{ name: 'server', identity: identityOf(pki.server, [pki.root]) }] }) })
  await listener.register(tlsTermination)
  listener.get('/', async ({ raw }) => ({ subject: (raw.socket as tls.TLSSocket).getPeerX509Certificate?.()?.subject }))
  t.teardown(() => listener.close())
  await listener.listen({ port: 0, host: '127.0.0.1' })
  const { take } = await pair(t, { targets: new Map([['app.inner:443', targetOfServer(listener.server, { demandsCertificate: true })]]) }, { pki })
  t.match(await raw(await take(), 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 403 .*A client certificate is required/s)
  const stream = await connect(await take(), 'app.inner:443')
  t.equal(stream.status, 200)
  const inner = tls.connect({ socket: stream.socket, servername: 'localhost', ca: pki.root.certPem, key: pki.client.keyPem, cert: pki.client.chainPem })
  await once(inner, 'secureConnect')
  t.match(JSON.parse((await askOn(inner)).body).subject, /CN=user/)
  inner.destroy()
})

t.test('a target of one\'s own', async t => {
  const server = createServer((request, response) => { response.end(`target ${request.url}`) })
  const opened: string[] = []
  const open: LocalTarget['open'] = (stream, head, answer) => {
    opened.push(String(head))
    if (opened.length > 1) return answer.refuse()
    answer.accept()
    stream.end('bye')
  }
  const target: LocalTarget = { ...targetOfServer(server), open, takesEmptyLines: false }
  const { take } = await pair(t, { targets: new Map([['app.inner:443', target]]) })
  t.equal((await askOn(await take(), { path: '/here' })).body, 'target /here')
  t.match(await raw(await take(), 'CONNECT app.inner:443 HTTP/1.1\r\nHost: a\r\n\r\nearly'), /^HTTP\/1\.1 200 OK\r\n\r\nbye$/)
  t.equal((await connect(await take(), 'app.inner:443')).status, 502, 'it may refuse a stream')
  t.same(opened, ['early', ''])
})

/** Reads on until `expected` has come, and what came up to its end. */
async function readUntil (socket: Socket, expected: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += String(chunk)
    if (expected.test(text)) return text
  }
  throw new Error(`the connection ended after ${JSON.stringify(text)}`)
}

const ask = (path: string, ...fields: string[]): string => [`GET ${path} HTTP/1.1`, 'Host: a', ...fields, '', ''].join('\r\n')

t.test('an answer that nothing follows is followed by empty lines, so that its loss is noticed', async t => {
  const { take } = await pair(t)
  const socket = await take()
  for (const path of ['/first', '/second']) {
    socket.write(`\r\n\r\n${ask(path)}`)
    t.match(await readUntil(socket, /\}(\r\n){2}$/), /^HTTP\/1\.1 200 OK\r\n/, path)
  }
})

t.test('no empty line between two answers, nor within one', async t => {
  const held = Promise.withResolvers<void>()
  const { take } = await pair(t, {}, {
    routes: app => {
      app.get('/slow', async (_request, reply) => {
        reply.hijack()
        reply.raw.write('begin')
        await held.promise
        reply.raw.end('end')
      })
    }
  })
  const [socket, other] = [await take(), await take()]
  socket.write(`${ask('/a')}${ask('/slow')}`)
  const first = await readUntil(socket, /begin\r\n$/)
  other.write(ask('/b'))
  await readUntil(other, /\}(\r\n){2}$/)
  held.resolve()
  t.match(first + await readUntil(socket, /end\r\n0(\r\n){4}$/), /"\/a".*\}HTTP\/1\.1 200 OK.*\r\n\r\n5\r\nbegin\r\n3\r\nend\r\n0(\r\n){4}$/s)
})

/** A stream to a TLS listener, opened by a CONNECT with or without further fields; what came back, and TLS inside. */
async function tlsInside (t: Parameters<typeof buildAcceptor>[0], ...fields: string[]): Promise<{ head: string, inside: tls.TLSSocket }> {
  const pki = await mintPki(t)
  const listener = Fastify({ serverFactory: tlsServerFactory({ verifyClient: 0, identities: [{ name: 'server', identity: identityOf(pki.server, [pki.root]) }] }) })
  await listener.register(tlsTermination)
  listener.get('/*', async () => 'body')
  t.teardown(() => listener.close())
  await listener.listen({ port: 0, host: '127.0.0.1' })
  const { take } = await pair(t, { targets: new Map([['app.inner:443', targetOfServer(listener.server)]]) }, { pki })
  const socket = await take()
  socket.write(['CONNECT app.inner:443 HTTP/1.1', 'Host: a', ...fields, '', ''].join('\r\n'))
  const head = await readUntil(socket, /\r\n\r\n$/)
  const inside = tls.connect({ socket, servername: 'localhost', ca: pki.root.certPem })
  t.teardown(() => { inside.destroy() })
  await once(inside, 'secureConnect')
  return { head, inside }
}

t.test('the same within a stream with TLS of its own, when both sides say that they take them', async t => {
  const { head, inside } = await tlsInside(t, 'Reverse-Invoke-Empty-Lines: ignored')
  t.match(head, /\r\nReverse-Invoke-Empty-Lines: ignored\r\n/)
  for (const path of ['/first', '/second']) {
    inside.write(`\r\n\r\n${ask(path)}`)
    t.match(await readUntil(inside, /body(\r\n){2}$/), /^HTTP\/1\.1 200 OK\r\n/, path)
  }
})

t.test('end-to-end TLS gets none: nobody knows whether its client takes them', async t => {
  const { head, inside } = await tlsInside(t)
  t.notMatch(head, /Empty-Lines/)
  const { take } = await pair(t)
  const other = await take()
  inside.write(ask('/'))
  t.match(await readUntil(inside, /body$/), /^HTTP\/1\.1 200 OK\r\n/)
  other.write(ask('/'))
  await readUntil(other, /\}(\r\n){2}$/)
  t.equal(inside.read(), null, 'when those of a later exchange have come')
})

t.test('nothing that is not the other protocol\'s follows an upgrade', async t => {
  const { take } = await pair(t, {}, {
    routes: app => { app.server.on('upgrade', (_request, socket) => { socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n') }) }
  })
  const [upgraded, other] = [await take(), await take()]
  upgraded.write(`${ask('/')}`)
  await readUntil(upgraded, /\}$/)
  upgraded.write(ask('/', 'Connection: Upgrade', 'Upgrade: x'))
  const seen = await readUntil(upgraded, /101 .*\r\n\r\n$/s)
  // of two that began at the same time the other one's probes have come
  other.write(ask('/'))
  await readUntil(other, /\}(\r\n){2}$/)
  t.notOk(/\r\n\r\n\r\n$/.test(seen))
  t.equal(upgraded.read(), null)
})

t.test('nor one that came before the answer to the request in front of it', async t => {
  const held = Promise.withResolvers<void>()
  const { take } = await pair(t, {}, {
    routes: app => {
      app.get('/slow', async () => { await held.promise; return 'slow' })
      app.server.on('upgrade', () => { held.resolve() })
    }
  })
  const [upgraded, other] = [await take(), await take()]
  upgraded.write(ask('/slow') + ask('/', 'Connection: Upgrade', 'Upgrade: x'))
  t.match(await readUntil(upgraded, /slow/), /slow$/)
  other.write(ask('/'))
  await readUntil(other, /\}(\r\n){2}$/)
  t.equal(upgraded.read(), null)
})

t.test('nothing is taken for a request behind the last answer', async t => {
  const seen: string[] = []
  const { take } = await pair(t, {}, {
    routes: app => {
      app.server.prependListener('request', (request, response) => {
        seen.push(String(request.url))
        response.shouldKeepAlive = false
      })
    }
  })
  const socket = await take()
  const errors: Error[] = []
  socket.on('error', error => { errors.push(error) })
  socket.write(ask('/first'))
  await once(socket.on('data', () => {}), 'end')
  socket.end(ask('/second'))
  await once(socket, 'close')
  await askOn(await take(), { path: '/third' })
  t.same(seen, ['/first', '/third'])
  t.same(errors, [])
})

t.test('a last answer leaves the connection open for what is on its way, until the other side has read it', async t => {
  const { take } = await pair(t, { endpoints: [{ endpoint: 'app.inner:443', paths: ['/x/*'] }] })
  const rows = [['asked for', ask('/x/', 'Connection: close')], ['a refused upgrade', ask('/x/', 'Connection: Upgrade', 'Upgrade: x')], ['a refused path', ask('/admin')]] as const
  for (const [what, request] of rows) {
    const socket = await take()
    const errors: Error[] = []
    socket.on('error', error => { errors.push(error) })
    socket.write(request)
    await readUntil(socket, /\r\n\r\n/).catch(() => {})
    socket.write('\r\n')
    socket.write('\r\n')
    socket.resume().end()
    await once(socket, 'close')
    t.same(errors, [], what)
  }
})
