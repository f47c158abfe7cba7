import t from 'tap'
import fc from 'fast-check'
import { defaultFieldNames, faultOfFieldNames, foldFieldName, ManagedFields } from '../../src/client-cert/managed-fields.ts'

const sap = new ManagedFields(defaultFieldNames, ['sap'])
const both = new ManagedFields(defaultFieldNames, ['sap', 'rfc9440'])
const rfc9440 = new ManagedFields(defaultFieldNames, ['rfc9440'])
const renamed = new ManagedFields({ certificate: 'X-User-Cert', chainPrefix: 'X-User-Chain.', keySize: 'X-Bits', cipherSuite: 'X-Suite' }, ['sap'])

/** Every way to write a name with upper and lower case and with - for _: 2^k spellings, chosen by bits. */
function spelling (name: string, bits: bigint): string {
  return [...name].map((character, index) => {
    const other = ((bits >> BigInt(index)) & 1n) === 1n
    if (character === '_' || character === '-') return other ? '-' : '_'
    return other ? character.toUpperCase() : character.toLowerCase()
  }).join('')
}

const managedNames = [
  'SSL_CLIENT_CERT', 'SSL_CLIENT_CERT_CHAIN_1', 'SSL_CLIENT_CERT_CHAIN_27', 'SSL_CLIENT_CERT_CHAIN_00000000000000000000001', 'SSL_CLIENT_CERT_CHAIN_', 'SSL_CLIENT_CERT_CHAIN',
  'SSL_CIPHER_USEKEYSIZE', 'SSL_CIPHER_SUITE', 'Client-Cert', 'Client-Cert-Chain', 'X-Forwarded-Client-Cert', 'clientprotocol', 'x-sap-webdisp-ap', 'x-sap-webdisp-target-sid'
]

t.test('every spelling of every managed name is recognised', async t => {
  for (const managed of [sap, both, rfc9440, renamed]) {
    fc.assert(fc.property(fc.constantFrom(...managedNames), fc.bigInt(0n, (1n << 64n) - 1n), (name, bits) => managed.identify(spelling(name, bits)) !== null), { numRuns: 2000 })
  }
})

t.test('and every spelling with more or fewer characters that are no letters or digits', async t => {
  const between = fc.array(fc.constantFrom(...'!#$%&\'*+-.^_`|~'), { maxLength: 2 }).map(parts => parts.join(''))
  fc.assert(fc.property(fc.constantFrom(...managedNames), fc.array(between, { minLength: 50, maxLength: 50 }), (name, separators) => {
    const plain = name.replace(/[_-]/g, '')
    return sap.identify([...plain].map((character, index) => `${separators[index]}${character}`).join('')) !== null
  }), { numRuns: 1000 })
})

t.test('spellings that were used in attacks', async t => {
  for (const name of ['Ssl_Client-Cert', 'SSL-CLIENT-CERT', 'ssl.client.cert', 'SSLCLIENTCERT', '_SSL_CLIENT_CERT', 'SSL_CLIENT_CERT_', 'HTTP_SSL_CLIENT_CERT', 'Http-Ssl-Client-Cert-Chain-1', 'HTTP_HTTP_CLIENT_CERT', 'http_clientprotocol']) {
    const field = sap.identify(name)
    t.ok(field !== null && !field.exact, name)
  }
})

t.test('only names spelt as configured can be kept, letter case apart', async t => {
  const rows: Array<[ManagedFields, string, boolean]> = [
    [sap, 'SSL_CLIENT_CERT', true],
    [sap, 'ssl_client_cert', true],
    [sap, 'SSL_CLIENT_CERT_CHAIN_0', true],
    [sap, 'SSL_CLIENT_CERT_CHAIN_1', true],
    [sap, 'ssl_client_cert_chain_120', true],
    [sap, 'SSL_CLIENT_CERT_CHAIN_01', false],
    [sap, 'SSL_CLIENT_CERT_CHAIN_', false],
    [sap, 'SSL_CLIENT_CERT_CHAIN-1', false],
    [sap, 'SSL_CIPHER_USEKEYSIZE', true],
    [sap, 'SSL_CIPHER_SUITE', true],
    [sap, 'SSL-CIPHER-SUITE', false],
    [sap, 'Client-Cert', false],
    [sap, 'Client-Cert-Chain', false],
    [sap, 'X-Forwarded-Client-Cert', false],
    [rfc9440, 'Client-Cert', true],
    [rfc9440, 'client-cert-chain', true],
    [both, 'Client-Cert', false],
    [rfc9440, 'Client_Cert', false],
    [both, 'SSL_CLIENT_CERT', true],
    [rfc9440, 'SSL_CLIENT_CERT', false],
    [rfc9440, 'SSL_CLIENT_CERT_CHAIN_1', false],
    [renamed, 'x-user-cert', true],
    [renamed, 'X-User-Chain.3', true],
    [renamed, 'X-User-Chain-3', false],
    [renamed, 'SSL_CLIENT_CERT', false],
    [renamed, 'SSL_CLIENT_CERT_CHAIN_1', false],
    [renamed, 'SSL_CIPHER_SUITE', false],
    [sap, 'clientprotocol', true],
    [sap, 'Client-Protocol', false],
    [sap, 'X-SAP-WEBDISP-AP', true],
    [sap, 'X_SAP_WEBDISP_AP', false],
    [sap, 'xsapwebdisp', false]
  ]
  for (const [managed, name, exact] of rows) t.equal(managed.identify(name)?.exact, exact, name)
})

t.test('what is said once, and what tells of a certificate', async t => {
  t.match(sap.identify('SSL_CLIENT_CERT'), { role: 'certificate', single: true })
  t.match(rfc9440.identify('Client-Cert-Chain'), { role: 'certificate', single: false }, 'a list may come in several fields')
  t.match(sap.identify('clientprotocol'), { role: 'routing' })
  t.match(sap.identify('client_protocol'), { role: 'routing' })
  t.match(sap.identify('x-sap-webdisp-ap'), { role: 'routing' })
  t.match(sap.identify('Connection'), { role: 'connection' })
  t.match(sap.identify('Trailer'), { role: 'connection' })
})

t.test('other fields are left alone', async t => {
  for (const name of ['Host', 'Cookie', 'Authorization', 'X-Forwarded-For', 'SSL_CLIENT_VERIFY', 'SSL_CLIENT_CERTIFICATE', 'SSL_CLIENT_CERT_CHAIN_1_2_x', 'client', 'clientcerts', 'X-SAP-Webdis', '1', 'http']) {
    t.equal(sap.identify(name), null, name)
  }
  t.equal(renamed.identify('X-User-Chains'), null)
})

t.test('what is remembered does not depend on the names clients choose', async t => {
  const managed = new ManagedFields(defaultFieldNames, ['sap'])
  for (let index = 0; index < 1200; index++) managed.identify(`x-${index}`)
  t.equal(managed.identify('x-1'), null)
  t.ok(managed.identify('SSL_CLIENT_CERT')?.exact)
  t.ok(managed.identify('SSL_CLIENT_CERT')?.exact, 'the second time too')
  const kept = t.capture(Map.prototype, 'set', Map.prototype.set)
  const fields = ['x'.repeat(60_000), `SSL_CLIENT_CERT${'_'.repeat(60_000)}`, 'x-kept'].map(name => managed.identify(name))
  kept.restore()
  t.strictSame(fields.map(field => field?.exact), [undefined, false, undefined])
  t.strictSame(kept().map(({ args: [name] }) => name), ['x-kept'], 'long names are not kept')
})

t.test('folding is stable', async t => {
  fc.assert(fc.property(fc.string(), name => foldFieldName(foldFieldName(name)) === foldFieldName(name)))
  t.equal(foldFieldName('HTTP_SSL_Client-Cert'), 'sslclientcert')
})

t.test('names that cannot be told apart, and names of HTTP, are refused', async t => {
  t.equal(faultOfFieldNames(defaultFieldNames), null)
  t.match(faultOfFieldNames({ ...defaultFieldNames, keySize: 'ssl-client-cert' }), /two names/)
  t.match(faultOfFieldNames({ ...defaultFieldNames, chainPrefix: 'SSL_CLIENT_CERT_' }), /two names/)
  t.match(faultOfFieldNames({ ...defaultFieldNames, certificate: 'Host' }), /"host"/)
  t.match(faultOfFieldNames({ ...defaultFieldNames, cipherSuite: '___' }), /belongs to HTTP/)
})
