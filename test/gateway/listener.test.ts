import { request as httpsRequest } from 'node:https'
import { METHODS } from 'node:http'
import t, { type Test } from 'tap'
import { buildBackend } from '../helpers/backend.ts'
import { ask, buildGateway } from '../helpers/gateway.ts'
import { httpPort, httpsPort, systemAt } from '../helpers/gateway-profile.ts'
import { mintPki } from '../helpers/pki.ts'
import { buildRawBackend } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'

async function build (t: Test, lines = '', files: Readonly<Record<string, string>> = {}) {
  const backend = await buildRawBackend(t)
  const gateway = await buildGateway(t, `${httpPort}${systemAt(`http://127.0.0.1:${backend.port}`)}${lines}`, { files })
  return { ...gateway, backend, port: gateway.port() }
}

t.test('targets that a router would refuse or change go on byte-exact', async t => {
  const { port, backend } = await build(t)
  const targets = ['/%', '/%zz', '/a/../b', '//a', '/a;b=c', '/%2e%2e/x', '/?', '/a b'.replace(' ', '%20'), `/${'a'.repeat(5000)}`, '/:id', '/*', '/a?x=%', '/%00']
  for (const [index, target] of targets.entries()) {
    t.match(await rawExchange(t, { port }, `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`), /^HTTP\/1\.1 200 /, target)
    t.equal(backend.requests[index]?.head.split('\r\n')[0], `GET ${target} HTTP/1.1`)
  }
})

t.test('every method goes on, HEAD as HEAD', async t => {
  const { port, backend } = await build(t)
  const methods = METHODS.filter(method => method !== 'CONNECT')
  for (const method of methods) {
    const client = await buildRawClient(t, port)
    client.send(`${method} /m HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    await client.closed()
  }
  t.same(backend.requests.map(({ head }) => head.split(' ')[0]), methods)
  t.match(await rawExchange(t, { port }, 'CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n'), /^HTTP\/1\.1 405 /)
})

t.test('request ids are unique, and name the request in log and answer', async t => {
  const { port, records } = await build(t, 'wdisp/system_conflict_resolution = FIRST_MATCH\n')
  const ids = []
  for (let n = 0; n < 3; n++) ids.push((await ask({ port, path: '/', headers: { host: 'a b' } }).then(answer => answer.json())).requestId)
  t.equal(new Set(ids).size, 3)
  for (const id of ids) t.match(id, /^[0-9a-f]{8}-[0-9a-z]+$/)
  t.notOk(records.some(({ msg }) => msg === 'incoming request'), 'no line per request unless the profile asks for a log')
})

t.test('a head that does not come in time gets 408', async t => {
  const { port } = await build(t, 'icm/traffic_control = 1\n')
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: loc')
  t.match(await client.closed(), /^HTTP\/1\.1 408 .*POSTERN_ERR_HTTP_REQUEST_TIMEOUT/s)
})

t.test('neither does a body, whoever reads it', async t => {
  const code = 'export default async app => { app.post("/", async request => request.body) }\n'
  const { port } = await build(t, 'icm/traffic_control = 1\npostern/plugin_0 = NAME=./p.mjs, PREFIX=/p\n', { 'p.mjs': code })
  for (const target of ['/', '/p']) {
    const client = await buildRawClient(t, port)
    client.send(`POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n12345`)
    const answer = await client.closed()
    t.match(answer, /^HTTP\/1\.1 408 .*POSTERN_ERR_HTTP_REQUEST_TIMEOUT/s, target)
    t.match(answer, /connection: close/i)
  }
})

t.test('a connection that is idle between requests is closed', async t => {
  const { port } = await build(t, 'icm/keep_alive_timeout = 0\n')
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.match(await client.closed(), /^HTTP\/1\.1 200 .*ok$/s)
})

t.test('the header may have 64 KiB, not more', async t => {
  const { port, backend } = await build(t)
  const head = (size: number): string => `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: ${'c'.repeat(size)}\r\n\r\n`
  t.match(await rawExchange(t, { port }, head(60_000)), /^HTTP\/1\.1 200 /)
  t.match(await rawExchange(t, { port }, head(70_000)), /^HTTP\/1\.1 431 .*POSTERN_ERR_HTTP_HEADER_TOO_LARGE/s)
  t.equal(backend.requests.length, 1)
})

t.test('the access control list of a port', async t => {
  const backend = await buildRawBackend(t)
  const lines = (acl: string): string => `icm/server_port_0 = PROT=HTTP, HOST=127.0.0.1, PORT=0, ACLFILE=${acl}\n${systemAt(`http://127.0.0.1:${backend.port}`)}`
  const files = { permit: 'permit 127.0.0.1\n', deny: 'deny 127.0.0.0/8\npermit 0.0.0.0/0\n' }
  const [open, closed] = [await buildGateway(t, lines('permit'), { files }), await buildGateway(t, lines('deny'), { files })]
  t.equal((await ask({ port: open.port(), path: '/' })).status, 200)
  await t.rejects(ask({ port: closed.port(), path: '/' }), { code: /ECONNRESET|EPIPE/ })
})

t.test('more connections than the port may have are closed', async t => {
  const { port } = await build(t, 'icm/max_conn = 10\n')
  const [first] = await Promise.all(Array.from({ length: 10 }, async () => await buildRawClient(t, port)))
  t.equal(await (await buildRawClient(t, port)).closed(), '')
  first?.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.match(await first?.until('ok'), /^HTTP\/1\.1 200 /)
})

t.test('an HTTPS port serves by server name, and refuses a host of another identity', async t => {
  const [pki, other] = [await mintPki(t), await mintPki(t, { serverNames: ['other.example'], serverSubject: 'CN=other.example, O=Example, C=DE' })]
  const backend = await buildBackend(t)
  const sni = other.file('sni.pem', other.server.keyPem + other.server.chainPem)
  const lines = `${httpsPort.replace('PORT=0', 'PORT=0, SSLCONFIG=ssl_config_0')}icm/ssl_config_0 = CRED=${pki.file('own.pem', pki.server.keyPem + pki.server.chainPem)}, SNI_CREDS=${sni}\n${systemAt(backend.origin)}`
  const { port } = await buildGateway(t, lines)
  const status = async (servername: string, host: string, ca: string): Promise<number> => await new Promise((resolve, reject) => {
    httpsRequest({ host: '127.0.0.1', port: port(), servername, headers: { host }, ca, agent: false }, response => {
      resolve(response.statusCode as number)
      response.resume()
    }).on('error', reject).end()
  })
  t.equal(await status('localhost', 'localhost', pki.root.certPem), 200)
  t.equal(await status('other.example', 'other.example', other.root.certPem), 200)
  t.equal(await status('localhost', 'other.example', pki.root.certPem), 421)
})
