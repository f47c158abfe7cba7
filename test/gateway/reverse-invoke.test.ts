import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { checkConfiguration } from '../../src/gateway/check-configuration.ts'
import type { Plan } from '../../src/gateway/plan.ts'
import { buildBackend, show, type SeenRequest } from '../helpers/backend.ts'
import { ask, buildDirectory, buildGateway, type TestGateway } from '../helpers/gateway.ts'
import { identityLines, systemAt } from '../helpers/gateway-profile.ts'
import { mintPki } from '../helpers/pki.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

const pki = await mintPki(t)
const identities = identityLines(pki)
const ca = { ca: pki.root.certPem, servername: 'localhost' }
const user = { ...ca, key: pki.client.keyPem, cert: pki.client.chainPem }
const issuer = 'ISSUER="CN=Issuing CA, O=Example, C=DE"'
const allowed = `SUBJECT="CN=wd, OU=Gateway, O=Example, C=DE", ${issuer}`

/** What the DMZ side says of its port for registrations. */
const acceptor = `wdisp/reverse_invoke = TRUE
wdisp/ri/client_serv = 0
wdisp/ri/client_host = 127.0.0.1
wdisp/ri/acl_0 = P 127.0.0.1
postern/admin_port = PORT=0
`

async function buildDmz (t: Test, { origin = 'http://app.inner:44300', prot = 'HTTPS', lines = '', allow = allowed, files = {} } = {}): Promise<TestGateway & { registrationPort: number, adminPort: number }> {
  const dmz = await buildGateway(t, `icm/server_port_0 = PROT=${prot}, HOST=127.0.0.1, PORT=0
icm/HTTPS/forward_ccert_as_header = TRUE
wdisp/add_xforwardedfor_header = TRUE
${systemAt(origin)}${identities}${acceptor}postern/ri/allow_0 = ${allow}, ENDPOINTS=app.inner:*
${lines}`, { files })
  const portOf = (name: string): number => dmz.gateway.addresses.get(name)?.port as number
  return { ...dmz, registrationPort: portOf('wdisp/ri/client_serv'), adminPort: portOf('postern/admin_port') }
}

/** The ports of the profile stand for endpoints; the machine's free ports are taken in their place. */
function anyPorts (plan: Plan): Plan {
  return { ...plan, listeners: plan.listeners.map(listener => ({ ...listener, port: 0 })) }
}

interface Inner {
  readonly registrationPort: number
  readonly backend: string
  readonly endpoints?: string
  readonly port?: string
  /** Behind the endpoints. */
  readonly more?: string
  readonly lines?: string
}

function innerProfile ({ registrationPort, backend, endpoints = 'app.inner:44300', port = 'PROT=HTTPS, VCLIENT=1', more = '', lines = '' }: Inner): string {
  return `icm/server_port_0 = ${port}, HOST=127.0.0.1, PORT=44300
icm/HTTPS/forward_ccert_as_header = TRUE
icm/trusted_reverse_proxy_0 = SUBJECT="CN=localhost, O=Example, C=DE", ${issuer}
${systemAt(backend)}${identities}postern/ri/client_0 = HOST=127.0.0.1, PORT=${registrationPort}, ENDPOINTS=${endpoints}${more}
postern/admin_port = PORT=0
${lines}`
}

/** An inner gateway that has registered. */
async function buildInner (t: Test, inner: Inner): Promise<TestGateway> {
  const gateway = await buildGateway(t, innerProfile(inner), { change: anyPorts })
  await gateway.line('registered with the acceptor')
  return gateway
}

const userCertificate = pki.client.der.toString('base64')

t.test('a request of the DMZ reaches the back end over a connection that the inner gateway opened, with the fields of the DMZ\'s client', async t => {
  const backend = await buildBackend(t)
  const dmz = await buildDmz(t)
  await buildInner(t, { registrationPort: dmz.registrationPort, backend: backend.origin })
  const seen: SeenRequest = (await ask({ port: dmz.port(), tls: user, method: 'POST', path: '/a%2Fb?x=1', headers: { 'X-Own': 'kept' }, body: 'hello' })).json()
  t.match(seen, { method: 'POST', target: '/a%2Fb?x=1', body: 'hello', headers: { 'x-own': 'kept', ssl_client_cert: userCertificate, 'x-forwarded-for': '127.0.0.1' } })
  const anonymous: SeenRequest = (await ask({ port: dmz.port(), tls: ca, path: '/', headers: { SSL_CLIENT_CERT: 'forged' } })).json()
  t.strictSame(Object.keys(anonymous.headers).filter(name => name.startsWith('ssl')), ['ssl_cipher_usekeysize', 'ssl_cipher_suite'], 'the certificate of the DMZ gateway is nobody\'s')
})

t.test('a DMZ gateway that is not trusted is no user either', async t => {
  const backend = await buildBackend(t)
  const dmz = await buildDmz(t)
  await buildInner(t, { registrationPort: dmz.registrationPort, backend: backend.origin, lines: 'icm/trusted_reverse_proxy_0 = SUBJECT="CN=other", ISSUER="CN=other"\n' })
  const seen: SeenRequest = (await ask({ port: dmz.port(), tls: user, path: '/' })).json()
  t.notOk('ssl_client_cert' in seen.headers)
})

t.test('a port that demands certificates is served with that of the DMZ gateway', async t => {
  const backend = await buildBackend(t)
  const dmz = await buildDmz(t)
  await buildInner(t, { registrationPort: dmz.registrationPort, backend: backend.origin, port: 'PROT=HTTPS, VCLIENT=2' })
  t.equal((await ask({ port: dmz.port(), tls: user, path: '/' })).json().headers.ssl_client_cert, userCertificate)
})

t.test('TLS inside the connection: the inner port sees the client PSE of the DMZ', async t => {
  const backend = await buildBackend(t)
  const dmz = await buildDmz(t, { origin: 'https://app.inner:44300', lines: 'wdisp/ssl_auth = 1\nwdisp/ssl_certhost = localhost\n' })
  const inner = await buildInner(t, {
    registrationPort: dmz.registrationPort,
    backend: backend.origin,
    port: 'PROT=HTTPS, VCLIENT=2',
    lines: `icm/trusted_reverse_proxy_0 = ${allowed}\n`
  })
  for (const path of ['/1', '/2']) t.match((await ask({ port: dmz.port(), tls: user, path })).json(), { target: path, headers: { ssl_client_cert: userCertificate } })
  t.notOk(inner.records.some(({ msg }) => msg === 'TLS handshake failed'))
})

t.test('end-to-end TLS: the client\'s TLS ends behind the inner gateway, or in it', async t => {
  const server = createHttpsServer({ key: pki.server.keyPem, cert: pki.server.chainPem, ca: pki.root.certPem, requestCert: true }, show).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const dmz = await buildDmz(t, { origin: 'https://app.inner:44300', prot: 'ROUTER' })
  await buildInner(t, { registrationPort: dmz.registrationPort, backend: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, port: 'PROT=ROUTER' })
  t.match((await ask({ port: dmz.port(), tls: user, path: '/far' })).json(), { target: '/far', client: 'user' })

  const backend = await buildBackend(t)
  const second = await buildDmz(t, { origin: 'https://app.inner:44300', prot: 'ROUTER' })
  await buildInner(t, { registrationPort: second.registrationPort, backend: backend.origin })
  t.match((await ask({ port: second.port(), tls: user, path: '/near' })).json(), { target: '/near', headers: { ssl_client_cert: userCertificate } }, 'the user is the TLS client of the inner gateway')
})

t.test('a request without TLS of its own has no business with end-to-end TLS', async t => {
  const backend = await buildBackend(t)
  const dmz = await buildDmz(t)
  await buildInner(t, { registrationPort: dmz.registrationPort, backend: backend.origin, port: 'PROT=ROUTER' })
  t.equal((await ask({ port: dmz.port(), tls: user, path: '/' })).status, 403)
  t.equal(backend.heads.length, 0)
})

t.test('an endpoint can lead to a server that runs no gateway: requests pass the header policy, streams pass untouched', async t => {
  const foreign = await buildBackend(t)
  const dmz = await buildDmz(t, { origin: 'http://app.inner:8080' })
  const inner = { registrationPort: dmz.registrationPort, backend: 'http://127.0.0.1:1', lines: 'icm/HTTP/logging_0 = PREFIX=/, LOGFILE=access.log, LOGFORMAT=%U %s\n' }
  await buildInner(t, { ...inner, endpoints: `app.inner:8080=127.0.0.1:${foreign.port}` })
  const seen: SeenRequest = (await ask({ port: dmz.port(), tls: user, path: '/x' })).json()
  t.match(seen, { target: '/x', headers: { ssl_client_cert: userCertificate } })

  const secure = await buildBackend(t, { tls: { identity: pki.server, trusted: pki.root } })
  const second = await buildDmz(t, { origin: 'https://app.inner:8080', lines: 'wdisp/ssl_auth = 1\nwdisp/ssl_certhost = localhost\n' })
  await buildInner(t, { ...inner, registrationPort: second.registrationPort, endpoints: `app.inner:8080=127.0.0.1:${secure.port}` })
  t.match((await ask({ port: second.port(), tls: user, path: '/y' })).json(), { target: '/y', client: 'wd' })

  const third = await buildDmz(t, { origin: 'https://app.inner:8080', lines: 'wdisp/ssl_certhost = localhost\n' })
  await buildInner(t, { ...inner, registrationPort: third.registrationPort, endpoints: 'app.inner:8080=127.0.0.1:1' })
  const refused = await ask({ port: third.port(), tls: user, path: '/z' })
  t.equal(refused.status, 502)
  t.match(refused.json(), { code: 'POSTERN_ERR_REVERSE_INVOKE_STREAM' }, 'a stream is not open before the server has taken it')
})

t.test('PATHS: nothing else of an endpoint is reached', async t => {
  const backend = await buildBackend(t)
  const dmz = await buildDmz(t)
  await buildInner(t, { registrationPort: dmz.registrationPort, backend: backend.origin, lines: 'postern/ri/paths_0 = ENDPOINT=app.inner:44300, PATHS=/sap/*;/exact\n' })
  for (const [path, status] of [['/sap/a', 200], ['/exact', 200], ['/exact/a', 403], ['/other', 403], ['/sap/%2e%2e/other', 403]] as const) t.equal((await ask({ port: dmz.port(), tls: user, path })).status, status, path)
  t.equal(backend.heads.length, 2)
})

t.test('nobody registered: 503 at once, and no connection is tried', async t => {
  const server = await buildBackend(t)
  const dmz = await buildDmz(t, { origin: server.origin })
  const answer = await ask({ port: dmz.port(), tls: user, path: '/' })
  t.equal(answer.status, 503)
  t.match(answer.json(), { code: 'POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED' })
  t.match(await dmz.line('forwarding failed'), { code: 'POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED' })
  const router = await buildDmz(t, { origin: server.origin.replace('http:', 'https:'), prot: 'ROUTER' })
  await t.rejects(ask({ port: router.port(), tls: user, path: '/' }))
  t.equal(server.connections.length, 0)
})

t.test('an auxiliary upstream is reached in the same way', async t => {
  const backend = await buildBackend(t)
  const files = { 'aux.json': JSON.stringify({ upstream: 'http://app.inner:44300', rewritePrefix: '/aux' }) }
  const dmz = await buildDmz(t, { origin: 'http://other.inner:1', lines: 'postern/plugin_0 = NAME=@fastify/http-proxy, PREFIX=/aux, OPTIONS=aux.json\n', files })
  t.equal((await ask({ port: dmz.port(), tls: user, path: '/aux/x' })).status, 503, 'nobody has registered')
  await buildInner(t, { registrationPort: dmz.registrationPort, backend: backend.origin })
  t.match((await ask({ port: dmz.port(), tls: user, path: '/aux/x' })).json(), { target: '/aux/x', headers: { ssl_client_cert: userCertificate } })
})

t.test('without TLS it is plain HTTP for the header policy', async t => {
  const backend = await buildBackend(t)
  const plain = { lines: 'wdisp/ri/use_ssl = FALSE\n', allow: 'SUBJECT=*, ISSUER=*' }
  for (const believed of [false, true]) {
    const dmz = await buildDmz(t, plain)
    const lines = believed ? 'icm/accept_forwarded_cert_via_http = TRUE\n' : ''
    await buildInner(t, { registrationPort: dmz.registrationPort, backend: backend.origin, more: ', USE_SSL=FALSE', lines })
    const seen: SeenRequest = (await ask({ port: dmz.port(), tls: user, path: '/' })).json()
    t.equal(seen.headers['ssl_client_cert'] === userCertificate, believed)
  }
})

t.test('the health endpoint shows who is registered, and is ready without anybody', async t => {
  const backend = await buildBackend(t)
  const dmz = await buildDmz(t)
  const ready = async (port: number) => await ask({ port, path: '/ready' })
  t.match(await ready(dmz.adminPort), { status: 200, body: /^{"status":"ready","reasons":\[\],"reverseInvoke":{"registrations":\[\]},"certificates":\[/ })
  const inner = await buildInner(t, { registrationPort: dmz.registrationPort, backend: backend.origin })
  t.match((await ready(dmz.adminPort)).json(), { status: 'ready', reverseInvoke: { registrations: [{ state: 'serving', endpoints: [{ endpoint: 'app.inner:44300' }] }] } })
  const health = (await ready(inner.gateway.addresses.get('postern/admin_port')?.port as number)).json()
  t.match(health, { status: 'ready', reverseInvoke: { acceptors: [{ name: 'postern/ri/client_0', registrations: [{ state: 'registered' }] }] } })
  t.match((await ask({ port: dmz.adminPort, path: '/metrics' })).body, /postern_reverse_invoke_registrations 1/)
})

t.test('the inner gateway stops in order: what runs ends, and its port stays for it', async t => {
  let release = (): void => {}
  const arrived = Promise.withResolvers<void>()
  const backend = await buildBackend(t, {
    handler: (_request, response) => {
      release = () => { response.end('late') }
      arrived.resolve()
    }
  })
  const dmz = await buildDmz(t)
  const inner = await buildInner(t, { registrationPort: dmz.registrationPort, backend: backend.origin })
  const answer = ask({ port: dmz.port(), tls: user, path: '/' })
  await arrived.promise
  const closed = inner.gateway.close()
  await dmz.line('initiator is draining')
  t.equal((await ask({ port: dmz.port(), tls: user, path: '/new' })).status, 503, 'nothing new is sent there')
  release()
  t.match(await answer, { status: 200, body: 'late' })
  await closed
})

t.test('the DMZ gateway stops in order: its clients get their answers first', async t => {
  let release = (): void => {}
  const arrived = Promise.withResolvers<void>()
  const backend = await buildBackend(t, {
    handler: (_request, response) => {
      release = () => { response.end('late') }
      arrived.resolve()
    }
  })
  const dmz = await buildDmz(t)
  const inner = await buildInner(t, { registrationPort: dmz.registrationPort, backend: backend.origin })
  const answer = ask({ port: dmz.port(), tls: user, path: '/' })
  await arrived.promise
  const closed = dmz.gateway.close()
  await inner.line('the acceptor is draining: a registration elsewhere is looked for')
  release()
  t.match(await answer, { status: 200, body: 'late' })
  await closed
})

t.test('what does not end in time is cut on both sides', async t => {
  const arrived = Promise.withResolvers<void>()
  const backend = await buildBackend(t, { handler: () => { arrived.resolve() } })
  const dmz = await buildDmz(t)
  const inner = await buildInner(t, { registrationPort: dmz.registrationPort, backend: backend.origin, lines: 'postern/shutdown_timeout = 1\n' })
  const client = await buildRawClient(t, dmz.port(), { tls: user })
  client.send('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n')
  await arrived.promise
  await inner.gateway.close()
  t.match(await client.until('HTTP/1.1 50'), /HTTP\/1\.1 50[23]/)
})

t.test('the ports stay open for the delay, while /ready says no and each answer closes its connection', async t => {
  const dmz = await buildDmz(t, { lines: 'postern/drain_delay = 1\n' })
  const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const client = await buildRawClient(t, dmz.port(), { tls: user })
  client.send(request)
  t.notMatch(await client.until(/\r\n\r\n.*\}/s), /connection: close/i)
  const closed = dmz.gateway.close()
  t.equal((await ask({ port: dmz.adminPort, path: '/ready' })).status, 503)
  client.send(request)
  t.match(await client.closed(), /^HTTP\/1\.1 503 .*HTTP\/1\.1 503 .*\r\nconnection: close\r\n/is, 'still answered')
  await closed
  await t.rejects(ask({ port: dmz.port(), tls: user, path: '/' }), { code: 'ECONNREFUSED' })
})

t.test('the check of the configuration walks the way to the acceptor', async t => {
  const dmz = await buildDmz(t)
  const check = async (profile: string) => {
    const directory = buildDirectory(t, { 'test.pfl': profile })
    return await checkConfiguration({ profile: join(directory, 'test.pfl'), overrides: [], json: false })
  }
  const good = await check(innerProfile({ registrationPort: dmz.registrationPort, backend: 'http://127.0.0.1:1' }))
  t.equal(good.errors, false, good.report)
  for (const step of ['DNS', 'TCP', 'TLS', 'certificate', 'ACL', 'endpoint', 'data connection']) t.match(good.report, new RegExp(`^postern/ri/client_0 .* ok +${step}: `, 'm'))
  const refused = await check(innerProfile({ registrationPort: dmz.registrationPort, backend: 'http://127.0.0.1:1', endpoints: 'other.inner:44300' }))
  t.equal(refused.errors, true)
  t.match(refused.report, /^postern\/ri\/client_0 .* failed +endpoint: /m)
  t.match(refused.report, /\nresult: errors\n$/)
})

t.test('an initiator whose certificate fails in the handshake is counted', async t => {
  const dmz = await buildDmz(t)
  const refused = async () => /^postern_reverse_invoke_refused_total\{reason="certificate"[^}]*\} (\d+)$/m.exec((await ask({ port: dmz.adminPort, path: '/metrics' })).body)?.[1]
  t.equal(await refused(), undefined)
  await t.rejects(ask({ port: dmz.registrationPort, tls: ca, path: '/' }))
  t.match(await dmz.line('TLS handshake failed'), { reason: 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE' })
  t.equal(await refused(), '1')
})
