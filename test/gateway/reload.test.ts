import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tls, { type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { ask, buildGateway, prepareText } from '../helpers/gateway.ts'
import { bundle } from '../helpers/landscape.ts'
import { mintCrl } from '../helpers/mint-crl.ts'
import { mintPki, type Issued, type Pki } from '../helpers/pki.ts'

const systemOf = (origin: string): string => `wdisp/system_0 = SID=ABC, EXTSRV=${origin}, SRCSRV=*:*\n`
const listsOf = (pki: Pki, ...revoked: Issued[]): Buffer => mintCrl({ issuer: pki.intermediate, revoked: revoked.map(certificate => ({ certificate })) })

/** An HTTPS back end that tells who its client is. */
async function buildSecureBackend (t: Test, pki: Pki) {
  const server = createServer({ key: pki.server.keyPem, cert: pki.server.chainPem, ca: pki.root.certPem, requestCert: true }, (request, response) => {
    response.end((request.socket as TLSSocket).getPeerX509Certificate()?.subject ?? 'nobody')
  })
  server.on('tlsClientError', () => {})
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return `https://localhost:${(server.address() as AddressInfo).port}`
}

async function build (t: Test, lines: string, pki: Pki, files: Record<string, string | Buffer> = {}) {
  const origin = await buildSecureBackend(t, pki)
  const profile = `icm/server_port_0 = PROT=HTTPS, HOST=127.0.0.1, PORT=0, VCLIENT=1
icm/HTTPS/forward_ccert_as_header = TRUE
ssl/server_pse = server.pem
ssl/client_pse = client.pem
wdisp/ssl_auth = 1
postern/trust_0 = PSE=server.pem, CERTS=users.pem
postern/trust_1 = PSE=client.pem, CERTS=backends.pem
postern/reload_interval = 0
postern/admin_port = PORT=0
${lines}${systemOf(origin)}`
  const trust = { 'sec/users.pem': pki.root.certPem, 'sec/backends.pem': pki.root.certPem }
  const built = await buildGateway(t, profile, { files: { 'sec/server.pem': bundle(pki.server), 'sec/client.pem': bundle(pki.gateway), ...trust, ...files } })
  const adminPort = built.gateway.addresses.get('postern/admin_port')?.port as number
  const request = async (more: tls.ConnectionOptions = {}) => await ask({ port: built.port(), tls: { ca: pki.root.certPem, servername: 'localhost', key: pki.client.keyPem, cert: pki.client.chainPem, ...more } })
  return {
    ...built,
    request,
    origin,
    write: (name: string, content: string | Buffer) => { writeFileSync(join(built.directory, 'sec', name), content) },
    ready: async () => (await ask({ port: adminPort, path: '/ready' })).json(),
    metrics: async () => (await ask({ port: adminPort, path: '/metrics' })).body
  }
}

t.test('what is the same is not replaced; several reloads at once are one after the other', async t => {
  const pki = await mintPki(t)
  const { gateway, records, ready } = await build(t, '', pki)
  t.equal((await ready()).reload, undefined)
  await Promise.all([gateway.reload('a'), gateway.reload('b'), gateway.reload('c')])
  t.match(records.filter(({ msg }) => msg === 'identities and revocation lists are as before'), [{ reason: 'a' }])
  t.match((await ready()).reload, { faults: [] })
})

t.test('each identity by itself: a bad file keeps its own, and the others are replaced', async t => {
  const pki = await mintPki(t)
  const { gateway, request, write, records, ready, metrics } = await build(t, '', pki)
  t.match((await request()).body, 'CN=wd')
  write('server.pem', bundle({ ...pki.server, keyPem: pki.client.keyPem }))
  write('client.pem', bundle(await pki.issue({ subject: 'CN=renewed', issuer: pki.intermediate, usage: 'client' })))
  await gateway.reload('test')
  t.match((await request()).body, 'CN=renewed')
  t.match(records.filter(({ level }) => level === 50), [{ parameter: 'ssl/server_pse', file: /server\.pem$/, why: /server\.pem/ }])
  t.match(await metrics(), 'postern_reload_failures_total{parameter="ssl/server_pse"} 1')
  t.match(await ready(), { status: 'ready', reload: { faults: [{ parameter: 'ssl/server_pse', code: /^POSTERN_ERR_/ }] }, certificates: [] })
  write('server.pem', bundle(pki.server))
  await gateway.reload('test')
  t.match((await ready()).reload, { faults: [] })
  write('server.pem', pki.server.certPem)
  await gateway.reload('test')
  t.match(records.filter(({ level }) => level === 50).at(-1), { code: 'POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY' }, 'a port needs a key')
})

t.test('a trust list counts at once, for users and for back ends', async t => {
  const [pki, other] = [await mintPki(t), await mintPki(t, { rootSubject: 'CN=Other', intermediateSubject: 'CN=Other CA', clientSubject: 'CN=other user' })]
  const { gateway, request, write, line, port } = await build(t, '', pki)
  const user = tls.connect({ port: port(), host: '127.0.0.1', servername: 'localhost', ca: pki.root.certPem, key: pki.client.keyPem, cert: pki.client.chainPem }).on('error', () => {})
  t.teardown(() => { user.destroy() })
  await once(user, 'secureConnect')
  const ended = once(user.resume(), 'close')
  write('users.pem', other.root.certPem)
  await gateway.reload('test')
  await ended
  t.equal((await request()).status, 200, 'served as nobody')
  t.match(await line('client certificate not verified: it counts as none'), { subject: /CN=user/ })
  write('backends.pem', other.root.certPem)
  await gateway.reload('test')
  t.equal((await request()).status, 502)
  write('backends.pem', pki.root.certPem)
  await gateway.reload('test')
  gateway.refresh()
  t.equal((await request()).status, 200)
})

t.test('revocation lists count for back ends, too', async t => {
  const pki = await mintPki(t)
  const { gateway, request, write, records } = await build(t, 'postern/crl_0 = a.crl\npostern/crl_1 = b.crl\npostern/crl_policy = hard\n', pki, { 'sec/a.crl': mintCrl({ issuer: pki.root }), 'sec/b.crl': listsOf(pki) })
  t.equal((await request()).status, 200)
  write('b.crl', listsOf(pki, pki.server))
  await gateway.reload('test')
  t.equal((await request()).status, 502)
  t.match(records.filter(({ msg }) => msg === 'revocation lists replaced'), [{ lists: 2 }])
  write('b.crl', listsOf(pki, pki.client))
  await gateway.reload('test')
  await t.rejects(request())
  write('b.crl', 'no list')
  await gateway.reload('test')
  await t.rejects(request(), 'the old ones stay')
  t.match(records.filter(({ level }) => level === 50), [{ parameter: 'postern/crl_0 postern/crl_1', code: 'POSTERN_ERR_CRL_INVALID', why: /b\.crl/ }])
})

t.test('soft says once what it lets pass', async t => {
  const pki = await mintPki(t)
  const { request, records } = await build(t, 'postern/crl_0 = a.crl\n', pki, { 'sec/a.crl': mintCrl({ issuer: pki.root }) })
  for (const time of ['first', 'second']) t.equal((await request()).status, 200, time)
  t.match(records.filter(({ msg }) => msg.startsWith('not known whether')), [{ why: 'no-list', issuer: /Issuing CA/ }])
})

t.test('an external proxy follows the renewed identity of its plugin', async t => {
  const pki = await mintPki(t)
  const upstream = await buildSecureBackend(t, pki)
  const files = { 'aux.json': JSON.stringify({ upstream }) }
  const { gateway, write, port } = await build(t, 'postern/plugin_0 = NAME=@fastify/http-proxy, PREFIX=/aux, OPTIONS=aux.json\n', pki, files)
  const proxied = async () => (await ask({ port: port(), path: '/aux/x', tls: { ca: pki.root.certPem, servername: 'localhost' } })).body
  t.match(await proxied(), 'CN=wd')
  write('client.pem', bundle(await pki.issue({ subject: 'CN=renewed', issuer: pki.intermediate, usage: 'client' })))
  await gateway.reload('test')
  t.match(await proxied(), 'CN=renewed')
})

t.test('lists that cannot be read end the start; those that clear nobody are warned of', async t => {
  const pki = await mintPki(t)
  const profile = (lines: string) => `icm/server_port_0 = PROT=HTTPS, PORT=0\nssl/server_pse = server.pem\n${lines}${systemOf('http://localhost:1')}`
  const files = { 'sec/server.pem': bundle(pki.server), 'sec/old.crl': mintCrl({ issuer: pki.intermediate, nextUpdate: new Date(Date.now() - 1000) }) }
  const missing = await prepareText(t, profile('postern/crl_3 = missing.crl\n'), { files })
  t.match(missing.findings.filter(({ severity }) => severity === 'error'), [{ code: 'POSTERN_ERR_CRL_UNREADABLE', parameter: 'postern/crl_3', line: 3 }])
  const old = await prepareText(t, profile('postern/crl_3 = old.crl\n'), { files })
  t.match(old.findings.filter(({ code }) => code.includes('CRL')), [{ severity: 'warning', code: 'POSTERN_WARN_CRL_UNUSABLE', parameter: 'postern/crl_3', message: /old\.crl: the list of CN=Issuing CA.* the next one is due/ }])
  t.equal(old.revocationLists.length, 1)
})

t.test('both sides of reverse invoke follow their renewed identities', async t => {
  const pki = await mintPki(t)
  const names = 'ISSUER="CN=Issuing CA, O=Example, C=DE"'
  const identity = 'ssl/server_pse = own.pem\nssl/client_pse = own.pem\npostern/trust_0 = PSE=own.pem, CERTS=ca.pem\npostern/reload_interval = 0\n'
  const files = (own: Issued) => ({ 'sec/own.pem': bundle(own), 'sec/ca.pem': pki.root.certPem })
  const dmz = await buildGateway(t, `icm/server_port_0 = PROT=HTTPS, HOST=127.0.0.1, PORT=0
${identity}${systemOf('http://app.inner:44300')}wdisp/reverse_invoke = TRUE
wdisp/ri/client_serv = 0
wdisp/ri/client_host = 127.0.0.1
wdisp/ri/acl_0 = P 127.0.0.1
postern/ri/allow_0 = SUBJECT="CN=*", ${names}, ENDPOINTS=app.inner:*
`, { files: files(pki.server) })
  const registrationPort = dmz.gateway.addresses.get('wdisp/ri/client_serv')?.port as number
  const origin = await buildSecureBackend(t, pki)
  const inner = await buildGateway(t, `icm/server_port_0 = PROT=HTTP, HOST=127.0.0.1, PORT=44300
${identity}wdisp/ssl_auth = 1
${systemOf(origin)}postern/ri/client_0 = HOST=127.0.0.1, PORT=${registrationPort}, ENDPOINTS=app.inner:44300
`, { files: files(pki.gateway), change: plan => ({ ...plan, listeners: plan.listeners.map(listener => ({ ...listener, port: 0 })) }) })
  const request = async () => await ask({ port: dmz.port(), tls: { ca: pki.root.certPem, servername: 'localhost' } })
  await dmz.line('initiator registered')
  t.match((await request()).body, /CN=wd/)

  writeFileSync(join(inner.directory, 'sec/own.pem'), bundle(await pki.issue({ subject: 'CN=renewed', issuer: pki.intermediate, usage: 'client' })))
  const ended = dmz.line('registration ended')
  await inner.gateway.reload('test')
  t.match(await ended, { reason: 'bye' }, 'the old registration ends in order')
  t.equal(dmz.records.filter(({ msg, subject }) => msg === 'initiator registered' && subject === 'CN=renewed').length, 1)
  t.equal((await request()).body, 'CN=renewed')

  writeFileSync(join(dmz.directory, 'sec/ca.pem'), (await mintPki(t)).root.certPem)
  const refused = inner.line('no registration with the acceptor')
  await dmz.gateway.reload('test')
  t.match(await refused, { reason: 'certificate-refused' }, 'a registration whose CA is trusted no more has ended')
  t.equal((await request()).status, 503)
})
