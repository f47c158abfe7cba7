import t from 'tap'
import fc from 'fast-check'
import { rewriteFields, scanFields } from '../../src/client-cert/field-list.ts'
import { defaultFieldNames, ManagedFields } from '../../src/client-cert/managed-fields.ts'

const managed = new ManagedFields(defaultFieldNames, ['sap'])
const rfc9440 = new ManagedFields(defaultFieldNames, ['rfc9440'])
const raw = (text: string) => text === '' ? [] : text.split('|').flatMap(field => [field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 1)])
const text = (list: readonly string[]) => list.flatMap((name, index) => index % 2 === 0 ? `${name}:${list[index + 1]}` : []).join('|')

t.test('tells what there is', async t => {
  const rows: Array<[list: string, fields: string, duplicates: boolean, touched: boolean]> = [
    ['', 'absent', false, false],
    ['Host:a|Accept:b', 'absent', false, false],
    ['Host:a|Connection:keep-alive', 'absent', false, false],
    ['Connection:close', 'absent', false, false],
    ['Connection:Upgrade, keep-alive', 'absent', false, false],
    ['SSL_CLIENT_CERT:a', 'present', false, true],
    ['SSL_CLIENT_CERT:', 'present', false, true],
    ['SSL_CIPHER_SUITE:1302', 'present', false, true],
    ['ssl-client-cert:a', 'misspelt', false, true],
    ['ssl-client-cert:a|ssl-client-cert:b', 'misspelt', false, true],
    ['ssl-client-cert:a|SSL_CLIENT_CERT:b', 'present', false, true],
    ['SSL_CLIENT_CERT:b|ssl-client-cert:a', 'present', false, true],
    ['SSL_CLIENT_CERT:a|SSL_CLIENT_CERT:a', 'present', true, true],
    ['SSL_CLIENT_CERT:a|ssl_client_cert:a', 'present', true, true],
    ['SSL_CLIENT_CERT_CHAIN_1:a|SSL_CLIENT_CERT_CHAIN_1:b', 'present', true, true],
    ['SSL_CLIENT_CERT_CHAIN_1:a|SSL_CLIENT_CERT_CHAIN_2:b', 'present', false, true],
    ['clientprotocol:https', 'absent', false, true],
    ['clientprotocol:https|clientprotocol:http', 'absent', false, true],
    ['Connection:close, SSL_CLIENT_CERT', 'absent', false, true],
    ['Trailer:Ssl-Client-Cert', 'absent', false, true],
    ['Client-Cert:a', 'misspelt', false, true],
    ['X-Forwarded-Client-Cert:a', 'misspelt', false, true]
  ]
  for (const [list, fields, duplicates, touched] of rows) t.strictSame({ ...scanFields(raw(list), managed), names: undefined }, { fields, duplicates, touched, names: undefined }, list)
  t.match(scanFields(raw('Client-Cert:a|Client-Cert-Chain:b|Client-Cert-Chain:c'), rfc9440), { fields: 'present', duplicates: false })
  t.match(scanFields(raw('Client-Cert:a|client-cert:b'), rfc9440), { fields: 'present', duplicates: true })
})

t.test('removes managed fields, or keeps the ones spelt as configured where they are', async t => {
  const rows: Array<{ list: string, removed: string, kept: string }> = [
    { list: 'Host:a|SSL_CLIENT_CERT:b|Cookie:c', removed: 'Host:a|Cookie:c', kept: 'Host:a|SSL_CLIENT_CERT:b|Cookie:c' },
    { list: 'ssl_client_cert:|ssl-client-cert:x|SSL_CLIENT_CERT_CHAIN_1:y|X-Forwarded-Client-Cert:z', removed: '', kept: 'ssl_client_cert:|SSL_CLIENT_CERT_CHAIN_1:y' },
    { list: 'clientprotocol:https|client_protocol:http|X-SAP-WEBDISP-AP:1', removed: '', kept: 'clientprotocol:https|X-SAP-WEBDISP-AP:1' },
    { list: 'Connection:close, SSL_CLIENT_CERT', removed: 'Connection:close', kept: 'Connection:close' },
    { list: 'Connection:SSL_CLIENT_CERT|Host:a', removed: 'Host:a', kept: 'Host:a' },
    { list: 'Connection: ssl-client-cert ,Upgrade|Upgrade:websocket', removed: 'Connection:Upgrade|Upgrade:websocket', kept: 'Connection:Upgrade|Upgrade:websocket' },
    { list: 'Connection:|Connection:SSL_CIPHER_SUITE', removed: '', kept: '' },
    { list: 'Connection:close|Connection:"SSL_CLIENT_CERT_CHAIN_1"', removed: 'Connection:close', kept: 'Connection:close' },
    { list: 'Connection:X-Other,, close', removed: 'Connection:X-Other,, close', kept: 'Connection:X-Other,, close' },
    { list: 'Connection:Connection, SSL_CLIENT_CERT', removed: 'Connection:Connection', kept: 'Connection:Connection' },
    { list: 'Trailer:X-Sum, Ssl_Client_Cert', removed: 'Trailer:X-Sum', kept: 'Trailer:X-Sum' },
    { list: 'a:1|A:2|a:3', removed: 'a:1|A:2|a:3', kept: 'a:1|A:2|a:3' }
  ]
  for (const { list, removed, kept } of rows) {
    t.equal(text(rewriteFields(raw(list), managed, { keepExact: false })), removed, `removed: ${list}`)
    t.equal(text(rewriteFields(raw(list), managed, { keepExact: true })), kept, `kept: ${list}`)
  }
})

const name = fc.constantFrom('Host', 'Connection', 'Trailer', 'SSL_CLIENT_CERT', 'Ssl-Client-Cert', 'SSL_CLIENT_CERT_CHAIN_1', 'client-cert', 'clientprotocol', 'X-SAP-WEBDISP-AP', 'x', 'constructor', '__proto__')
const value = fc.constantFrom('', 'a', 'close', 'SSL_CLIENT_CERT', 'close, SSL-CLIENT-CERT', 'x,SSL_CIPHER_SUITE,y')
const list = fc.array(fc.tuple(name, value), { maxLength: 8 }).map(fields => fields.flat())

t.test('what is rewritten has nothing left to remove, and loses no other field', async t => {
  fc.assert(fc.property(list, rawHeaders => {
    const clean = rewriteFields(rawHeaders, managed, { keepExact: false })
    const others = (fields: readonly string[]) => fields.filter((_, index) => managed.identify(fields[index - index % 2]!) === null)
    return !scanFields(clean, managed).touched && JSON.stringify(others(clean)) === JSON.stringify(others(rawHeaders))
  }), { numRuns: 2000 })
})

t.test('a list that is not touched is rewritten to itself', async t => {
  fc.assert(fc.property(list, rawHeaders => scanFields(rawHeaders, managed).touched ||
    JSON.stringify(rewriteFields(rawHeaders, managed, { keepExact: false })) === JSON.stringify(rawHeaders.filter((_, index) => !isEmptyList(rawHeaders, index)))), { numRuns: 2000 })
})

/** An empty Connection or Trailer field says nothing and may go. */
function isEmptyList (fields: readonly string[], index: number): boolean {
  const at = index - index % 2
  return managed.identify(fields[at]!)?.role === 'connection' && fields[at + 1] === ''
}
