import { X509Certificate } from 'node:crypto'
import { DEFAULT_CIPHERS } from 'node:tls'
import t from 'tap'
import { IdentityServer } from '../../src/tls/identity-server.ts'
import { secureContextOptions, verificationOptions, type TlsSettings } from '../../src/tls/secure-context.ts'
import { mintPki } from '../helpers/pki.ts'
import { identityOf } from '../helpers/tls.ts'

const settings: TlsSettings = { verifyClient: 1, ciphers: null, groups: null, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', sessionTimeoutSeconds: null }

function certificatesIn (pem: unknown): string[] {
  return String(pem).split(/(?<=-----END CERTIFICATE-----\n)/).filter(one => one !== '').map(one => new X509Certificate(one).subject)
}

t.test('sends the chain without the root, and trusts nobody but the trust list', async t => {
  const pki = await mintPki(t)
  const options = secureContextOptions(identityOf(pki.server, [pki.root, pki.client, pki.root]), settings)
  t.same(certificatesIn(options.cert).map(subject => subject.split('\n').at(-1)), ['CN=localhost', 'CN=Issuing CA'])
  t.equal((options.ca as string[]).length, 2, 'each certificate once')
  t.strictSame(secureContextOptions(identityOf(pki.server, []), settings).ca, [], 'an empty list, not the roots of Node')
})

t.test('every context has a session id context of its own', async t => {
  const pki = await mintPki(t)
  const identity = identityOf(pki.server, [pki.root])
  t.not(secureContextOptions(identity, settings).sessionIdContext, secureContextOptions(identity, settings).sessionIdContext)
})

t.test('settings become options; null keeps the default', async t => {
  const identity = identityOf((await mintPki(t)).server, [])
  const plain = secureContextOptions(identity, settings)
  for (const name of ['ciphers', 'ecdhCurve', 'sessionTimeout']) t.notOk(name in plain, name)
  t.match(plain, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', honorCipherOrder: true })
  t.match(secureContextOptions(identity, { ...settings, ciphers: 'ECDHE', groups: 'X25519:P-256', sessionTimeoutSeconds: 300 }),
    { ciphers: 'ECDHE', ecdhCurve: 'X25519:P-256', sessionTimeout: 300 })
})

t.test('old versions get the security level that OpenSSL wants for them, and only they', async t => {
  const identity = identityOf((await mintPki(t)).server, [])
  const rows: Array<[TlsSettings['minVersion'], string | null, string | undefined]> = [
    ['TLSv1', null, `${DEFAULT_CIPHERS}:@SECLEVEL=0`],
    ['TLSv1.1', 'HIGH', 'HIGH:@SECLEVEL=0'],
    ['TLSv1', 'HIGH:@SECLEVEL=1', 'HIGH:@SECLEVEL=1'],
    ['TLSv1.2', 'HIGH', 'HIGH'],
    ['TLSv1.3', null, undefined]
  ]
  for (const [minVersion, ciphers, expected] of rows) t.equal(secureContextOptions(identity, { ...settings, minVersion, ciphers }).ciphers, expected)
})

t.test('verify_client (icm/HTTPS/verify_client)', async t => {
  t.strictSame(verificationOptions(0), { requestCert: false, rejectUnauthorized: false })
  t.strictSame(verificationOptions(1), { requestCert: true, rejectUnauthorized: false })
  t.strictSame(verificationOptions(2), { requestCert: true, rejectUnauthorized: true })
})

t.test('what cannot be used is refused with the name of the file and without any key', async t => {
  const pki = await mintPki(t)
  const identity = identityOf(pki.server, [])
  const serve = (overrides: Partial<typeof identity>, more: Partial<TlsSettings> = {}) =>
    new IdentityServer({ ...identity, ...overrides }, { ...settings, ...more, handshakeTimeoutMs: 1000 })
  t.throws(() => serve({ privateKey: null }), { code: 'POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY', message: /test\.pem/ })
  t.throws(() => serve({ certificate: null }), { code: 'POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY' })
  t.throws(() => serve({ privateKey: pki.client.key }), { code: 'POSTERN_ERR_TLS_CONTEXT', message: '/test.pem cannot be used for a TLS server: key values mismatch' })
  t.throws(() => serve({}, { ciphers: 'NONSENSE' }), { code: 'POSTERN_ERR_TLS_CONTEXT', message: /no cipher match/ })
  t.throws(() => serve({}, { groups: 'NONSENSE' }), { code: 'POSTERN_ERR_TLS_CONTEXT', message: /ECDH curve/ })
})
