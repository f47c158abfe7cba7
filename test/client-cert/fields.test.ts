import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { ownFields, rfc9440FromSap, type CipherSuiteFormat, type FieldOptions } from '../../src/client-cert/fields.ts'
import { readForwardedCertificate } from '../../src/client-cert/forwarded-certificate.ts'
import { defaultFieldNames } from '../../src/client-cert/managed-fields.ts'
import { mintPki } from '../helpers/pki.ts'

const suite = { name: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', code: 0xc02f, keySizeBits: 128 }
const sap: FieldOptions = { names: defaultFieldNames, formats: ['sap'], cipherSuiteFormat: 'hex' }

t.test('SAP\'s fields: certificate, chain without root, key size, suite', async t => {
  const { client, intermediate } = await mintPki(t)
  const base64 = (der: Buffer) => new X509Certificate(der).raw.toString('base64')
  const fields = ownFields({ cipherSuite: suite, client: { certificate: client.certificate, chain: [intermediate.certificate], chainComplete: true } }, sap)
  const conninfo = ['SSL_CIPHER_USEKEYSIZE', '128', 'SSL_CIPHER_SUITE', 'C02F']
  t.strictSame(fields.conninfo, conninfo)
  t.strictSame(fields.certificate, ['SSL_CLIENT_CERT', base64(client.der), 'SSL_CLIENT_CERT_CHAIN_1', base64(intermediate.der), ...conninfo])
  t.notMatch(fields.certificate[1], /[\r\n\t ]|BEGIN/, 'one line (spec 4.1)')
  t.strictSame(ownFields({ cipherSuite: suite, client: null }, sap), { conninfo, certificate: conninfo })
})

t.test('names as configured', async t => {
  const { client, intermediate } = await mintPki(t)
  const names = { certificate: 'X-Cert', chainPrefix: 'X-Chain-', keySize: 'X-Bits', cipherSuite: 'X-Suite' }
  const { certificate } = ownFields({ cipherSuite: suite, client: { certificate: client.certificate, chain: [intermediate.certificate, client.certificate], chainComplete: true } }, { ...sap, names })
  t.strictSame(certificate.filter((_, index) => index % 2 === 0), ['X-Cert', 'X-Chain-1', 'X-Chain-2', 'X-Bits', 'X-Suite'])
})

t.test('the fields of RFC 9440: byte sequences, the chain as one list', async t => {
  const { client, intermediate, server } = await mintPki(t)
  const connection = { cipherSuite: suite, client: { certificate: client.certificate, chain: [intermediate.certificate, server.certificate], chainComplete: true } }
  const sequence = (der: Buffer) => `:${der.toString('base64')}:`
  const expected = ['Client-Cert', sequence(client.der), 'Client-Cert-Chain', `${sequence(intermediate.der)}, ${sequence(server.der)}`]
  t.strictSame(ownFields(connection, { ...sap, formats: ['rfc9440'] }), { conninfo: [], certificate: expected })
  t.strictSame(ownFields(connection, { ...sap, formats: ['sap', 'rfc9440'] }).certificate.slice(-4), expected)
  t.strictSame(ownFields({ ...connection, client: { ...connection.client, chain: [] } }, { ...sap, formats: ['rfc9440'] }).certificate, expected.slice(0, 2))
})

t.test('the fields of RFC 9440 made from SAP\'s', async t => {
  const rows: Array<[fields: string[], expected: string[]]> = [
    [['ssl_client_cert', 'QUJD', 'SSL_CLIENT_CERT_CHAIN_2', 'Mg==', 'SSL_CLIENT_CERT_CHAIN_1', 'MQ=='], ['Client-Cert', ':QUJD:', 'Client-Cert-Chain', ':MQ==:, :Mg==:']],
    [['SSL_CLIENT_CERT', 'QUJD'], ['Client-Cert', ':QUJD:']],
    [['SSL_CLIENT_CERT', 'QUJD', 'SSL_CLIENT_CERT_CHAIN_1', ':x:', 'SSL_CLIENT_CERT_CHAIN_2', 'Mg=='], ['Client-Cert', ':QUJD:']],
    [['SSL_CLIENT_CERT', ''], []],
    [['SSL_CLIENT_CERT', 'a:, :b'], []],
    [['SSL_CIPHER_SUITE', '1302'], []]
  ]
  for (const [fields, expected] of rows) t.strictSame(rfc9440FromSap(fields, defaultFieldNames), expected, fields.join(' '))
})

t.test('forms of the cipher suite', async t => {
  const rows: Array<[CipherSuiteFormat, string | undefined]> = [
    ['hex', '0005'], ['hex_pair', '00,05'], ['decimal_pair', '0,5'], ['name', 'TLS_RSA_WITH_RC4_128_SHA'], ['off', undefined]
  ]
  for (const [cipherSuiteFormat, value] of rows) {
    const { conninfo } = ownFields({ cipherSuite: { name: 'TLS_RSA_WITH_RC4_128_SHA', code: 5, keySizeBits: 128 }, client: null }, { ...sap, cipherSuiteFormat })
    t.strictSame(conninfo, ['SSL_CIPHER_USEKEYSIZE', '128', ...value === undefined ? [] : ['SSL_CIPHER_SUITE', value]], cipherSuiteFormat)
  }
})

t.test('an unknown suite still says that this was TLS', async t => {
  t.strictSame(ownFields({ cipherSuite: null, client: null }, sap).conninfo, ['SSL_CIPHER_USEKEYSIZE', '0'])
})

t.test('what one hop writes the next one reads', async t => {
  const { client, intermediate, server } = await mintPki(t)
  const connection = { cipherSuite: suite, client: { certificate: client.certificate, chain: [intermediate.certificate, server.certificate], chainComplete: true } }
  const found = readForwardedCertificate(ownFields(connection, sap).certificate, defaultFieldNames)
  t.equal(found?.certificate.subject, 'CN=user, OU=Test, O=Example, C=DE')
  t.strictSame(found?.chain.map(({ fingerprint256 }) => fingerprint256), [intermediate, server].map(({ certificate }) => certificate.fingerprint256))
})

t.test('no user: no field, or an empty one', async t => {
  t.equal(readForwardedCertificate(['Host', 'a'], defaultFieldNames), null)
  t.equal(readForwardedCertificate(['SSL_CIPHER_SUITE', '1302'], defaultFieldNames), null)
  t.equal(readForwardedCertificate(['ssl_client_cert', ''], defaultFieldNames), null)
  t.equal(readForwardedCertificate(['x', 'SSL_CLIENT_CERT', 'y', 'z'], defaultFieldNames), null, 'a value is no name')
})

t.test('what is no certificate is an error', async t => {
  const { client, intermediate } = await mintPki(t)
  const base64 = client.der.toString('base64')
  const rows: Array<[string, string]> = [
    ['text', 'dummy'],
    ['base64 of something else', Buffer.from('hello').toString('base64')],
    ['two values joined', `${base64}, ${base64}`],
    ['a blank inside', `${base64.slice(0, 64)} ${base64.slice(64)}`],
    ['base64url', Buffer.concat([client.der, Buffer.from([0xff, 0xff])]).toString('base64url')],
    ['PEM', client.certPem.replaceAll('\n', ' ')],
    ['two certificates', Buffer.concat([client.der, intermediate.der]).toString('base64')]
  ]
  const faulty = { code: 'POSTERN_ERR_CLIENT_CERT_FIELD' }
  for (const [title, value] of rows) {
    t.throws(() => readForwardedCertificate(['SSL_CLIENT_CERT', value], defaultFieldNames), faulty, title)
    t.throws(() => readForwardedCertificate(['SSL_CLIENT_CERT', base64, 'SSL_CLIENT_CERT_CHAIN_1', value], defaultFieldNames), faulty, `${title}, in the chain`)
  }
})

t.test('the chain ends at the first gap, and at a bound', async t => {
  const { client, intermediate } = await mintPki(t)
  const value = intermediate.der.toString('base64')
  const chain = (numbers: readonly number[]) => readForwardedCertificate(
    ['SSL_CLIENT_CERT', client.der.toString('base64'), ...numbers.flatMap(number => [`SSL_CLIENT_CERT_CHAIN_${number}`, value])], defaultFieldNames)?.chain.length
  t.equal(chain([1, 2, 4]), 2)
  t.equal(chain([2]), 0)
  t.equal(chain(Array.from({ length: 30 }, (_, index) => index + 1)), 20)
})
