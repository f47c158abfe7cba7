import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { buildBackend, show, type BackendOptions, type SeenRequest } from '../helpers/backend.ts'
import { ask, buildGateway, prepareText } from '../helpers/gateway.ts'
import { httpPort, httpsPort, identityLines, systemAt } from '../helpers/gateway-profile.ts'
import { mintPki } from '../helpers/pki.ts'
import { buildRawBackend } from '../helpers/raw-backend.ts'

const plugin = 'postern/plugin_0 = NAME=@fastify/http-proxy, PREFIX=/aux, OPTIONS=aux.json\n'

const pki = await mintPki(t)
const stranger = await mintPki(t)

function auxFile (upstream: string, more: object = {}): Readonly<Record<string, string>> {
  return { 'aux.json': JSON.stringify({ upstream, rewritePrefix: '/', ...more }) }
}

/** A gateway whose /aux goes to an upstream that demands the gateway's certificate, and everything else to another back end. */
async function build (t: Test, { upstream = { tls: { identity: pki.server, trusted: pki.root } }, lines = '' }: { upstream?: BackendOptions, lines?: string } = {}) {
  const system = await buildBackend(t)
  const auxiliary = await buildBackend(t, upstream)
  const gateway = await buildGateway(t, `${httpsPort}${systemAt(system.origin)}${identityLines(pki)}wdisp/ssl_auth = 1\n${plugin}${lines}`, { files: auxFile(auxiliary.origin) })
  const tls = { ca: pki.root.certPem }
  return { ...gateway, system, auxiliary, tls, user: { ...tls, key: pki.client.keyPem, cert: pki.client.chainPem }, port: gateway.port() }
}

t.test('the upstream sees the client PSE over verified TLS, and the fields of the header policy', async t => {
  const { port, user, tls, auxiliary, system } = await build(t)
  const seen: SeenRequest = (await ask({ port, tls: user, path: '/aux/a%2Fb?x=1', headers: { 'X-Own': 'kept' } })).json()
  t.match(seen, { method: 'GET', target: '/a%2Fb?x=1', client: 'wd', headers: { ssl_client_cert: pki.client.der.toString('base64'), 'x-own': 'kept' } })
  const anonymous: SeenRequest = (await ask({ port, tls, method: 'POST', path: '/aux', headers: { SSL_CLIENT_CERT: 'forged', 'ssl-client-cert-chain-7': 'forged' }, body: 'hello' })).json()
  t.match(anonymous, { method: 'POST', target: '/', body: 'hello' })
  t.strictSame(Object.keys(anonymous.headers).filter(name => name.includes('ssl')), ['ssl_cipher_usekeysize', 'ssl_cipher_suite'], 'forged fields are gone')
  t.equal(auxiliary.heads.length, 2)
  t.equal(system.heads.length, 0)
  t.equal((await ask({ port, tls, path: '/auxiliary' })).json().target, '/auxiliary', 'what only begins like the prefix goes to the system')
})

t.test('a client cannot strip the gateway\'s fields by naming them in Connection', async t => {
  const { port, user } = await build(t)
  const { headers }: SeenRequest = (await ask({ port, tls: user, path: '/aux/x', headers: { Connection: 'close, SSL_CLIENT_CERT, x-own', 'X-Own': 'a' } })).json()
  t.equal(headers['ssl_client_cert'], pki.client.der.toString('base64'))
  t.notOk('x-own' in headers)
})

t.test('an upstream whose certificate comes from another CA gets nothing', async t => {
  const { port, tls, auxiliary, line } = await build(t, { upstream: { tls: { identity: stranger.server, trusted: pki.root } } })
  const answer = await ask({ port, tls, path: '/aux/x' })
  t.equal(answer.status, 502)
  t.match(answer.json(), { code: 'POSTERN_ERR_UPSTREAM_TLS' })
  t.notMatch(answer.body, /certificate|localhost|127\.0\.0\.1/i, 'neither an address nor what a library said')
  t.equal(auxiliary.heads.length, 0)
  t.match(await line('response errored'), { level: 40 })
})

t.test('without the client PSE such an upstream refuses', async t => {
  const { port, tls, auxiliary } = await build(t, { lines: 'wdisp/ssl_auth = 0\n' })
  t.equal((await ask({ port, tls, path: '/aux/x' })).status, 502)
  t.equal(auxiliary.heads.length, 0)
})

t.test('a plugin has an identity of its own with SSL_CLIENT_PSE', async t => {
  const file = pki.file('own.pem', pki.client.keyPem + pki.client.chainPem)
  const ca = pki.file('ca.pem', pki.root.certPem)
  const auxiliary = await buildBackend(t, { tls: { identity: pki.server, trusted: pki.root } })
  const lines = `${httpPort}postern/plugin_0 = NAME=@fastify/http-proxy, PREFIX=/aux, OPTIONS=aux.json, SSL_CLIENT_PSE=${file}\npostern/trust_0 = PSE=${file}, CERTS=${ca}\n`
  const { port } = await buildGateway(t, lines, { files: auxFile(auxiliary.origin) })
  t.equal((await ask({ port: port(), path: '/aux/' })).json().client, 'user')
})

t.test('an upstream that is not there, breaks off or talks nonsense is an error of ours', async t => {
  const gone = await buildRawBackend(t, { onRequest: ({ socket }) => { socket.destroy() } })
  const nonsense = await buildRawBackend(t, { onRequest: ({ socket }) => { socket.end('nonsense\r\n\r\n') } })
  const rows: Array<[upstream: string, code: string]> = [
    ['http://127.0.0.1:1', 'POSTERN_ERR_UPSTREAM_UNREACHABLE'],
    [`http://127.0.0.1:${gone.port}`, 'POSTERN_ERR_UPSTREAM_CLOSED'],
    [`http://127.0.0.1:${nonsense.port}`, 'POSTERN_ERR_UPSTREAM_ANSWER']
  ]
  for (const [upstream, code] of rows) {
    const { port } = await buildGateway(t, `${httpPort}${plugin}`, { files: auxFile(upstream) })
    const answer = await ask({ port: port(), method: 'POST', path: '/aux/x', body: 'once' })
    t.equal(answer.status, 502, code)
    t.equal(answer.json().code, code)
  }
})

t.test('an upgrade below the prefix is answered as a request without one', async t => {
  const { port, auxiliary } = await build(t)
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: pki.root.certPem })
  t.teardown(() => { socket.destroy() })
  socket.write('GET /aux/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSSL_CLIENT_CERT: forged\r\n\r\n')
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  t.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 200 /)
  t.equal(auxiliary.heads.length, 1)
  t.notOk('upgrade' in auxiliary.heads[0]!.headers)
  t.notOk('ssl_client_cert' in auxiliary.heads[0]!.headers)
})

t.test('a proxy that closes leaves the shared connections alone', async t => {
  const held: Array<() => void> = []
  const handler: RequestListener = (request, response) => {
    if (request.url === '/held') held.push(() => { response.end('late') })
    else show(request, response)
  }
  const upstream = await buildBackend(t, { tls: { identity: pki.server, trusted: pki.root }, handler })
  const lines = `${httpsPort}icm/server_port_1 = PROT=HTTP, HOST=127.0.0.1, PORT=0\n${systemAt(upstream.origin)}${identityLines(pki)}wdisp/ssl_auth = 1\n${plugin}`
  const { gateway, port } = await buildGateway(t, lines, { files: auxFile(upstream.origin) })
  t.equal((await ask({ port: port(0), tls: { ca: pki.root.certPem }, path: '/aux/1' })).status, 200)
  const answer = ask({ port: port(1), path: '/held' })
  while (held.length === 0) await once(upstream.server, 'request')
  t.equal(upstream.connections.length, 1, 'proxy and forward path use one pool')
  const closed = gateway.close()
  await t.rejects(ask({ port: port(0), path: '/' }), { code: 'ECONNREFUSED' }, 'the first port has closed, the proxy with it')
  held[0]!()
  t.equal((await answer).body, 'late')
  await closed
})

t.test('faults of the options are findings about the plugin\'s own line', async t => {
  const rows: Array<{ options: object, text: RegExp }> = [
    { options: { upstream: 'https://a.example' }, text: /"upstream" is https and no client PSE is named; expected ssl\/client_pse/ },
    { options: {}, text: /"upstream" is not one URL/ },
    { options: { upstream: ['http://a', 'http://b'] }, text: /"upstream" is not one URL/ },
    { options: { upstream: 'unix+http:///run/x' }, text: /"upstream" is not one URL/ },
    { options: { upstream: 'http://a', http2: true }, text: /"http2" concerns the connections/ },
    { options: { upstream: 'http://a', undici: { connect: { rejectUnauthorized: false } } }, text: /"undici" concerns the connections/ }
  ]
  for (const { options, text } of rows) {
    const { findings } = await prepareText(t, `${httpPort}icm/server_port_1 = PROT=HTTP, HOST=127.0.0.1, PORT=0\n# a comment\n${plugin}`, { files: { 'aux.json': JSON.stringify(options) } })
    t.match(findings.filter(({ severity }) => severity === 'error'), [{ code: 'POSTERN_ERR_GATEWAY_PLUGIN_OPTIONS', file: /test\.pfl$/, line: 4, parameter: 'postern/plugin_0', message: text }], JSON.stringify(options))
    t.equal(findings.filter(({ severity }) => severity === 'error').length, 1, 'once, not once per port')
  }
})
