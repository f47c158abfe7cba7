import type { ServerOptions as TlsOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { clientCertHeaders } from '../../plugins/client-cert-headers.ts'
import { trustedIntermediary, type TrustedIntermediaryOptions } from '../../plugins/trusted-intermediary.ts'
import { mintPki, type Issued, type Pki } from '../helpers/pki.ts'
import { sendRaw } from '../helpers/request-views.ts'

/** What an application that uses the plugin sees of a request. */
interface Seen {
  readonly user: null | { subject: string, issuer: string, serialNumber: string, source: string, der: string, chain: string[] }
  readonly names: string[]
}

interface Application {
  readonly ask: (fields?: string, who?: Issued) => Promise<Seen & { status: number }>
  readonly log: Array<Record<string, any>>
}

async function build (t: Test, pki: Pki, options: TrustedIntermediaryOptions, { https = true, verifyClient = true } = {}): Promise<Application> {
  const log: Application['log'] = []
  const logger = { level: 'info', stream: { write: (line: string) => { log.push(JSON.parse(line)) } } }
  const tls: TlsOptions = { key: pki.server.keyPem, cert: pki.server.chainPem, ca: pki.root.certPem, requestCert: verifyClient, rejectUnauthorized: false }
  const app = fastify({ logger, ...https ? { https: tls } : {} } as object) as FastifyInstance
  t.teardown(async () => { await app.close() })
  await app.register(trustedIntermediary, options)
  app.get('/', async ({ clientCertificate: user, raw }) => ({
    user: user === null ? null : { ...user, der: user.der.toString('base64'), chain: user.chain.map(({ subject }) => subject) },
    names: [...raw.rawHeaders.filter((_, index) => index % 2 === 0), ...Object.keys(raw.headers), ...Object.keys(raw.headersDistinct)].filter(name => /ssl|cert/i.test(name))
  }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const ask = async (fields = '', who?: Issued) => {
    const client: ConnectionOptions = { ca: pki.root.certPem, servername: 'localhost', ...who === undefined ? {} : { key: who.keyPem, cert: who.chainPem } }
    const lines = ['GET / HTTP/1.1', 'Host: localhost', 'Connection: close', ...fields === '' ? [] : [fields], '', '']
    const { status, text } = await sendRaw(t, port, lines.join('\r\n'), https ? client : undefined)
    return { status, ...JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as Seen }
  }
  return { ask, log }
}

const trusting = ({ gateway }: Pki, more: TrustedIntermediaryOptions = {}): TrustedIntermediaryOptions =>
  ({ trustedProxies: [{ subject: gateway.certificate.subject, issuer: gateway.certificate.issuer }], ...more })

const fieldsOf = ({ client, intermediate }: Pki) => `SSL_CLIENT_CERT: ${client.der.toString('base64')}\r\nSSL_CLIENT_CERT_CHAIN_1: ${intermediate.der.toString('base64')}\r\nSSL_CIPHER_SUITE: 1302`
const issuing = 'CN=Issuing CA, O=Example, C=DE'

t.test('a trusted predecessor tells who the user is', async t => {
  const pki = await mintPki(t)
  const { ask } = await build(t, pki, trusting(pki))
  const { user, names } = await ask(fieldsOf(pki), pki.gateway)
  const { subject, issuer, serialNumber, der } = pki.client.certificate
  t.strictSame(user, { subject, issuer, serialNumber, der: der.toString('base64'), chain: [issuing], source: 'header' })
  t.ok(names.includes('SSL_CLIENT_CERT'), 'kept fields stay readable')
})

t.test('without fields the certificate of the connection is the user\'s', async t => {
  const pki = await mintPki(t)
  const { ask } = await build(t, pki, trusting(pki))
  const { user, names } = await ask('', pki.client)
  t.match(user, { subject: pki.client.certificate.subject, chain: [issuing], source: 'connection' })
  t.strictSame(names, [], 'nothing is written into the request')
})

t.test('who is nobody', async t => {
  const pki = await mintPki(t)
  const fields = fieldsOf(pki)
  const foreignCa = await pki.issue({ subject: 'CN=Foreign', issuer: null, ca: true })
  const foreign = await pki.issue({ subject: pki.gateway.certificate.subject, issuer: foreignCa, usage: 'client' })
  const rows: Array<{ title: string, fields?: string, who?: Issued, options?: TrustedIntermediaryOptions, names?: string[] }> = [
    { title: 'no certificate, no fields' },
    { title: 'fields without a certificate', fields },
    { title: 'fields with a user\'s certificate: an intermediary, and not a trusted one', fields, who: pki.client },
    { title: 'fields with a certificate of another CA', fields, who: foreign },
    { title: 'fields, nobody is trusted', fields, who: pki.gateway, options: {} },
    { title: 'fields, a trusted name with another issuer', fields, who: pki.gateway, options: { trustedProxies: [{ subject: pki.gateway.certificate.subject, issuer: 'CN=Root CA, O=Example, C=DE' }] } },
    { title: 'a trusted predecessor without fields', who: pki.gateway },
    { title: 'a trusted predecessor of a user without a certificate', fields: 'SSL_CIPHER_SUITE: 1302', who: pki.gateway, names: ['SSL_CIPHER_SUITE', 'ssl_cipher_suite', 'ssl_cipher_suite'] },
    { title: 'the "no user" marker', fields: 'SSL_CLIENT_CERT:', who: pki.gateway, names: ['SSL_CLIENT_CERT', 'ssl_client_cert', 'ssl_client_cert'] },
    { title: 'a misspelt field of a trusted predecessor', fields: fields.replaceAll('_', '-'), who: pki.gateway, options: trusting(pki, { trustedCertificateAsUser: true }) }
  ]
  for (const { title, fields, who, options, names } of rows) {
    const { ask } = await build(t, pki, options ?? trusting(pki))
    t.match(await ask(fields, who), { status: 200, user: null, names: names ?? [] }, title)
  }
})

t.test('plain HTTP: fields are deleted unless they are accepted there', async t => {
  const pki = await mintPki(t)
  const closed = await build(t, pki, trusting(pki), { https: false })
  t.strictSame(await closed.ask(fieldsOf(pki)), { status: 200, user: null, names: [] })
  const open = await build(t, pki, { acceptOverHttp: true }, { https: false })
  t.match(await open.ask(fieldsOf(pki)), { user: { subject: pki.client.certificate.subject, source: 'header' } })
  t.match(await open.ask(), { user: null })
})

t.test('the old pair */* believes everybody, without a certificate too', async t => {
  const pki = await mintPki(t)
  const { ask } = await build(t, pki, { trustedProxies: [{ subject: '*', issuer: '*', legacy: true }] }, { verifyClient: false })
  t.match(await ask(fieldsOf(pki)), { user: { subject: pki.client.certificate.subject, source: 'header' } })
})

t.test('switched, a trusted certificate without fields is a user\'s', async t => {
  const pki = await mintPki(t)
  const { ask } = await build(t, pki, trusting(pki, { trustedCertificateAsUser: true }))
  t.match(await ask('', pki.gateway), { user: { subject: pki.gateway.certificate.subject, source: 'connection' } })
  t.match(await ask('SSL_CLIENT_CERT:', pki.gateway), { user: null }, 'the marker still says "no user"')
})

t.test('a field that is no certificate: nobody, and a line in the log', async t => {
  const pki = await mintPki(t)
  const { ask, log } = await build(t, pki, trusting(pki))
  const secret = Buffer.from('not a certificate').toString('base64')
  t.match(await ask(`SSL_CLIENT_CERT: ${secret}`, pki.gateway), { status: 200, user: null })
  t.match(await ask(`${fieldsOf(pki).replace(/CHAIN_1: .*/, 'CHAIN_1: x')}`, pki.gateway), { status: 200, user: null }, 'the chain counts too')
  const lines = log.filter(({ msg }) => msg === 'a trusted predecessor sent a field that is no certificate')
  t.equal(lines.length, 2)
  t.match(lines[0], { level: 40, err: { code: 'POSTERN_ERR_CLIENT_CERT_FIELD' }, predecessor: 'trusted' })
  t.notMatch(JSON.stringify(lines), secret)
})

t.test('refusals and removals are logged', async t => {
  const pki = await mintPki(t)
  const { ask, log } = await build(t, pki, trusting(pki, { maxHeaderFields: 6 }))
  t.match(await ask('SSL_CLIENT_CERT: a\r\nSSL_CLIENT_CERT: b', pki.gateway), { status: 400 })
  t.match(await ask('a: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\ne: 5'), { status: 431 })
  t.match(await ask('SSL_CLIENT_CERT: a', pki.client), { status: 200, user: null })
  const messages = log.map(({ msg }) => msg).filter(msg => /policy|removed/.test(msg))
  t.strictSame(messages, ['request refused by the header policy', 'request refused by the header policy', 'SSL header fields removed'])
})

t.test('other names, as the predecessor has them', async t => {
  const pki = await mintPki(t)
  const { ask } = await build(t, pki, trusting(pki, { fieldNames: { certificate: 'X-User-Cert' } }))
  t.match(await ask(`x-user-cert: ${pki.client.der.toString('base64')}`, pki.gateway), { user: { subject: pki.client.certificate.subject } })
  t.match(await ask(fieldsOf(pki), pki.gateway), { user: null }, 'SAP\'s name is another one then')
})

t.test('one guard a server, HTTP/1.1, options by name', async t => {
  const app = fastify()
  t.teardown(async () => { await app.close() })
  await app.register(trustedIntermediary, {})
  await t.rejects(async () => await app.register(clientCertHeaders, {}), { code: 'POSTERN_ERR_CLIENT_CERT_TWICE' })
  const http2 = fastify({ http2: true })
  t.teardown(async () => { await http2.close() })
  await t.rejects(async () => await http2.register(trustedIntermediary as any, {}), { code: 'POSTERN_ERR_CLIENT_CERT_HTTP2' })
  const wrong = fastify()
  t.teardown(async () => { await wrong.close() })
  await t.rejects(async () => await wrong.register(trustedIntermediary, { forwardClientCertificate: true } as any), { code: 'POSTERN_ERR_OPTIONS_INVALID' })
})
