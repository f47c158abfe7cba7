import { once } from 'node:events'
import type { ServerOptions as TlsOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { connect, type ConnectionOptions } from 'node:tls'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { clientCertHeaders, type ClientCertHeadersOptions } from '../../plugins/client-cert-headers.ts'
import { mintPki, type Issued, type Pki } from '../helpers/pki.ts'
import { buildViewServer, fieldInAllViews, namesInAnyView, sendRaw, type ViewServer, type Views } from '../helpers/request-views.ts'

const spoofed = [
  'SSL_CLIENT_CERT: forged', 'ssl_client_cert: forged', 'Ssl-Client-Cert: forged', 'SSL.CLIENT.CERT: forged', 'HTTP_SSL_CLIENT_CERT: forged',
  'SSL_CLIENT_CERT_CHAIN_1: forged', 'SSL_CLIENT_CERT_CHAIN_123456789012345678901234567890: forged', 'SSL-CLIENT-CERT-CHAIN-2: forged',
  'SSL_CIPHER_SUITE: forged', 'SSL_CIPHER_USEKEYSIZE: forged', 'Client-Cert: forged', 'Client-Cert-Chain: forged', 'X-Forwarded-Client-Cert: forged',
  'clientprotocol: forged', 'x-sap-webdisp-ap: forged', 'X_SAP_WEBDISP_TARGET_SID: forged'
].join('\r\n')

const get = (fields = '') => `GET / HTTP/1.1\r\nHost: localhost\r\n${fields === '' ? '' : `${fields}\r\n`}\r\n`
const upgrade = (fields = '') => get(`Connection: Upgrade\r\nUpgrade: test${fields === '' ? '' : `\r\n${fields}`}`)
const tunnel = (fields = '') => `CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n${fields === '' ? '' : `${fields}\r\n`}\r\n`
const conninfo = ['ssl_cipher_suite', 'ssl_cipher_usekeysize']
const sslNames = (views: Views) => namesInAnyView(views).filter(name => /ssl|cert|protocol|webdisp/.test(name)).sort()

const serve = async (t: Test, options: ClientCertHeadersOptions, more: Parameters<typeof buildViewServer>[2] = {}) =>
  await buildViewServer(t, app => app.register(clientCertHeaders, options), more)

const httpsOf = ({ server, root }: Pki, more: TlsOptions = {}): { https: TlsOptions } =>
  ({ https: { key: server.keyPem, cert: server.chainPem, ca: root.certPem, requestCert: true, rejectUnauthorized: false, ...more } })

const clientOf = ({ root }: Pki, who?: Issued): ConnectionOptions =>
  ({ ca: root.certPem, servername: 'localhost', ...who === undefined ? {} : { key: who.keyPem, cert: who.chainPem } })

/** Makes a full handshake and returns what resumes it. */
async function sessionOf (t: Test, port: number, options: ConnectionOptions): Promise<ConnectionOptions> {
  const socket = connect({ port, host: '127.0.0.1', ...options })
  t.teardown(() => { socket.destroy() })
  const session = once(socket, 'session') as Promise<[Buffer]>
  socket.write(get())
  socket.resume()
  const [ticket] = await session
  return { ...options, session: ticket }
}

t.test('no forged field is left in any view', async t => {
  const pki = await mintPki(t)
  const { port: http } = await serve(t, { forwardClientCertificate: true })
  for (const [title, request] of [['request', get(spoofed)], ['upgrade', upgrade(spoofed)], ['connect', tunnel(spoofed)]] as const) {
    const { views } = await sendRaw(t, http, request)
    t.equal(views.event, title)
    t.strictSame(sslNames(views), [], `HTTP, ${title}`)
    t.notMatch(JSON.stringify(views), 'forged')
  }
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { port } = await serve(t, { forwardClientCertificate: true }, httpsOf(pki, { maxVersion: version }))
    for (const [who, client] of [['no certificate', clientOf(pki)], ['user', clientOf(pki, pki.client)]] as const) {
      for (const [handshake, tls] of [['full', client], ['resumed', await sessionOf(t, port, client)]] as const) {
        for (const [title, request] of [['request', get(spoofed)], ['upgrade', upgrade(spoofed)], ['connect', tunnel(spoofed)]] as const) {
          const { views, resumed } = await sendRaw(t, port, request, tls)
          t.equal(views.event, title)
          t.equal(resumed, handshake === 'resumed', handshake)
          t.strictSame(sslNames(views), conninfo, `${version}, ${who}, ${handshake}, ${title}: the cipher fields only`)
          t.notMatch(JSON.stringify(views), 'forged')
        }
      }
    }
  }
})

t.test('a user\'s certificate arrives in every view, on full and resumed handshakes', async t => {
  const pki = await mintPki(t)
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { port } = await serve(t, { forwardClientCertificate: true, formats: ['sap', 'rfc9440'] }, httpsOf(pki, { maxVersion: version }))
    const client = clientOf(pki, pki.client)
    for (const [handshake, tls] of [['full', client], ['resumed', await sessionOf(t, port, client)]] as const) {
      for (const request of [get(), upgrade(), tunnel()]) {
        const { views, resumed } = await sendRaw(t, port, request, tls)
        t.equal(resumed, handshake === 'resumed', handshake)
        const field = (name: string) => fieldInAllViews(t, views, name)
        const title = `${version}, ${handshake}, ${views.event}`
        t.strictSame(field('SSL_CLIENT_CERT'), [pki.client.der.toString('base64')], title)
        t.strictSame(field('SSL_CLIENT_CERT_CHAIN_1'), [pki.intermediate.der.toString('base64')], title)
        t.strictSame(field('SSL_CLIENT_CERT_CHAIN_2'), [], 'the root is never sent')
        t.match(field('SSL_CIPHER_SUITE'), [/^[0-9A-F]{4}$/], title)
        t.match(field('SSL_CIPHER_USEKEYSIZE'), [/^(128|256)$/], title)
        t.strictSame(field('Client-Cert'), [`:${pki.client.der.toString('base64')}:`], title)
        t.strictSame(field('Client-Cert-Chain'), [`:${pki.intermediate.der.toString('base64')}:`], title)
        t.strictSame(field('Host'), ['localhost'])
      }
    }
  }
})

t.test('without a certificate the cipher fields, over HTTP nothing, switched off nothing', async t => {
  const pki = await mintPki(t)
  const on = await serve(t, { forwardClientCertificate: true }, httpsOf(pki))
  t.strictSame(sslNames((await sendRaw(t, on.port, get(), clientOf(pki))).views), conninfo)
  const off = await serve(t, {}, httpsOf(pki))
  t.strictSame(sslNames((await sendRaw(t, off.port, get(), clientOf(pki, pki.client))).views), [])
  t.strictSame(sslNames((await sendRaw(t, off.port, get(spoofed), clientOf(pki, pki.client))).views), [])
  const http = await serve(t, { forwardClientCertificate: true })
  t.strictSame(sslNames((await sendRaw(t, http.port, get())).views), [])
})

t.test('a certificate of another CA is none', async t => {
  const pki = await mintPki(t)
  const foreign = await pki.issue({ subject: 'CN=Foreign CA', issuer: null, ca: true })
  const intruder = await pki.issue({ subject: 'CN=user, OU=Test, O=Example, C=DE', issuer: foreign, usage: 'client' })
  const { port } = await serve(t, { forwardClientCertificate: true }, httpsOf(pki))
  t.strictSame(sslNames((await sendRaw(t, port, get(), clientOf(pki, intruder))).views), conninfo)
})

/** A server that trusts the gateway of the PKI. */
const trusting = async (t: Test, pki: Pki, more: ClientCertHeadersOptions = {}): Promise<ViewServer> => await serve(t, {
  forwardClientCertificate: true,
  trustedProxies: [{ subject: pki.gateway.certificate.subject, issuer: pki.gateway.certificate.issuer, name: 'icm/trusted_reverse_proxy_0' }],
  ...more
} as ClientCertHeadersOptions, httpsOf(pki))

t.test('fields of a trusted predecessor stay as they came, misspelt twins go', async t => {
  const pki = await mintPki(t)
  const { port } = await trusting(t, pki)
  const fields = 'ssl_client_cert: from-before\r\nSsl-Client-Cert: twin\r\nSSL_CIPHER_SUITE: c0,2f\r\nHTTP_SSL_CIPHER_SUITE: twin\r\nclientprotocol: https'
  for (const request of [get(fields), upgrade(fields), tunnel(fields)]) {
    const { views } = await sendRaw(t, port, request, clientOf(pki, pki.gateway))
    t.strictSame(sslNames(views), ['clientprotocol', 'ssl_cipher_suite', 'ssl_client_cert'], views.event)
    t.strictSame(fieldInAllViews(t, views, 'SSL_CLIENT_CERT'), ['from-before'])
    t.ok(views.rawHeaders.includes('ssl_client_cert'), 'in its own spelling')
    t.strictSame(fieldInAllViews(t, views, 'SSL_CIPHER_SUITE'), ['c0,2f'], 'byte for byte')
  }
})

t.test('with both forms the fields of RFC 9440 are made from SAP\'s: a predecessor that lets a client\'s pass does no harm', async t => {
  const pki = await mintPki(t)
  const { port } = await trusting(t, pki, { formats: ['sap', 'rfc9440'] })
  const rows: Array<[fields: string, expected: string[]]> = [
    ['SSL_CLIENT_CERT: QUJD\r\nClient-Cert: :Zm9yZ2Vk:\r\nClient-Cert-Chain: :Zm9yZ2Vk:', [':QUJD:']],
    ['SSL_CIPHER_SUITE: 1302\r\nClient-Cert: :Zm9yZ2Vk:', []],
    ['SSL_CLIENT_CERT:\r\nClient-Cert: :Zm9yZ2Vk:', []],
    ['Client-Cert: :Zm9yZ2Vk:', []]
  ]
  for (const [fields, expected] of rows) {
    const { views } = await sendRaw(t, port, get(fields), clientOf(pki, pki.gateway))
    t.strictSame(fieldInAllViews(t, views, 'Client-Cert'), expected, fields)
    t.notMatch(JSON.stringify(views), 'Zm9yZ2Vk', 'nothing of the client\'s own')
  }
})

t.test('the "no user" marker of the Cloud Connector passes', async t => {
  const pki = await mintPki(t)
  const { port } = await trusting(t, pki)
  const { views } = await sendRaw(t, port, get('SSL_CLIENT_CERT:'), clientOf(pki, pki.gateway))
  t.strictSame(sslNames(views), ['ssl_client_cert'])
  t.strictSame(fieldInAllViews(t, views, 'SSL_CLIENT_CERT'), [''])
})

t.test('a gateway\'s certificate is not written as a user\'s', async t => {
  const pki = await mintPki(t)
  const { port } = await trusting(t, pki)
  t.strictSame(sslNames((await sendRaw(t, port, get(), clientOf(pki, pki.gateway))).views), conninfo, 'trusted, no fields')
  t.strictSame(sslNames((await sendRaw(t, port, get('SSL_CIPHER_SUITE: 1302'), clientOf(pki, pki.client))).views), conninfo, 'untrusted, with fields')
  const asUser = await trusting(t, pki, { trustedCertificateAsUser: true })
  t.strictSame(fieldInAllViews(t, (await sendRaw(t, asUser.port, get(), clientOf(pki, pki.gateway))).views, 'SSL_CLIENT_CERT'), [pki.gateway.der.toString('base64')], 'switched')
})

t.test('Connection neither adds nor strips: managed names are taken out of it', async t => {
  const pki = await mintPki(t)
  const { port } = await trusting(t, pki)
  const rows: Array<[string, string[]]> = [
    ['Connection: close, SSL_CLIENT_CERT', ['close']],
    ['Connection: SSL_CLIENT_CERT\r\nConnection: close', ['close']],
    ['Connection:\r\nConnection: ssl-client-cert, SSL_CIPHER_SUITE, SSL_CLIENT_CERT_CHAIN_1', []],
    ['Connection: X-Other, clientprotocol', ['X-Other']]
  ]
  for (const [line, left] of rows) {
    const kept = await sendRaw(t, port, get(`${line}\r\nSSL_CLIENT_CERT: from-before`), clientOf(pki, pki.gateway))
    t.strictSame(fieldInAllViews(t, kept.views, 'Connection'), left, line)
    t.strictSame(fieldInAllViews(t, kept.views, 'SSL_CLIENT_CERT'), ['from-before'])
    const own = await sendRaw(t, port, get(line), clientOf(pki, pki.client))
    t.strictSame(fieldInAllViews(t, own.views, 'Connection'), left, `${line}, own fields`)
    t.strictSame(fieldInAllViews(t, own.views, 'SSL_CLIENT_CERT'), [pki.client.der.toString('base64')])
  }
})

t.test('managed fields in trailers go, whoever sends them; others stay', async t => {
  const pki = await mintPki(t)
  const { port } = await trusting(t, pki)
  const { port: http } = await serve(t, {})
  const request = 'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, SSL_CLIENT_CERT\r\n\r\n' +
    '3\r\nabc\r\n0\r\nX-Sum: 1\r\nSSL_CLIENT_CERT: forged\r\nssl-client-cert-chain-1: forged\r\nx-sum: 2\r\n\r\n'
  for (const { views } of [await sendRaw(t, http, request), await sendRaw(t, port, request, clientOf(pki, pki.gateway))]) {
    t.strictSame(views.rawTrailers, ['X-Sum', '1', 'x-sum', '2'])
    t.strictSame(views.trailers, { 'x-sum': '1, 2' })
    t.strictSame(views.trailersDistinct, { 'x-sum': ['1', '2'] })
    t.strictSame(fieldInAllViews(t, views, 'Trailer'), ['X-Sum'])
    t.notMatch(JSON.stringify(views), 'forged')
  }
})

t.test('two SSL_CLIENT_CERT of a trusted predecessor are refused, of another removed', async t => {
  const pki = await mintPki(t)
  const { port, log } = await trusting(t, pki)
  const twice = 'SSL_CLIENT_CERT: one\r\nHost2: x\r\nssl_client_cert: two'
  const refused = await sendRaw(t, port, get(`Connection: close\r\n${twice}`), clientOf(pki, pki.gateway))
  t.equal(refused.status, 400)
  t.match(refused.text, 'POSTERN_ERR_CLIENT_CERT_DUPLICATE')
  t.match(log.filter(({ msg }) => msg === 'request refused by the header policy'), [{ level: 40, rule: 'icm/trusted_reverse_proxy_0', predecessor: 'trusted' }])
  const upgraded = await sendRaw(t, port, upgrade(twice), clientOf(pki, pki.gateway))
  t.strictSame(sslNames(upgraded.views), [], 'all fields of a refused request are gone at once')
  const untrusted = await sendRaw(t, port, get(twice), clientOf(pki, pki.client))
  t.equal(untrusted.status, 200)
  t.strictSame(sslNames(untrusted.views), conninfo)
})

t.test('more fields than allowed are refused, none is cut off', async t => {
  const pki = await mintPki(t)
  const flood = (count: number) => get(['Connection: close', ...Array.from({ length: count - 3 }, (_, index) => `h${index}: x`), 'SSL_CLIENT_CERT: last'].join('\r\n'))
  const { port } = await trusting(t, pki, { maxHeaderFields: 2000 })
  for (const count of [1999, 2000]) {
    const { status, views } = await sendRaw(t, port, flood(count), clientOf(pki, pki.gateway))
    t.equal(status, 200, `${count} fields`)
    t.strictSame(fieldInAllViews(t, views, 'SSL_CLIENT_CERT'), ['last'])
    t.equal(views.rawHeaders.length / 2, count)
  }
  const tooMany = await sendRaw(t, port, flood(2001), clientOf(pki, pki.gateway))
  t.equal(tooMany.status, 431)
  t.match(tooMany.text, 'POSTERN_ERR_CLIENT_CERT_TOO_MANY_FIELDS')
  const byDefault = await trusting(t, pki)
  t.equal((await sendRaw(t, byDefault.port, flood(1000), clientOf(pki, pki.gateway))).status, 200)
  t.equal((await sendRaw(t, byDefault.port, flood(1001), clientOf(pki, pki.gateway))).status, 431)
  const few = await trusting(t, pki, { maxHeaderFields: 5 })
  t.equal((await sendRaw(t, few.port, flood(5), clientOf(pki, pki.gateway))).status, 200)
  t.equal((await sendRaw(t, few.port, flood(6), clientOf(pki, pki.gateway))).status, 431)
})

t.test('a removal is one log line: rule, names, first difference, no certificate', async t => {
  const pki = await mintPki(t)
  const { subject, issuer } = pki.gateway.certificate
  const { port, log } = await serve(t, {
    forwardClientCertificate: true,
    trustedProxies: [{ subject: subject.replace('Gateway', 'Gatewai'), issuer, name: 'icm/trusted_reverse_proxy_0' }]
  } as ClientCertHeadersOptions, httpsOf(pki))
  await sendRaw(t, port, get(`SSL_CLIENT_CERT: ${pki.client.der.toString('base64')}`), clientOf(pki, pki.gateway))
  const lines = log.filter(({ msg }) => msg === 'SSL header fields removed')
  t.match(lines, [{
    level: 40, rule: 'icm/trusted_reverse_proxy_0', part: 'subject', dnSeen: subject, dnExpected: subject.replace('Gateway', 'Gatewai'), position: 17, seen: 'y', expected: 'i'
  }])
  t.equal(lines.length, 1)
  t.type(lines[0]?.['reqId'], 'string')
  t.notMatch(JSON.stringify(log), pki.client.der.toString('base64').slice(0, 40))
  await sendRaw(t, port, get(), clientOf(pki, pki.client))
  t.equal(log.filter(({ msg }) => msg === 'SSL header fields removed').length, 1, 'nothing removed, nothing said')
})

t.test('each request of a connection is judged by itself, pipelined ones too', async t => {
  const pki = await mintPki(t)
  const { port } = await trusting(t, pki)
  const more = (fields = '') => get(`X-More: 1${fields === '' ? '' : `\r\n${fields}`}`)
  const { text } = await sendRaw(t, port, more('SSL_CLIENT_CERT: one') + more() + more('ssl-client-cert: forged') + get('SSL_CLIENT_CERT: four'), clientOf(pki, pki.gateway))
  const answers = [...text.matchAll(/^\{.*?\}(?=HTTP|$)/gms)].map(([body]) => JSON.parse(body) as Views)
  t.strictSame(answers.map(views => fieldInAllViews(t, views, 'SSL_CLIENT_CERT')), [['one'], [], [], ['four']])
  t.strictSame(answers.map(views => sslNames(views)), [['ssl_client_cert'], conninfo, conninfo, ['ssl_client_cert']])
})

t.test('requests that never pass the listeners are judged in the hook', async t => {
  const app = fastify()
  t.teardown(async () => { await app.close() })
  await app.register(clientCertHeaders, { forwardClientCertificate: true })
  app.get('/', async ({ raw: { rawHeaders, headers } }) => ({ rawHeaders, headers }))
  const clean = await app.inject({ url: '/', headers: { SSL_CLIENT_CERT: 'forged', 'ssl-client-cert': 'forged', other: 'x' } })
  t.notMatch(clean.body, 'forged')
  t.match(clean.json(), { headers: { other: 'x' } })
  const many = await app.inject({ url: '/', headers: Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`h${index}`, 'x'])) })
  t.equal(many.statusCode, 431, 'nobody knows whether the list was cut')
})

t.test('both servers of localhost are guarded', async t => {
  const app = fastify()
  t.teardown(async () => { await app.close() })
  await app.register(clientCertHeaders, {})
  app.get('/', async ({ raw: { rawHeaders, headers, headersDistinct } }) => ({ rawHeaders, headers, headersDistinct }))
  await app.listen({ port: 0, host: 'localhost' })
  for (const { address, port, family } of app.addresses() as AddressInfo[]) {
    const response = await fetch(`http://${family === 'IPv6' ? `[${address}]` : address}:${port}/`, { headers: { SSL_CLIENT_CERT: 'forged' } })
    t.equal(response.status, 200)
    t.notMatch(await response.text(), /forged|ssl_client/i, address)
  }
})

t.test('listeners that others put in front later see clean requests too', async t => {
  const seen: string[] = []
  const { port } = await buildViewServer(t, async app => {
    await app.register(clientCertHeaders, {})
    for (const event of ['request', 'upgrade', 'connect'] as const) {
      app.server.prependListener(event, request => { seen.push(event, ...request.rawHeaders) })
    }
  })
  await sendRaw(t, port, get(spoofed))
  await sendRaw(t, port, upgrade(spoofed))
  await sendRaw(t, port, tunnel(spoofed))
  t.strictSame(seen.filter(text => ['request', 'upgrade', 'connect'].includes(text)), ['request', 'upgrade', 'connect'])
  t.notOk(seen.includes('forged'))
})

t.test('an application without handlers for Expect and upgrades behaves as without the plugin', async t => {
  const { port, app } = await serve(t, {}, { upgrades: false })
  const post = (expect: string) => `POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: ${expect}\r\nContent-Length: 3\r\nSSL_CLIENT_CERT: forged\r\n\r\nabc`
  const continued = await sendRaw(t, port, post('100-continue'))
  t.match(continued.text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/)
  t.notMatch(continued.text, 'forged')
  t.equal((await sendRaw(t, port, post('something'))).status, 417)
  const ignored = await sendRaw(t, port, upgrade(spoofed))
  t.equal(ignored.views.event, 'request', 'the upgrade is ignored')
  t.strictSame(sslNames(ignored.views), [])
  t.equal((await sendRaw(t, port, tunnel())).text, '', 'CONNECT is closed')

  const onContinue = (_request: unknown, response: { end: (text: string) => void }) => { response.end('mine') }
  app.server.on('checkContinue', onContinue).on('checkExpectation', onContinue)
  t.match((await sendRaw(t, port, post('100-continue'))).text, 'mine')
  t.match((await sendRaw(t, port, post('something'))).text, 'mine')
  app.server.off('checkContinue', onContinue)
  await new Promise(setImmediate)
  t.equal(app.server.listenerCount('checkContinue'), 0, 'no listener of ours stays alone')
  t.match((await sendRaw(t, port, post('100-continue'))).text, /^HTTP\/1\.1 100 Continue/)
})

t.test('a guard that would take the first one\'s fields for a client\'s is refused', async t => {
  const app = fastify()
  t.teardown(async () => { await app.close() })
  await app.register(clientCertHeaders, {})
  await t.rejects(async () => await app.register(clientCertHeaders, {}), { code: 'POSTERN_ERR_CLIENT_CERT_TWICE' })
})

t.test('HTTP/2 is refused', async t => {
  const app = fastify({ http2: true })
  t.teardown(async () => { await app.close() })
  await t.rejects(async () => await app.register(clientCertHeaders as any, {}), { code: 'POSTERN_ERR_CLIENT_CERT_HTTP2' })
})

t.test('wrong options are refused by name', async t => {
  const rows: Array<[unknown, RegExp]> = [
    [{ forwardClientCert: true }, /forwardClientCert/],
    [{ trustedProxies: [{ subject: 'CN=wd' }] }, /issuer/],
    [{ trustedProxies: [{ subject: '', issuer: '*' }] }, /fewer than 1/],
    [{ untrustedFields: 'all' }, /untrustedFields/],
    [{ formats: [] }, /formats/],
    [{ fieldNames: { certificate: 'a b' } }, /pattern/],
    [{ fieldNames: { certificate: 'Host' } }, /belongs to HTTP/],
    [{ fieldNames: { certificate: 'SSL_CIPHER_SUITE' } }, /two names/],
    [{ maxHeaderFields: 0 }, /maxHeaderFields/]
  ]
  for (const [options, message] of rows) {
    const app = fastify()
    t.teardown(async () => { await app.close() })
    await t.rejects(async () => await app.register(clientCertHeaders, options as ClientCertHeadersOptions), { code: 'POSTERN_ERR_OPTIONS_INVALID', message }, JSON.stringify(options))
  }
})
