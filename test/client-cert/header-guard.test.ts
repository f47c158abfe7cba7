import { IncomingMessage, Server } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { HeaderGuard, type HeaderGuardOptions } from '../../src/client-cert/header-guard.ts'
import { compileTrustRule } from '../../src/client-cert/policy.ts'
import { markReversed } from '../../src/http/reversed-connection.ts'
import { defaultFieldNames } from '../../src/client-cert/managed-fields.ts'
import { addHeaders, replaceHeaders } from '../../src/client-cert/request-views.ts'
import type { TlsConnection } from '../../src/tls/connection.ts'
import { mintPki } from '../helpers/pki.ts'

const options: HeaderGuardOptions = {
  policy: { forwardClientCertificate: true, trustRules: [], acceptOverHttp: false, untrustedFields: 'conninfo', trustedCertificateAsUser: false },
  names: defaultFieldNames,
  formats: ['sap'],
  write: { cipherSuiteFormat: 'hex' },
  maxHeaderFields: 2000,
  connectionOf: () => null
}

/** A request as Node's parser makes it. */
function requestOf (rawHeaders: string[], socket = new Socket()): IncomingMessage {
  const request = new IncomingMessage(socket)
  ;(request as IncomingMessage & { _addHeaderLines: (list: string[], count: number) => void })._addHeaderLines(rawHeaders, rawHeaders.length)
  return request
}

t.test('a connection that cannot be judged is refused, with all fields gone', async t => {
  const guard = new HeaderGuard({ ...options, connectionOf: () => { throw new RangeError('unexpected') } })
  const request = requestOf(['Host', 'a', 'SSL_CLIENT_CERT', 'forged'])
  const { refusal, decision, removed } = guard.admit(request)
  t.match(refusal, { code: 'POSTERN_ERR_CLIENT_CERT_CONNECTION', statusCode: 400, cause: { message: 'unexpected' } })
  t.notMatch(refusal?.message, 'unexpected', 'the message says nothing to the client')
  t.strictSame([decision, removed], [null, true])
  t.strictSame(request.rawHeaders, ['Host', 'a'])
})

t.test('a request is judged once, a connection too', async t => {
  const pki = await mintPki(t)
  let asked = 0
  const connection: TlsConnection = {
    protocol: 'TLSv1.3',
    cipherSuite: { name: 'TLS_AES_256_GCM_SHA384', code: 0x1302, keySizeBits: 256 },
    client: { certificate: pki.client.certificate, chain: [], chainComplete: true }
  }
  const guard = new HeaderGuard({ ...options, connectionOf: () => { asked++; return connection } })
  const socket = new Socket()
  const one = requestOf(['Host', 'a'], socket)
  t.equal(guard.admit(one), guard.admit(one))
  const expected = ['Host', 'a', 'SSL_CLIENT_CERT', pki.client.der.toString('base64'), 'SSL_CIPHER_USEKEYSIZE', '256', 'SSL_CIPHER_SUITE', '1302']
  t.strictSame(one.rawHeaders, expected)
  const two = requestOf(['Host', 'a'], socket)
  guard.admit(two)
  t.strictSame(two.rawHeaders, expected)
  t.equal(asked, 1)
})

t.test('the certificate of a reversed connection is never written, and nobody asks for its chain', async t => {
  const pki = await mintPki(t)
  const connection: TlsConnection = {
    protocol: 'TLSv1.3',
    cipherSuite: { name: 'TLS_AES_256_GCM_SHA384', code: 0x1302, keySizeBits: 256 },
    client: { certificate: pki.gateway.certificate, chain: [], chainComplete: false }
  }
  const clients: unknown[] = []
  const { subject, issuer } = pki.gateway.certificate
  const trusting: HeaderGuardOptions['policy'] = {
    ...options.policy, trustRules: [compileTrustRule('rule', { subject, issuer, legacy: false })], trustedCertificateAsUser: true
  }
  for (const [policy, predecessor] of [[options.policy, 'untrusted'], [trusting, 'trusted']] as const) {
    const guard = new HeaderGuard({ ...options, policy, connectionOf: () => connection, onClient: client => { clients.push(client) } })
    const socket = new Socket()
    markReversed(socket, { localAddress: '127.0.0.1', localPort: 443 })
    const request = requestOf(['Host', 'a'], socket)
    t.equal(guard.admit(request).decision?.predecessor, predecessor)
    t.strictSame(request.rawHeaders, ['Host', 'a', 'SSL_CIPHER_USEKEYSIZE', '256', 'SSL_CIPHER_SUITE', '1302'])
  }
  t.strictSame(clients, [])
})

t.test('a list as long as what the platform keeps may have been cut', async t => {
  const guard = new HeaderGuard(options)
  const list = (count: number) => Array.from({ length: count }, (_, index) => [`h${index}`, 'x']).flat()
  const told = Object.assign(new Socket(), { server: { maxHeadersCount: 0 } })
  t.equal(guard.admit(requestOf(list(999))).refusal, null)
  t.match(guard.admit(requestOf(list(1000))).refusal, { code: 'POSTERN_ERR_CLIENT_CERT_TOO_MANY_FIELDS', statusCode: 431 })
  t.equal(guard.admit(requestOf(list(1000), told)).refusal, null, 'the server was told to keep all')
  t.match(guard.admit(requestOf(list(2001), told)).refusal, { statusCode: 431 })
})

t.test('a server has one guard', async t => {
  const server = new Server()
  new HeaderGuard(options).attach(server, 'one')
  t.equal(server.maxHeadersCount, 0)
  t.throws(() => { new HeaderGuard(options).attach(server, 'two') }, { code: 'POSTERN_ERR_CLIENT_CERT_TWICE', message: /^two/ })
})

t.test('other listeners are left alone', async t => {
  const server = new Server()
  new HeaderGuard(options).attach(server, 'plugin')
  const listener = () => {}
  server.on('connection', listener).on('close', listener)
  await new Promise(setImmediate)
  t.strictSame(server.listeners('close'), [listener])
})

t.test('the views agree, whatever fields there are', async t => {
  const request = requestOf(['Set-Cookie', 'a', 'Set-Cookie', 'b', 'Host', 'x', 'Host', 'y', 'Cookie', 'c', 'Cookie', 'd', '__proto__', 'e', 'X', '1', 'x', '2', 'SSL-CLIENT-CERT', 'f'])
  const before = { ...request.headers }
  replaceHeaders(request, request.rawHeaders.slice(0, -2), ['SSL_CIPHER_SUITE', '1302'])
  delete before['ssl-client-cert']
  t.strictSame(request.headers, { ...before, ssl_cipher_suite: '1302' }, 'Node\'s own rules for joining')
  t.strictSame({ ...request.headersDistinct }, { 'set-cookie': ['a', 'b'], host: ['x', 'y'], cookie: ['c', 'd'], ['__proto__']: ['e'], x: ['1', '2'], ssl_cipher_suite: ['1302'] })
  t.strictSame(request.rawHeaders.slice(-4), ['x', '2', 'SSL_CIPHER_SUITE', '1302'])
})

t.test('injected requests lack a view', async t => {
  const injected = { rawHeaders: ['a', 'b', 'SSL_CLIENT_CERT', 'x'], headers: { a: 'b', ssl_client_cert: 'x' } } as unknown as IncomingMessage
  replaceHeaders(injected, ['a', 'b'], [])
  t.strictSame({ ...injected.headersDistinct }, {})
  t.strictSame(injected.headers, { a: 'b' })
  const other = { rawHeaders: [], headers: {} } as unknown as IncomingMessage
  addHeaders(other, ['X', 'y'])
  t.strictSame([other.rawHeaders, other.headers, { ...other.headersDistinct }], [['X', 'y'], { x: 'y' }, { x: ['y'] }])
})
