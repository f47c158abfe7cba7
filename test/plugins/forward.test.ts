import t from 'tap'
import { METHODS } from 'node:http'
import Fastify from 'fastify'
import { forward } from '../../plugins/forward.ts'
import { buildForward } from '../helpers/forward.ts'
import { buildRawBackend, fieldLines, ok } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

t.test('passes method, target, field order, case, duplicates and bytes on, and the answer back', async t => {
  const answer = 'HTTP/1.1 203 Fine\r\nX-One: 1\r\nx-ONE: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nDate: now\r\nContent-Length: 5\r\n\r\nh\xe9\xffl\0'
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(Buffer.from(answer, 'latin1')) })
  const gateway = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, gateway.port)
  client.send('GET /a?x=%41&y= HTTP/1.1\r\nHost: Shop.example:8443\r\nB: 2\r\na: 1\r\nB: 3\r\nX-Bytes: \xe9\xff\r\nEmpty:\r\n\r\n')
  const got = await client.until('h\xe9\xffl\0')
  const { head } = await backend.request(0)
  t.equal(head.split('\r\n')[0], 'GET /a?x=%41&y= HTTP/1.1')
  t.strictSame(fieldLines(head), ['host: Shop.example:8443', 'connection: keep-alive', 'B: 2', 'a: 1', 'B: 3', 'X-Bytes: \xe9\xff', 'Empty: '])
  t.equal(got, 'HTTP/1.1 203 Fine\r\nX-One: 1\r\nx-ONE: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nDate: now\r\nContent-Length: 5\r\n' +
    'Connection: keep-alive\r\nKeep-Alive: timeout=72\r\n\r\nh\xe9\xffl\0')
  t.strictSame(gateway.reports, ['succeeded'])
})

t.test('passes every request target on byte-exact', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const targets = [
    '/', '//x/y', '/a/%2e%2e/b', '/a/../b', '/a\\b', '/%', '/%zz', '/a#b', '/?', '/a?b?c', '/a;b=c/d', '/%00', '/%2F%5c', '/a|b{}^`"<>',
    '/a%20b', '/*', 'http://h/x', 'http://h', 'https://h/a?b', `/${'l'.repeat(20_000)}`
  ]
  for (const target of targets) {
    const client = await buildRawClient(t, port)
    client.send(`GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`)
    await client.closed()
    t.equal(backend.requests.at(-1)?.head.split('\r\n')[0], `GET ${target} HTTP/1.1`, target.slice(0, 30))
    t.match(client.received(), /^HTTP\/1\.1 200 /)
  }
  t.equal(backend.requests.length, targets.length)
})

t.test('refuses a target that cannot be passed on or contradicts the Host field', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  for (const target of ['*', 'http://other/x', 'HTTP://h/x', 'ftp://h/x', 'http://h:80/x', '/a\tb', '/\xe4\xff']) {
    const client = await buildRawClient(t, port)
    client.send(`GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`)
    t.match(await client.closed(), /^HTTP\/1\.1 400 /, target)
  }
  t.strictSame(backend.requests, [])
})

t.test('passes every method on that Node knows', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket, head }) => socket.write(head.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n' : ok) })
  const { port } = await buildForward(t, { to: backend.port })
  for (const method of METHODS.filter(name => name !== 'CONNECT')) {
    const client = await buildRawClient(t, port)
    client.send(`${method} /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`)
    t.match(await client.closed(), /^HTTP\/1\.1 200 /, method)
    t.equal(backend.requests.at(-1)?.head.split('\r\n')[0], `${method} /x HTTP/1.1`)
    const framing = fieldLines(backend.requests.at(-1)?.head ?? '').filter(line => /^(content-length|transfer-encoding)/i.test(line))
    // where a method is expected to have a body, its absence is said: RFC 9110 section 8.6
    t.strictSame(framing, /^(PATCH|POST|PROPFIND|PROPPATCH|PUT|QUERY)$/.test(method) ? ['content-length: 0'] : [], method)
  }
})

t.test('keeps Content-Length: 0 for every method', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket, head }) => socket.write(head.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\n\r\n' : ok) })
  const { port } = await buildForward(t, { to: backend.port })
  for (const method of METHODS.filter(name => name !== 'CONNECT')) {
    const client = await buildRawClient(t, port)
    client.send(`${method} /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
    await client.closed()
    t.strictSame(fieldLines(backend.requests.at(-1)?.head ?? '').filter(line => /^content-length/i.test(line)).map(line => line.toLowerCase()), ['content-length: 0'], method)
  }
})

t.test('answers OPTIONS * itself', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n')
  t.match(await client.until('ok'), /^HTTP\/1\.1 200 OK\r\nAllow: [^\r]*\bMERGE\b[^]*Content-Length: 0\r\n/)
  t.strictSame(backend.requests.map(({ head }) => head.split(' ')[1]), ['/next'])
})

t.test('drops the fields of the connection on the way to the back end', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send([
    'GET / HTTP/1.1', 'Host: h', 'Connection: X-Named, keep-alive, host', 'connection: x-other', 'X-Named: 1', 'x-OTHER: 2', 'Keep-Alive: timeout=5',
    'Proxy-Authorization: Basic eA==', 'Proxy-Authenticate: Basic', 'Proxy-Authentication-Info: x', 'Proxy-Connection: keep-alive', 'TE: trailers',
    'Trailer: X-T', 'Upgrade: websocket', 'HTTP2-Settings: AAMAAABk', 'Authorization: Basic eA==', 'Kept: yes', '', ''
  ].join('\r\n'))
  await client.until('ok')
  t.strictSame(fieldLines((await backend.request(0)).head), ['host: h', 'connection: keep-alive', 'Authorization: Basic eA==', 'Kept: yes'])
})

t.test('drops the fields of the connection on the way to the client', async t => {
  const backend = await buildRawBackend(t, {
    onRequest: ({ socket }) => socket.write([
      'HTTP/1.1 200 OK', 'Connection: X-Named, keep-alive', 'X-Named: 1', 'Keep-Alive: timeout=77', 'Proxy-Authenticate: Basic', 'Proxy-Connection: x',
      'Upgrade: h2c', 'Trailer: X-T', 'TE: x', 'WWW-Authenticate: Basic', 'Date: now', 'Content-Length: 2', '', 'ok'
    ].join('\r\n'))
  })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  t.strictSame(fieldLines((await client.until('ok')).slice(0, -2)), [
    'WWW-Authenticate: Basic', 'Date: now', 'Content-Length: 2', 'Connection: keep-alive', 'Keep-Alive: timeout=72'
  ])
})

t.test('refuses two Host fields', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n')
  t.match(await client.closed(), /^HTTP\/1\.1 400 [^]*POSTERN_ERR_FORWARD_HOST/)
  t.strictSame(backend.requests, [])
})

t.test('tells the back end about the client where the profile says so', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port, forward: { addXForwardedFor: true, addClientProtocol: true, accessPoints: 'HTTP=80,HTTPS=443' } })
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.1\r\nClientProtocol: https\r\nX-SAP-WebDisp-AP: forged\r\nA: b\r\n\r\n')
  await client.until('ok')
  t.strictSame(fieldLines((await backend.request(0)).head).slice(2), [
    'X-Forwarded-For: 10.0.0.1, 127.0.0.1', 'A: b', 'clientprotocol: http', 'X-SAP-WEBDISP-AP: HTTP=80,HTTPS=443'
  ])
})

t.test('writes the fields of earlier hooks into the answer: set-cookie added, others in place of the back end\'s', async t => {
  const backend = await buildRawBackend(t, {
    onRequest: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=0\r\nSet-Cookie: a=1\r\nContent-Length: 2\r\n\r\nok')
  })
  const { port } = await buildForward(t, {
    to: backend.port,
    before: app => {
      app.addHook('onRequest', (_request, reply, done) => {
        reply.header('strict-transport-security', 'max-age=1').header('set-cookie', 'sticky=1').header('set-cookie', 'more=2')
        done()
      })
    }
  })
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  const lines = fieldLines((await client.until('ok')).slice(0, -2))
  t.strictSame(lines.filter(line => /^(set-cookie|strict)/i.test(line)).map(line => line.toLowerCase()), [
    'set-cookie: a=1', 'strict-transport-security: max-age=1', 'set-cookie: sticky=1', 'set-cookie: more=2'
  ])
  client.send('OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n')
  t.match(await client.until('Allow'), /max-age=1[^]*max-age=1/)
})

t.test('answers 503 where nobody chose a server', async t => {
  const { port } = await buildForward(t, { to: null })
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  t.match(await client.until('}'), /^HTTP\/1\.1 503 [^]*POSTERN_ERR_FORWARD_NO_TARGET/)
})

t.test('refuses wrong options and an application without a target', async t => {
  await t.rejects(buildForward(t, { to: null, forward: { accessPoints: 'a\r\nb' } }), { code: 'POSTERN_ERR_OPTIONS_INVALID' })
  await t.rejects(buildForward(t, { to: null, forward: { unknown: 1 } as object }), { code: 'POSTERN_ERR_OPTIONS_INVALID' })
  const bare = Fastify()
  await t.rejects(async () => { await bare.register(forward) }, { code: 'FST_ERR_PLUGIN_NOT_PRESENT_IN_INSTANCE' })
})

t.test('works with pools of its own, beside other routes, and ends tunnels when the application closes', async t => {
  const backend = await buildRawBackend(t, {
    onRequest: ({ socket, head }) => socket.write(/upgrade: /.test(head) ? 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n' : ok)
  })
  const app = Fastify({ exposeHeadRoutes: false })
  const server = { origin: `http://127.0.0.1:${backend.port}`, host: '127.0.0.1', port: backend.port, tls: null }
  app.decorateRequest('target', { getter: () => ({ server, system: 's', succeeded: () => {}, failed: () => {} }) })
  app.get('/own', async () => 'own answer')
  await app.register(forward)
  const address = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const client = await buildRawClient(t, Number(address.port))
  client.send('GET /own HTTP/1.1\r\nHost: h\r\n\r\n')
  await client.until('own answer')
  client.send('PROPFIND /deep/path HTTP/1.1\r\nHost: h\r\n\r\n')
  await client.until(/ok$/)
  t.equal((await backend.request(0)).head.split('\r\n')[0], 'PROPFIND /deep/path HTTP/1.1')
  const tunnel = await buildRawClient(t, Number(address.port))
  tunnel.send('GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await tunnel.until('101 Switching')
  client.socket.destroy()
  await app.close()
  t.match(await tunnel.closed(), /101/)
})
